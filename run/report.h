/* SPDX-License-Identifier: Apache-2.0 */
/* Messages from the child to the caller, one datagram each. */
#pragma once
#include <stdbool.h>
#include <sys/stat.h>
#include <time.h>

struct err;

enum report_kind { REPORT_ERROR, REPORT_STUB, REPORT_DIR, REPORT_TERMINAL, REPORT_USER };

/* A mount point that had to be made and is to be removed afterwards. Its parent directory travels
 * as a descriptor. */
struct report_stub {
	char name[256];
	char dir[512]; /* its parent, from the root; one that is longer is not found again by it */
	dev_t dev;
	ino_t ino;
	bool is_dir;
	struct timespec before, after; /* the parent's mtime around the creation */
};

/* A directory of the image that exists in the upper only because a stub was made in it or below. */
struct report_dir {
	char path[512]; /* relative to the root */
	mode_t mode;
	uid_t uid;
	gid_t gid;
	struct timespec mtime;
};

/* Who the workload is. */
struct report_user {
	uid_t uid;
	gid_t gid;
};

/* The child's side. fd: -1, or passed along. 0 or -1 with errno. */
int report_error(int sock, const struct err *err);
int report_stub(int sock, const struct report_stub *stub, int parent);
int report_dir(int sock, const struct report_dir *dir);
int report_terminal(int sock, int master);
/* mounts: our mount namespace, or -1 */
int report_user(int sock, const struct report_user *user, int mounts);

struct report {
	enum report_kind kind;
	union {
		int code_sys[2];
		struct report_stub stub;
		struct report_dir dir;
		struct report_user user;
	} u;
	char msg[1400];
	int fd; /* received; -1 none */
};
/* 1: *ret filled; 0: the other side has closed; negative: error. */
int report_receive(int sock, struct report *ret, struct err *err);
