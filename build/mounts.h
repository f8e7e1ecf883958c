/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The value of RUN --mount: CSV of key=value, as BuildKit's parseMount reads it, with buildah's
 * spellings tmpfs-size, tmpfs-mode, z, Z and relabel, and its tmpcopyup, noexec, nosuid and nodev.
 * Text only: whether a source or a secret exists is for the caller.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct err;

enum mount_type { MOUNT_BIND, MOUNT_CACHE, MOUNT_TMPFS, MOUNT_SECRET, MOUNT_SSH };
enum mount_sharing { MOUNT_SHARED, MOUNT_PRIVATE, MOUNT_LOCKED };

struct mount_opts {
	enum mount_type type;
	char *from, *source, *target, *id, *env; /* NULL: not given */
	bool read_only; /* default: bind only */
	bool required;
	enum mount_sharing sharing;
	bool copy_up; /* tmpfs: begins with what it is mounted over */
	bool no_exec, no_suid;
	uint64_t size; /* tmpfs: bytes, 0: no limit */
	bool has_mode, has_uid, has_gid;
	mode_t mode;
	uid_t uid;
	gid_t gid;
};

/* The value with its variables expanded, a new string. */
typedef int (*mount_expand_fn)(void *arg, const char *value, char **ret, struct err *err);

/* ERR_INVALID: text of BuildKit's kind, "did you mean" included. ret is to be done after success
 * only. *ret_field: on failure the field at fault as it is written, a new string, or NULL when it
 * is the whole. */
int mount_parse(const char *text, mount_expand_fn expand, void *arg, struct mount_opts *ret,
	char **ret_field, struct err *err) __attribute__((warn_unused_result));

/* Tells of everything that mount_parse() would refuse, whatever the variables are: fault() is
 * called for each, with the field or NULL. What a variable stands for is not looked at. */
typedef void (*mount_fault_fn)(void *arg, const char *field, const struct err *what);
void mount_faults(const char *text, char escape, mount_fault_fn fault, void *arg);
void mount_opts_done(struct mount_opts *m);
/* "bind" */
const char *mount_type_name(enum mount_type type);
