/* SPDX-License-Identifier: Apache-2.0 */
/* What the face (cgroup.c) and the two versions share. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct run_limits;

enum controller {
	CONTROLLER_CPU = 1 << 0,
	CONTROLLER_CPUSET = 1 << 1,
	CONTROLLER_MEMORY = 1 << 2,
	CONTROLLER_PIDS = 1 << 3,
	CONTROLLER_DEVICES = 1 << 4, /* version 2: none, and always there (cgroup_devices.c) */
};
#define CONTROLLERS 5
extern const char *const controller_names[CONTROLLERS]; /* by bit number */
/* "cpu" etc. in a list separated by `sep`, as bits */
unsigned controllers_parse(const char *list, char sep);

/* One hierarchy as mounted here, and where we are in it. */
struct hierarchy {
	bool v2;
	unsigned controllers;
	char *name; /* last component of the mount point: "memory", "cpu,cpuacct" */
	char *mount; /* mount point */
	char *own; /* directory of our own cgroup */
	bool swept; /* what dead ones of us left is gone */
};

#define HIERARCHIES_MAX 16
struct hierarchies {
	struct hierarchy h[HIERARCHIES_MAX];
	size_t n;
};
/* Those that are mounted here and that we are in, found out once. */
int hierarchies_find(struct hierarchies **ret, struct err *err) __attribute__((warn_unused_result));

/* One directory that we made. */
struct cgroup_dir {
	bool v2;
	unsigned controllers; /* those that are used here */
	char *path;
	char *hierarchy;
	int fd; /* of the directory */
	int procs; /* its cgroup.procs, for joining */
};

/* Write text to a file of the directory; 0 or -1 with errno. */
int cgroup_write(int dirfd, const char *file, const char *text);
/* Reads a small file, of a longer one whole lines; buf is terminated, without the newline at the
 * end. 0 or -1 with errno. */
int cgroup_read(int dirfd, const char *file, char *buf, size_t n);
/* "key value" lines: the value of key, 0 when missing */
uint64_t cgroup_read_key(int dirfd, const char *file, const char *key);
/* ERR_UNSUPPORTED "<flag>: cannot write <file>: errno text" */
int cgroup_refused(struct err *err, const char *flag, const char *file);

/* Find the directory under which a child with these controllers (version 2: none will do) can be
 * made. *ret_parent: a new string. ERR_UNSUPPORTED: there is none. */
int cgroup_v1_parent(const struct hierarchy *h, unsigned need, char **ret_parent, struct err *err)
	__attribute__((warn_unused_result));
int cgroup_v2_parent(const struct hierarchy *h, unsigned need, char **ret_parent, struct err *err)
	__attribute__((warn_unused_result));
/* A child of dir can have these controllers; false with errno. */
bool cgroup_v2_delegate(const char *dir, unsigned need);
/* Processes may enter this directory: it has the processors and memory nodes of the one above,
 * unless it has some of its own. False with errno. */
bool cgroup_v1_inherit(const char *dir, unsigned controllers);
/* Do the devices take a list? The list, for an empty directory. */
bool cgroup_devices_needed(const struct run_limits *l);
int cgroup_devices_v1(int dir, const struct run_limits *l, struct err *err)
	__attribute__((warn_unused_result));
int cgroup_devices_v2(int dir, const struct run_limits *l, struct err *err)
	__attribute__((warn_unused_result));
/* file: "cpuset.cpus" or "cpuset.mems"; have: where the kernel says which may be used. ERR_INVALID:
 * not all that is wanted may be. */
int cgroup_set_refused(struct err *err, const char *flag, const char *want, int dir,
	const char *have) __attribute__((warn_unused_result));
int cgroup_v1_limit(const struct cgroup_dir *d, const struct run_limits *l, struct err *err)
	__attribute__((warn_unused_result));
int cgroup_v2_limit(const struct cgroup_dir *d, const struct run_limits *l, struct err *err)
	__attribute__((warn_unused_result));
