/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A command: one file cmd_NAME.c with one `const struct cmd cmd_NAME`, listed in main.c. main
 * parses the options into a zeroed block of args_size bytes (after init), checks the number of
 * positionals, calls run and turns its result into the exit status.
 */
#pragma once
#include "base/strv.h"
#include "cmd/conf.h"
#include "cmd/opt.h"
#include "cmd/out.h"
#include <stdbool.h>
#include <stddef.h>

struct err;
struct store;

#define EXIT_OURS 125 /* our own failure, as buildah, docker and podman */

/* What the global options say. */
struct app {
	struct out out;
	const char *root; /* --root; NULL: the default store */
	char *default_root; /* what root points to when it was not said */
	char *creds; /* --creds with what was asked for; NULL: nothing was */
	const char *registries_conf; /* --registries-conf */
	const char *registries_conf_dir; /* --registries-conf-dir */
	const char *short_name_aliases; /* --short-name-alias-conf */
	const char *mounts_file; /* --default-mounts-file */
	const char *log_level; /* --log-level */
	const char *storage_driver; /* --storage-driver */
	struct strv storage_opts; /* --storage-opt */
	struct strv userns_uid_maps, userns_gid_maps; /* --userns-uid-map, --userns-gid-map */
	bool debug, offline, version, help;
	bool begun; /* set by a command of CMD_AGAIN: what it has done cannot be done twice */
	struct conf conf; /* containers.conf */
	struct storage_conf storage; /* storage.conf */
};

enum cmd_flags {
	CMD_USERNS = 1 << 0, /* touches layers: enters the user namespace first when not root */
	CMD_OPTIONS_FIRST = 1 << 1, /* options end at the first positional */
	CMD_COLLECT = 1 << 2, /* fills the store: a collection may follow */
	CMD_PLAIN = 1 << 3, /* reads no configuration */
	CMD_BUILDAH_ORDER = 1 << 4, /* called buildah: as CMD_OPTIONS_FIRST */
	CMD_BUILDAH_WORDS = 1 << 5, /* the same, and a later option is refused by name */
	CMD_AGAIN =
		1
		<< 6, /* all or nothing until app.begun: tried again when a full disk could be made room on */
};

struct cmd {
	const char *name;
	const char *aliases; /* "list ls", blank-separated; NULL none */
	const struct opt *options;
	size_t args_size;
	size_t min_args, max_args; /* positionals; max CMD_ANY: any number */
	int flags;
	void (*init)(void *args); /* defaults other than zero; may be NULL */
	/* 0..255: the exit status; negative: an error (main prints it; ERR_COMMAND exits with
	 * err->sys, all others with EXIT_OURS) */
	int (*run)(struct app *app, void *args, const struct strv *rest, struct err *err);
};
#define CMD_ANY ((size_t)-1)

/* Opens the store of the global options; flags: of enum store_open_flags. */
int app_store(struct app *app, int flags, struct store **ret, struct err *err)
	__attribute__((warn_unused_result));

extern const struct cmd cmd_build;
