/* SPDX-License-Identifier: Apache-2.0 */
#include "run/emulation.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/strv.h"

#include <dirent.h>
#include <elf.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define BINFMT_DIR "/proc/sys/fs/binfmt_misc"
#define HANDLER_MAX 4096 /* one page, as the kernel prints it */
#define LOAD_AT 0x100000
#define PROGRAM_MAX 256

struct arch {
	const char *name;
	uint16_t machine;
	uint8_t class, data;
};

static const struct arch arches[] = {
	{"386", EM_386, ELFCLASS32, ELFDATA2LSB},
	{"amd64", EM_X86_64, ELFCLASS64, ELFDATA2LSB},
	{"arm", EM_ARM, ELFCLASS32, ELFDATA2LSB},
	{"arm64", EM_AARCH64, ELFCLASS64, ELFDATA2LSB},
	{"loong64", 258 /* EM_LOONGARCH, younger than some elf.h */, ELFCLASS64, ELFDATA2LSB},
	{"mips", EM_MIPS, ELFCLASS32, ELFDATA2MSB},
	{"mips64", EM_MIPS, ELFCLASS64, ELFDATA2MSB},
	{"mips64le", EM_MIPS, ELFCLASS64, ELFDATA2LSB},
	{"mipsle", EM_MIPS, ELFCLASS32, ELFDATA2LSB},
	{"ppc64", EM_PPC64, ELFCLASS64, ELFDATA2MSB},
	{"ppc64le", EM_PPC64, ELFCLASS64, ELFDATA2LSB},
	{"riscv64", EM_RISCV, ELFCLASS64, ELFDATA2LSB},
	{"s390x", EM_S390, ELFCLASS64, ELFDATA2MSB},
};

/* _exit(0), where the processor itself may get to execute it. Emulators are ended by a signal. */
static const struct {
	uint16_t machine;
	uint8_t code[12];
} exits[] = {
	{EM_386, {0xb8, 1, 0, 0, 0, 0x31, 0xdb, 0xcd, 0x80}},
	{EM_ARM, {1, 0x70, 0xa0, 0xe3, 0, 0, 0xa0, 0xe3, 0, 0, 0, 0xef}},
	{EM_X86_64, {0xb8, 0x3c, 0, 0, 0, 0x31, 0xff, 0x0f, 0x05}},
};

/* the linker's: our own header */
extern const ElfW(Ehdr) __ehdr_start; /* NOLINT(bugprone-reserved-identifier) */

static const struct arch *find_arch(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(arches); i++)
		if (streq(arches[i].name, name))
			return &arches[i];
	return NULL;
}

static bool is_ours(const struct arch *a)
{
	return __ehdr_start.e_machine == a->machine && __ehdr_start.e_ident[EI_CLASS] == a->class &&
	       __ehdr_start.e_ident[EI_DATA] == a->data;
}

static const char *our_name(void)
{
	for (size_t i = 0; i < ARRAY_LEN(arches); i++)
		if (is_ours(&arches[i]))
			return arches[i].name;
	return "unknown";
}

/* --- a small program --- */

struct program {
	uint8_t bytes[PROGRAM_MAX];
	size_t n;
	bool msb;
};

static void put(struct program *p, uint64_t value, unsigned size)
{
	for (unsigned i = 0; i < size; i++)
		p->bytes[p->n++] = (uint8_t)(value >> 8 * (p->msb ? size - 1 - i : i));
}

/* A static executable of one segment, which is the whole file: headers, then the code. */
static void make_program(const struct arch *a, struct program *p)
{
	bool wide = a->class == ELFCLASS64;
	unsigned word = wide ? 8 : 4;
	uint64_t headers = wide ? sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr)
	                        : sizeof(Elf32_Ehdr) + sizeof(Elf32_Phdr);
	const uint8_t ident[EI_NIDENT] = {
		ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, a->class, a->data, EV_CURRENT};
	*p = (struct program){.msb = a->data == ELFDATA2MSB};
	memcpy(p->bytes, ident, sizeof(ident));
	p->n = sizeof(ident);
	put(p, ET_EXEC, 2);
	put(p, a->machine, 2);
	put(p, EV_CURRENT, 4);
	put(p, LOAD_AT + headers, word); /* entry */
	put(p, wide ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr), word); /* program headers */
	put(p, 0, word);
	put(p, a->machine == EM_ARM ? 0x05000000 /* EABI 5 */ : 0, 4);
	put(p, wide ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr), 2);
	put(p, wide ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr), 2);
	put(p, 1, 2);
	put(p, 0, 6); /* no sections */
	put(p, PT_LOAD, 4);
	if (wide)
		put(p, PF_R | PF_X, 4);
	put(p, 0, word);
	put(p, LOAD_AT, word);
	put(p, LOAD_AT, word);
	put(p, headers + sizeof(exits[0].code), word);
	put(p, headers + sizeof(exits[0].code), word);
	if (!wide)
		put(p, PF_R | PF_X, 4);
	put(p, 0x10000, word);
	for (size_t i = 0; i < ARRAY_LEN(exits); i++)
		if (exits[i].machine == a->machine)
			memcpy(p->bytes + p->n, exits[i].code, sizeof(exits[i].code));
	p->n += sizeof(exits[0].code);
}

