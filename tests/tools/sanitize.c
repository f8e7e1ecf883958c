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
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE 4096
#define SHADOW 0x7fff8000
#define POISON 0xf9 /* of globals */
#define FILES_MAX 1000
/* void __asan::AsanCheckIncompatibleRT() */
#define WRAP_OTHERS __wrap__ZN6__asan23AsanCheckIncompatibleRTEv
/* void *__sanitizer::internal_memset(void *, int, uptr) */
#define REAL_FILL __real__ZN11__sanitizer15internal_memsetEPvim
#define WRAP_FILL __wrap__ZN11__sanitizer15internal_memsetEPvim
/* int __asan::GetGlobalsForAddress(uptr, __asan_global *, u32 *, int) */
#define REAL_NEAR __real__ZN6__asan20GetGlobalsForAddressEmP13__asan_globalPji
#define WRAP_NEAR __wrap__ZN6__asan20GetGlobalsForAddressEmP13__asan_globalPji
#define BIG_PAGES 64 /* segments above this are looked at page by page */
#define PAGES_MAX 4096 /* of a segment: 16 MiB */
#define HEADERS_MAX 512 /* for them all; when there is no room the rest is one piece */

typedef int phdr_fn(struct dl_phdr_info *info, size_t size, void *data);

struct split {
	phdr_fn *fn;
	void *data;
};

const char *__asan_default_options(void);
int REAL_NEAR(uintptr_t at, void *ret_globals, uint32_t *ret_sites, int max) __attribute__((weak));
int WRAP_NEAR(uintptr_t at, void *ret_globals, uint32_t *ret_sites, int max);
void *REAL_FILL(void *at, int c, uintptr_t n) __attribute__((weak));
void *WRAP_FILL(void *at, int c, uintptr_t n);
void WRAP_OTHERS(void);
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

/* As the compiler describes it; the rest is its name and place. */
struct global {
	uintptr_t beg, size, size_with_redzone;
	const void *rest[5];
};

static struct {
	struct global *globals;
	uintptr_t n;
} files[FILES_MAX];
static size_t n_files; /* not 0: the runtime is ready */

static void poison(uintptr_t from, uintptr_t to)
{
	/* volatile: no memset, which is one of the functions that are looked at */
	volatile uint8_t *p = (uint8_t *)((from >> 3) + SHADOW);
	volatile uint8_t *end = (uint8_t *)((to >> 3) + SHADOW);

	if (from % 8 != 0) {
		*p++ = from % 8;
	}
	while (p < end) {
		*p++ = POISON;
	}
}

/*
 * What is behind each global is poisoned, and so are the descriptions. What the runtime would do
 * beside that is to remember each of thousands, most of them strings, for a report: that is left
 * for when there is one.
 */
void __wrap___asan_register_globals(void *globals, uintptr_t n)
{
	const struct global *all = globals;

	if (n_files == FILES_MAX) {
		__real___asan_register_globals(globals, n);
		return;
	}
	files[n_files].globals = globals;
	files[n_files++].n = n;
	for (uintptr_t i = 0; i < n; i++) {
		poison(all[i].beg + all[i].size, all[i].beg + all[i].size_with_redzone);
	}
	poison((uintptr_t)all, (uintptr_t)(all + n));
}

/* Of a report: the globals near an address. */
int WRAP_NEAR(uintptr_t at, void *ret_globals, uint32_t *ret_sites, int max)
{
	static bool known;

	for (size_t i = 0; i < n_files && !known; i++) {
		__real___asan_register_globals(files[i].globals, files[i].n);
	}
	known = true;
	return REAL_NEAR(at, ret_globals, ret_sites, max);
}

/*
 * An allocator begins by filling tables of its own with zeros, half a megabyte of which little is
 * used: what lies behind a program's data is zeros as soon as it is given back.
 */
void *WRAP_FILL(void *at, int c, uintptr_t n)
{
	extern char __bss_start[], _end[];
	uintptr_t from = ((uintptr_t)at + PAGE - 1) / PAGE * PAGE;
	uintptr_t to = ((uintptr_t)at + n) / PAGE * PAGE;

	if (c != 0 || n < BIG_PAGES * PAGE || from < (uintptr_t)__bss_start + PAGE ||
		to > (uintptr_t)_end || madvise((void *)from, to - from, MADV_DONTNEED) < 0) {
		return REAL_FILL(at, c, n);
	}
	(void)REAL_FILL(at, 0, from - (uintptr_t)at);
	(void)REAL_FILL((void *)to, 0, (uintptr_t)at + n - to);
	return at;
}

/* Whether another runtime of the same kind is there, which no program of ours has. */
void WRAP_OTHERS(void)
{
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
 * not in memory holds no pointer, so it is not shown. What the runtime asks while it gets ready is
 * where the libraries are, and each piece would be one more to remember.
 */
int __wrap_dl_iterate_phdr(phdr_fn *fn, void *data)
{
	struct split s = {fn, data};

	if (n_files == 0) {
		return __real_dl_iterate_phdr(fn, data);
	}
	return __real_dl_iterate_phdr(split, &s);
}
