/* SPDX-License-Identifier: Apache-2.0 */
/* The words of `run --mount`: type=cache,target=/c,sharing=locked */
#pragma once
#include <stdbool.h>
#include <sys/types.h>

struct err;

/* NULL: it is not there. The texts are those of the words. */
struct mount_words {
	const char *type, *from, *source, *target, *size, *id, *sharing, *mode, *uid, *gid;
	bool read_only, read_write, give, copy_up, no_exec, no_suid;
	char relabel; /* z, Z, or 0 */
};

/* Takes one word; it is written to. ERR_UNSUPPORTED: it is none of them. */
int mount_word(char *word, struct mount_words *m, struct err *err)
	__attribute__((warn_unused_result));
/* mode= or tmpfs-mode=; 0 where text is NULL. */
int mount_word_mode(const char *text, mode_t *ret, struct err *err)
	__attribute__((warn_unused_result));
