/* SPDX-License-Identifier: Apache-2.0 */
/*
 * containers.conf(5) and storage.conf(5): the settings in them that mean something here. They are
 * the defaults of options, so a value that is said on the command line or in the environment wins.
 *
 * containers.conf is merged from /etc/containers/containers.conf, the drop-ins of containers.conf.d
 * beside it, and the same two of the user (~/.config/containers), or is the one file that
 * $CONTAINERS_CONF names; $CONTAINERS_CONF_OVERRIDE is read last. A list replaces the one before,
 * unless it has {append=true} in it. The distribution's copy in /usr/share/containers, which states
 * what podman does by default, is not read.
 *
 * Of storage.conf one file is read: $CONTAINERS_STORAGE_CONF, else the user's, else that of /etc,
 * else that of /usr/share. A file that is missing is an empty one, unless a variable names it.
 */
#pragma once
#include "base/strv.h"
#include <stdbool.h>
#include <stdint.h>

struct err;

struct conf {
	/* [containers] */
	struct strv capabilities; /* default_capabilities; empty: not said */
	struct strv devices, dns, dns_search, dns_options, sysctls, ulimits, volumes;
	char *base_hosts_file, *netns, *seccomp_profile, *shm_size;
	char *host_address; /* host_containers_internal_ip */
	char *cgroupns, *ipcns, *pidns, *userns, *utsns;
	int http_proxy, no_hosts; /* -1: not said */
	int name_as_hostname; /* container_name_as_hostname; -1: not said */
	/* [engine] */
	struct strv engine_env, add_compression, cdi_spec_dirs;
	char *copy_tmp_dir, *retry_delay;
	int64_t retry; /* -1: not said */
	struct strv slirp_options; /* network_cmd_options */
	/* [network] */
	char *network_helper; /* default_rootless_network_cmd */
	struct strv pasta_options;
	char *network; /* what conf_fill_network() made of these, or NULL */
	struct strv filled; /* options that have their values from here */
};

/* ERR_INVALID, with the file and the line or the key */
int conf_load(struct conf *ret, struct err *err) __attribute__((warn_unused_result));
/* One file's text over what is there. For conf_load() and the tests. */
int conf_add(struct conf *c, const char *text, size_t n, const char *what, struct err *err)
	__attribute__((warn_unused_result));
void conf_init(struct conf *c);
void conf_done(struct conf *c);
#define AUTO_CONF __attribute__((cleanup(conf_done)))

/* ~/.config/containers/NAME; NULL without a home. New string. */
char *conf_user_file(const char *name);

/* What steps and containers get when no option says it: fills the members that are empty. What is
 * filled in is borrowed from c. default_capabilities take the place of the usual ones, to which
 * --cap-add and --cap-drop apply. ERR_INVALID */
struct box_args;
int conf_fill_box(struct conf *c, struct box_args *a, struct strv *volumes, struct err *err)
	__attribute__((warn_unused_result));

/* The first of it: what containers have from when they run, as default_ulimits. */
int conf_fill_run(struct conf *c, struct box_args *a, struct err *err)
	__attribute__((warn_unused_result));

/* What connects a private network and how, in the words of --network; what is said there comes
 * last, and wins. To be called when something is run: containers keep but what was said. */
int conf_fill_network(struct conf *c, struct box_args *a, struct err *err)
	__attribute__((warn_unused_result));

/* What the namespaces are. */
struct space_args;
void conf_fill_space(struct conf *c, struct space_args *a);
/* An error that names an option which nobody gave names the file and the key in place of it. */
void conf_blame(const struct conf *c, struct err *err);

struct storage_conf {
	char *driver; /* NULL: not said */
	char *root; /* where our store is to lie; NULL: not said, or the place that containers-storage
	               has without being told */
	struct strv additional; /* additionalimagestores */
	char *auto_user; /* root-auto-userns-user; NULL: not said */
	struct strv limits; /* those of containers' files that are said, and not kept here */
};

int storage_conf_load(struct storage_conf *ret, struct err *err)
	__attribute__((warn_unused_result));
void storage_conf_done(struct storage_conf *c);
#define AUTO_STORAGE_CONF __attribute__((cleanup(storage_conf_done)))
