/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Can this machine execute programs made for another one? Its processor may (amd64 has 386, arm64
 * often arm), or the kernel has an emulator registered with binfmt_misc. Both are found out by
 * executing a program of that architecture; /proc/sys/fs/binfmt_misc then says where the emulator
 * is looked for: with the flag F it was opened when it was registered and works in every sandbox,
 * without it its path has to lead somewhere inside.
 */
#pragma once
#include <stdbool.h>

struct err;

/* os and arch as platforms have them ("linux", "arm64"). *ret_interpreter: what has to be in the
 * sandbox, a new string; NULL: nothing. ERR_UNSUPPORTED: it cannot, the text says why and what to
 * do. */
int emulation_check(const char *os, const char *arch, char **ret_interpreter, struct err *err)
	__attribute__((warn_unused_result));
/* The same with the handlers of a directory like /proc/sys/fs/binfmt_misc, for which executing
 * gave the errno `probed` (0: it went well). */
int emulation_judge(const char *dir, const char *arch, int probed, char **ret_interpreter,
	struct err *err) __attribute__((warn_unused_result));
/* A file that is an executable for this very machine, whatever the image around it says. */
bool emulation_is_native(int fd);
/* The architecture that an ELF file is for, as platforms have it; NULL: no such file, or an unknown
 * one. */
const char *emulation_arch_of(int fd);
