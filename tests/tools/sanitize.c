/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the sanitizers' runtime does in mica and mica-remote. Tests start thousands of them, most
 * for a few milliseconds: here is what makes them start and end sooner and changes nothing of what
 * is found. The linker puts the __wrap_ functions in the place of those that the runtime calls.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE 4096
#define BIG_PAGES 64 /* segments above this are looked at page by page */
#define PAGES_MAX 4096 /* of a segment: 16 MiB */
#define HEADERS_MAX 512 /* for them all; when there is no room the rest is one piece */

typedef int phdr_fn(struct dl_phdr_info *info, size_t size, void *data);

struct split {
	phdr_fn *fn;
	void *data;
};

const char *__asan_default_options(void);
void __real___asan_register_globals(void *globals, uintptr_t n);
void __wrap___asan_register_globals(void *globals, uintptr_t n);
void __wrap___asan_unregister_globals(void *globals, uintptr_t n);
void *__real_dlsym(void *handle, const char *name);
void *__wrap_dlsym(void *handle, const char *name);
int __real_dl_iterate_phdr(phdr_fn *fn, void *data);
int __wrap_dl_iterate_phdr(phdr_fn *fn, void *data);

/*
 * Each stack of an allocation that is remembered costs two page faults, so it is the innermost call
 * and its caller alone (ASAN_OPTIONS=malloc_context_size=30 shows all of them): without a caller
 * no leak is told. What UBSan finds is a trap, and is told with its place as other faults are.
 */
const char *__asan_default_options(void)
{
	return "malloc_context_size=2:handle_sigill=1";
}

/* Each file registers its globals, and the stack of that is remembered, too: now all have one. */
void __wrap___asan_register_globals(void *globals, uintptr_t n)
{
	__real___asan_register_globals(globals, n);
	__asm__ volatile(""); /* so that this is the caller, and no jump */
}

/* At the end of a program there is nobody left whom it would help. */
void __wrap___asan_unregister_globals(void *globals, uintptr_t n)
{
	(void)globals;
	(void)n;
}

/* Without strncmp, which is one of the functions that the runtime is looking for. */
static bool begins(const char *name, const char *with)
{
	while (*with != '\0' && *name == *with) {
		name++;
		with++;
	}
	return *with == '\0';
}

/* Of libcrypt, which only mica-remote has. */
extern const char crypt_gensalt[] __attribute__((weak));

/*
 * The runtime looks for functions that no library here has, and a search that fails allocates its
 * message, for which megabytes are prepared.
 */
void *__wrap_dlsym(void *handle, const char *name)
{
	static const char *const missing[] = {
		"__cxa_throw",
		"__isoc99_fprintf",
		"__isoc99_printf",
		"__isoc99_snprintf",
		"__isoc99_sprintf",
		"__isoc99_vfprintf",
		"__isoc99_vprintf",
		"__isoc99_vsnprintf",
		"__isoc99_vsprintf",
		"__pthread_mutex_",
		"pthread_mutexattr_getrobust_np",
		"swift_demangle",
		"xdr",
	};

	for (size_t i = 0; i < sizeof(missing) / sizeof(missing[0]); i++) {
		if (begins(name, missing[i])) {
			return NULL;
		}
	}
	if (begins(name, "crypt") && crypt_gensalt == NULL) {
		return NULL;
	}
	return __real_dlsym(handle, name);
}

/* Adds the pages of `segment` that have ever been touched, as runs. Zero when that is not known. */
static size_t touched(const struct dl_phdr_info *info, const ElfW(Phdr) * segment,
	ElfW(Phdr) * headers, size_t room)
{
	static uint64_t pages[PAGES_MAX];
	uintptr_t from = info->dlpi_addr + segment->p_vaddr, to = from + segment->p_memsz;
	uintptr_t first = from / PAGE, n = (to - 1) / PAGE - first + 1;
	size_t used = 0;
	long fd = syscall(SYS_openat, AT_FDCWD, "/proc/self/pagemap", O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		return 0;
	}
	long got = syscall(SYS_pread64, fd, pages, n * sizeof(pages[0]), first * sizeof(pages[0]));
	syscall(SYS_close, fd);
	if (got != (long)(n * sizeof(pages[0]))) {
		return 0;
	}
	for (size_t i = 0; i < n && used < room; i++) {
		if (pages[i] >> 62 == 0) { /* neither present nor swapped */
			continue;
		}
		size_t end = i + 1;
		while (end < n && (pages[end] >> 62 != 0 || used == room - 1)) {
			end++;
		}
		uintptr_t a = (first + i) * PAGE, b = (first + end) * PAGE;
		a = a > from ? a : from;
		b = b < to ? b : to;
		headers[used] = *segment;
		headers[used].p_vaddr = a - info->dlpi_addr;
		headers[used++].p_memsz = b - a;
		i = end;
	}
	return used;
}

static int split(struct dl_phdr_info *info, size_t size, void *data)
{
	static ElfW(Phdr) headers[HEADERS_MAX];
	const struct split *s = data;
	struct dl_phdr_info shown = *info;
	size_t used = 0;

	for (size_t i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		size_t left = info->dlpi_phnum - i - 1, n = 0;
		if (used + left + 1 > HEADERS_MAX) {
			return s->fn(info, size, s->data);
		}
		if (p->p_type == PT_LOAD && (p->p_flags & PF_W) != 0 &&
			p->p_memsz > BIG_PAGES * PAGE &&
			p->p_memsz < (PAGES_MAX - 1) * (size_t)PAGE) {
			n = touched(info, p, headers + used, HEADERS_MAX - used - left);
		}
		if (n == 0) {
			headers[used] = *p;
			n = 1;
		}
		used += n;
	}
	shown.dlpi_phdr = headers;
	shown.dlpi_phnum = (ElfW(Half))used;
	return s->fn(&shown, size, s->data);
}

/*
 * For leaks all writable data are searched for pointers, and most of them are tables of the runtime
 * itself, megabytes that nobody has touched: each page would be fetched to find zeros. What is
 * not in memory holds no pointer, so it is not shown.
 */
int __wrap_dl_iterate_phdr(phdr_fn *fn, void *data)
{
	struct split s = {fn, data};

	return __real_dl_iterate_phdr(split, &s);
}