static void execute(int program, int report)
{
	const struct rlimit none = {0};
	char *const argv[] = {(char[]){"mica-probe"}, NULL}, *const env[] = {NULL};
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = 0; null >= 0 && fd < 3; fd++)
		if (dup2(null, fd) < 0)
			_exit(1);
	if (setrlimit(RLIMIT_CORE, &none) < 0)
		_exit(1);
	(void)execveat(program, "", argv, env, AT_EMPTY_PATH);
	int why = errno;
	_exit(write(report, &why, sizeof(why)) < 0);
}

/* 0: it can be executed; else why not, an errno; -1: there is no telling. */
static int probe(const struct program *p)
{
	int ends[2], why = 0;
	/* an emulator is handed its path, /dev/fd/N: it must survive the exec */
	AUTO_FD int fd = memfd_create("mica-probe", 0);
	if (fd < 0 || fs_write_all(fd, p->bytes, p->n) < 0 || pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	pid_t pid = fork();
	if (pid == 0)
		execute(fd, ends[1]);
	close(ends[1]);
	/* the pipe closes with the exec */
	ssize_t n = pid < 0 ? -1 : TEMP_FAILURE_RETRY(read(ends[0], &why, sizeof(why)));
	close(ends[0]);
	if (pid > 0) {
		kill(pid, SIGKILL);
		(void)TEMP_FAILURE_RETRY(waitpid(pid, NULL, 0));
	}
	/* refused by policy, of the kernel or of a security module */
	return n < 0 || why == EACCES || why == EPERM ? -1 : why;
}

/* --- handlers --- */

struct handler {
	char *name, *interpreter;
	bool fixed; /* flag F */
};

static void handler_done(struct handler *h)
{
	free(h->name);
	free(h->interpreter);
}

static size_t unhex(const char *s, uint8_t *ret, size_t max)
{
	size_t n = 0;
	for (; n < max && s[2 * n] && s[2 * n + 1]; n++) {
		char pair[3] = {s[2 * n], s[2 * n + 1], '\0'}, *end;
		ret[n] = (uint8_t)strtoul(pair, &end, 16);
		if (*end)
			break;
	}
	return n;
}

static bool magic_fits(const char *magic, const char *mask, size_t offset, const struct program *p)
{
	uint8_t want[PROGRAM_MAX], bits[PROGRAM_MAX];
	memset(bits, 0xff, sizeof(bits));
	size_t n = unhex(magic, want, sizeof(want));
	if (mask)
		(void)unhex(mask, bits, sizeof(bits));
	if (!n || offset > p->n || n > p->n - offset)
		return false;
	for (size_t i = 0; i < n; i++)
		if ((p->bytes[offset + i] ^ want[i]) & bits[i])
			return false;
	return true;
}

/* The text of an entry of binfmt_misc: Documentation/admin-guide/binfmt-misc.rst */
static bool handler_parse(const char *text, const struct program *p, struct handler *ret)
{
	AUTO_STRV struct strv lines = STRV_INIT;
	const char *interpreter = NULL, *flags = "", *magic = NULL, *mask = NULL;
	size_t offset = 0;
	strv_split(&lines, text, '\n');
	if (!lines.n || !streq(lines.v[0], "enabled"))
		return false;
	STRV_FOREACH (l, &lines) {
		if (str_has_prefix(*l, "interpreter "))
			interpreter = *l + strlen("interpreter ");
		else if (str_has_prefix(*l, "flags: "))
			flags = *l + strlen("flags: ");
		else if (str_has_prefix(*l, "offset "))
			offset = strtoul(*l + strlen("offset "), NULL, 10);
		else if (str_has_prefix(*l, "magic "))
			magic = *l + strlen("magic ");
		else if (str_has_prefix(*l, "mask "))
			mask = *l + strlen("mask ");
	}
	if (!interpreter || !magic || !magic_fits(magic, mask, offset, p))
		return false;
	ret->interpreter = xstrdup(interpreter);
	ret->fixed = strchr(flags, 'F') != NULL;
	return true;
}

/* The kernel asks the one that was registered last first, which cannot be seen: one that needs
 * nothing in the sandbox is believed. */
static bool find_handler(const char *dir, const struct program *p, struct handler *ret)
{
	DIR *d = opendir(dir);
	bool found = false;
	if (!d)
		return false;
	for (struct dirent *e; (e = readdir(d)) && !(found && ret->fixed);) {
		AUTO_FREE char *text = NULL;
		struct err ignored = ERR_INIT;
		struct handler h = {0};
		if (e->d_name[0] == '.' || streq(e->d_name, "register") ||
			streq(e->d_name, "status") ||
			fs_read_file(dirfd(d), e->d_name, HANDLER_MAX, &text, NULL, &ignored) < 0 ||
			!handler_parse(text, p, &h))
			continue;
		h.name = xstrdup(e->d_name);
		handler_done(ret);
		*ret = h;
		found = true;
	}
	closedir(d);
	return found;
}

static int no_handler(const char *arch, const char *why, struct err *err)
{
	return err_set(err, ERR_UNSUPPORTED,
		"this machine (%s) cannot execute programs for %s: %s; install qemu-user-static, "
		"or "
		"register an emulator with binfmt_misc",
		our_name(), arch, why);
}

int emulation_judge(
	const char *dir, const char *arch, int probed, char **ret_interpreter, struct err *err)
{
	const struct arch *a = find_arch(arch);
	struct program p;
	struct handler h = {0};
	*ret_interpreter = NULL;
	if (!a)
		return err_set(err, ERR_UNSUPPORTED,
			"programs for the architecture '%s' cannot be executed here", arch);
	make_program(a, &p);
	bool found = find_handler(dir, &p, &h);
	int rc = 0;
	if (found && !h.fixed) {
		*ret_interpreter = take(h.interpreter);
	} else if (probed == ENOENT) {
		AUTO_FREE char *why = xasprintf("the emulator '%s' of its handler is not there",
			found ? h.interpreter : "?");
		rc = no_handler(arch, why, err);
	} else if (probed > 0) {
		rc = no_handler(arch,
			found ? "its handler does not work"
			      : "no handler is registered in " BINFMT_DIR,
			err);
	}
	handler_done(&h);
	return rc;
}

int emulation_check(const char *os, const char *arch, char **ret_interpreter, struct err *err)
{
	*ret_interpreter = NULL;
	if (!streq(os, "linux"))
		return err_set(err, ERR_UNSUPPORTED,
			"programs for the operating system '%s' cannot be executed here", os);
	const struct arch *a = find_arch(arch);
	if (a && is_ours(a))
		return 0;
	struct program p;
	int probed = -1;
	if (a) {
		make_program(a, &p);
		probed = probe(&p);
		log_debug("a program for %s: %s", arch,
			probed < 0    ? "cannot be tried"
			: probed == 0 ? "can be executed"
				      : err_text(probed, (char[ERR_TEXT_MAX]){0}));
	}
	return emulation_judge(BINFMT_DIR, arch, probed, ret_interpreter, err);
}

bool emulation_is_native(int fd)
{
	ElfW(Ehdr) h;
	return pread(fd, &h, sizeof(h), 0) == (ssize_t)sizeof(h) &&
	       memcmp(h.e_ident, __ehdr_start.e_ident, EI_DATA + 1) == 0 &&
	       h.e_machine == __ehdr_start.e_machine;
}

const char *emulation_arch_of(int fd)
{
	unsigned char h[20];
	if (pread(fd, h, sizeof(h), 0) != (ssize_t)sizeof(h) || memcmp(h, ELFMAG, SELFMAG) != 0)
		return NULL;
	bool big = h[EI_DATA] == ELFDATA2MSB;
	unsigned machine = big ? (unsigned)h[18] << 8 | h[19] : (unsigned)h[19] << 8 | h[18];
	for (size_t i = 0; i < ARRAY_LEN(arches); i++)
		if (arches[i].machine == machine && arches[i].class == h[EI_CLASS] &&
			arches[i].data == h[EI_DATA])
			return arches[i].name;
	return NULL;
}
