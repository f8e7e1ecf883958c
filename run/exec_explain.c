/* SPDX-License-Identifier: Apache-2.0 */
#include "run/exec_explain.h"

#include "base/mem.h"
#include "base/root.h"
#include "run/emulation.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEAD_MAX 256 /* the kernel looks no further for an interpreter */
#define SEGMENTS_MAX 64

static bool missing(int rootfd, const char *path)
{
	struct stat st;
	return root_stat(rootfd, path, &st) < 0 && (errno == ENOENT || errno == ENOTDIR);
}

static bool explain_script(int rootfd, const char *head, char *buf)
{
	const char *at = head + 2 + strspn(head + 2, " \t");
	size_t n = strcspn(at, " \t\n");
	char interpreter[HEAD_MAX];
	snprintf(interpreter, sizeof(interpreter), "%.*s", (int)n, at);
	if (n > 0 && interpreter[n - 1] == '\r') {
		interpreter[n - 1] = '\0';
		snprintf(buf, EXEC_EXPLAIN_MAX,
			"its first line ends in CR LF, so that its interpreter is called "
			"'%.200s\\r'; save it with Unix line ends",
			interpreter);
		return true;
	}
	if (n == 0 || !missing(rootfd, interpreter))
		return false;
	snprintf(buf, EXEC_EXPLAIN_MAX,
		"its interpreter '%.200s' (the first line names it) is not in the image",
		interpreter);
	return true;
}

/* The program header that names the loader; 64-bit programs of this machine, others are foreign. */
static bool find_loader(int fd, char ret[HEAD_MAX])
{
	Elf64_Ehdr h;
	if (pread(fd, &h, sizeof(h), 0) != (ssize_t)sizeof(h) ||
		h.e_phentsize != sizeof(Elf64_Phdr))
		return false;
	for (unsigned i = 0; i < h.e_phnum && i < SEGMENTS_MAX; i++) {
		Elf64_Phdr p;
		uint64_t at = h.e_phoff + i * sizeof(p);
		if (at > INT64_MAX || pread(fd, &p, sizeof(p), (off_t)at) != (ssize_t)sizeof(p))
			return false;
		if (p.p_type != PT_INTERP)
			continue;
		if (p.p_filesz < 2 || p.p_filesz > HEAD_MAX || p.p_offset > INT64_MAX ||
			pread(fd, ret, p.p_filesz, (off_t)p.p_offset) != (ssize_t)p.p_filesz)
			return false;
		ret[p.p_filesz - 1] = '\0';
		return true;
	}
	return false;
}

static bool explain_program(int rootfd, int fd, char *buf)
{
	const char *arch = emulation_arch_of(fd);
	char loader[HEAD_MAX];
	if (arch && !emulation_is_native(fd)) {
		snprintf(buf, EXEC_EXPLAIN_MAX,
			"it is a program for %s, and this is another machine", arch);
		return true;
	}
	if (!emulation_is_native(fd) || !find_loader(fd, loader) || !missing(rootfd, loader))
		return false;
	snprintf(buf, EXEC_EXPLAIN_MAX,
		"it needs the loader '%.200s', which is not in the image: it was linked "
		"for another C library, or should be static",
		loader);
	return true;
}

bool exec_explain(int rootfd, const char *file, char *buf)
{
	char head[HEAD_MAX + 1];
	struct stat st;
	if (root_stat(rootfd, file, &st) < 0)
		return false;
	if (!S_ISREG(st.st_mode)) {
		snprintf(buf, EXEC_EXPLAIN_MAX, "it is %s",
			S_ISDIR(st.st_mode) ? "a directory" : "not a regular file");
		return true;
	}
	if (!(st.st_mode & 0111)) {
		snprintf(buf, EXEC_EXPLAIN_MAX,
			"its mode is %04o, without permission to execute it; COPY --chmod=755 or "
			"chmod "
			"gives it",
			(unsigned)(st.st_mode & 07777));
		return true;
	}
	AUTO_FD int fd = root_open(rootfd, file, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	ssize_t n = fd < 0 ? -1 : pread(fd, head, HEAD_MAX, 0);
	if (n < 2)
		return false;
	head[n] = '\0';
	return strncmp(head, "#!", 2) == 0 ? explain_script(rootfd, head, buf)
	                                   : explain_program(rootfd, fd, buf);
}
