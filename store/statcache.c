/* SPDX-License-Identifier: Apache-2.0 */
#include "store/statcache.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/tmp.h"
#include "store/store_internal.h"

#define MAGIC                                                                                      \
	"mica stat 2" /* the layout of struct header and struct entry, in this machine's byte      \
	                 order */
#define BYTE_ORDER_MARK 0x01020304U
#define SLOTS_MAX (1U << 26)
/* of eight slots: more makes searches long, less makes 100,000 files take twice the memory */
#define FILLED_MAX 7
#define UNUSED_MAX (1U << 18)
#define MARK (1U << 31) /* no number of nanoseconds has this bit */
#define NS_PER_S 1000000000LL
#define MARGIN_NS (100 * 1000000LL)
#define COARSE_MARGIN_NS (2 * NS_PER_S)

struct header {
	char magic[12];
	uint32_t byte_order;
	uint64_t slots;
	uint64_t count;
};

struct entry {
	uint64_t dev, ino, size;
	int64_t mtime_s, ctime_s;
	uint32_t mtime_ns, ctime_ns; /* with MARK in mtime_ns */
	uint8_t content[32]; /* its SHA-256 */
	uint64_t check; /* over all that is above, never 0; 0: a free slot */
};

/* Open addressing with linear probing. */
struct table {
	struct entry *e;
	uint64_t slots;
	uint64_t count;
};

struct statcache {
	struct store *store;
	char name[STORE_PATH_MAX];
	struct timespec opened;
	void *map;
	size_t map_len;
	struct table old; /* in the map, never written */
	uint8_t *used; /* a bit for each slot of old */
	uint64_t n_used;
	struct table added;
};

static uint64_t mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * 0x9E3779B97F4A7C15ULL;
	return h ^ (h >> 32);
}

static uint64_t home_of(const struct entry *e)
{
	return mix(mix(0, e->ino), e->dev);
}

static uint64_t check_of(const struct entry *e)
{
	const uint8_t *p = (const uint8_t *)e;
	uint64_t h = 0, v;
	for (size_t i = 0; i + sizeof(v) <= offsetof(struct entry, check); i += sizeof(v)) {
		memcpy(&v, p + i, sizeof(v));
		h = mix(h, v);
	}
	return h ? h : 1;
}

static struct entry entry_for(const struct stat *st)
{
	struct entry e;
	memset(&e, 0, sizeof(e));
	e.dev = st->st_dev;
	e.ino = st->st_ino;
	e.size = (uint64_t)st->st_size;
	e.mtime_s = st->st_mtim.tv_sec;
	e.mtime_ns = (uint32_t)st->st_mtim.tv_nsec;
	e.ctime_s = st->st_ctim.tv_sec;
	e.ctime_ns = (uint32_t)st->st_ctim.tv_nsec;
	return e;
}

/* The slot of the same file, or the free one where it belongs; slots when the table is full (a
 * damaged one). */
static uint64_t probe(const struct table *t, const struct entry *e)
{
	uint64_t at = home_of(e) % t->slots;
	for (uint64_t n = 0; n < t->slots; n++) {
		if (!t->e[at].check || (t->e[at].ino == e->ino && t->e[at].dev == e->dev))
			return at;
		at = at + 1 == t->slots ? 0 : at + 1;
	}
	return t->slots;
}

static void insert(struct table *t, const struct entry *e);

/* Room for count entries at once: those of another table come in the order of their slots, which
 * makes long runs of a table that grows under them. */
static void reserve(struct table *t, uint64_t count)
{
	struct table bigger = {.slots = t->slots ? t->slots : 1024};

	while (count * 8 > bigger.slots * FILLED_MAX)
		bigger.slots *= 2;
	if (bigger.slots == t->slots)
		return;
	bigger.e = xcalloc(bigger.slots, sizeof(*bigger.e));
	for (uint64_t i = 0; i < t->slots; i++)
		if (t->e[i].check)
			insert(&bigger, &t->e[i]);
	free(t->e);
	*t = bigger;
}

static void insert(struct table *t, const struct entry *e)
{
	reserve(t, t->count + 1);
	uint64_t at = probe(t, e);
	t->count += !t->e[at].check;
	t->e[at] = *e;
}

static void map_file(struct statcache *sc)
{
	struct stat st;
	struct header h;
	AUTO_FD int fd = fs_open_plain(sc->store->fd, sc->name, O_RDONLY, 0);
	if (fd < 0 || fstat(fd, &st) < 0 || fs_read_upto(fd, &h, sizeof(h)) != sizeof(h))
		return;
	if (memcmp(h.magic, MAGIC, sizeof(h.magic)) != 0 || h.byte_order != BYTE_ORDER_MARK ||
		h.slots == 0 || h.slots > SLOTS_MAX || h.count > h.slots ||
		(uint64_t)st.st_size != sizeof(h) + h.slots * sizeof(struct entry))
		return;
	void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		return;
	sc->map = map;
	sc->map_len = (size_t)st.st_size;
	sc->old = (struct table){
		.e = (struct entry *)((char *)map + sizeof(h)), .slots = h.slots, .count = h.count};
	sc->used = xcalloc(h.slots / 8 + 1, 1);
}

int statcache_open(
	struct store *s, const char *context_path, struct statcache **ret, struct err *err)
{
	char *real = realpath(context_path, NULL);
	if (!real)
		return err_sys(err, "cannot resolve '%s'", context_path);
	struct digest d = digest_of(real, strlen(real));
	free(real);
	struct statcache *sc = xcalloc(1, sizeof(*sc));
	sc->store = s;
	sc->opened = clock_now();
	(void)store_name(sc->name, STAT_DIR, &d);
	map_file(sc);
	*ret = sc;
	return 0;
}

static bool same_state(const struct entry *a, const struct entry *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
	       a->mtime_s == b->mtime_s && (a->mtime_ns & ~MARK) == (b->mtime_ns & ~MARK) &&
	       a->ctime_s == b->ctime_s && a->ctime_ns == b->ctime_ns;
}

static const struct entry *lookup(const struct table *t, const struct entry *want, uint64_t *ret_at)
{
	uint64_t at = t->slots ? probe(t, want) : 0;
	if (at >= t->slots || !t->e[at].check || !same_state(&t->e[at], want) ||
		t->e[at].check != check_of(&t->e[at]))
		return NULL;
	*ret_at = at;
	return &t->e[at];
}

bool statcache_get(struct statcache *sc, const struct stat *st, struct digest *ret, bool *ret_mark)
{
	struct entry want = entry_for(st);
	uint64_t at;
	const struct entry *e = lookup(&sc->added, &want, &at);
	if (!e) {
		e = lookup(&sc->old, &want, &at);
		if (!e)
			return false;
		uint8_t bit = (uint8_t)(1U << (at & 7));
		sc->n_used += !(sc->used[at / 8] & bit);
		sc->used[at / 8] |= bit;
	}
	*ret = (struct digest){0};
	memcpy(ret->b, e->content, sizeof(e->content));
	*ret_mark = e->mtime_ns & MARK;
	return true;
}

/* See "When an entry may be believed". */
static bool is_settled(const struct statcache *sc, const struct timespec *t, int64_t margin_ns)
{
	int64_t seconds = (int64_t)sc->opened.tv_sec - (int64_t)t->tv_sec;
	if (seconds > 4)
		return true;
	return seconds >= -1 && seconds * NS_PER_S + (sc->opened.tv_nsec - t->tv_nsec) > margin_ns;
}

void statcache_put(struct statcache *sc, const struct stat *st, const struct digest *d, bool mark)
{
	bool coarse = st->st_mtim.tv_nsec == 0 && st->st_ctim.tv_nsec == 0;
	int64_t margin_ns = coarse ? COARSE_MARGIN_NS : MARGIN_NS;
	if (!is_settled(sc, &st->st_mtim, margin_ns) || !is_settled(sc, &st->st_ctim, margin_ns))
		return;
	struct entry e = entry_for(st);
	memcpy(e.content, d->b, sizeof(e.content));
	e.mtime_ns |= mark ? MARK : 0;
	e.check = check_of(&e);
	insert(&sc->added, &e);
}

/* Of files that are gone, by all appearances. */
static bool has_much_unused(const struct statcache *sc)
{
	uint64_t unused = sc->old.count - sc->n_used;
	return unused > UNUSED_MAX && unused / 4 > sc->n_used + sc->added.count;
}

static bool stays(const struct statcache *sc, uint64_t slot, bool drop)
{
	const struct entry *e = &sc->old.e[slot];
	bool used = sc->used[slot / 8] & (1U << (slot & 7));

	if (!e->check || (!used && drop) || e->check != check_of(e))
		return false;
	return !sc->added.slots || !sc->added.e[probe(&sc->added, e)].check;
}

/* Brings what stays of the old table to what is new, whose entries of the same file win. There is
 * no third table, and no more room than is needed: with many files each is the largest thing in the
 * process. */
static void keep_old(struct statcache *sc)
{
	bool drop = has_much_unused(sc);
	uint64_t n = 0;

	for (uint64_t i = 0; i < sc->old.slots; i++)
		n += stays(sc, i, drop);
	reserve(&sc->added, sc->added.count + n);
	for (uint64_t i = 0; i < sc->old.slots; i++)
		if (stays(sc, i, drop))
			insert(&sc->added, &sc->old.e[i]);
}

static int write_table(const struct statcache *sc, const struct table *t, struct err *err)
{
	struct header h = {.magic = MAGIC,
		.byte_order = BYTE_ORDER_MARK,
		.slots = t->slots,
		.count = t->count};
	AUTO_TMP struct tmp tmp = TMP_INIT;
	int fd, r;
	if ((r = store_scratch(sc->store, &fd, err)) < 0 || (r = tmp_open(&tmp, fd, 0600, err)) < 0)
		return r;
	if (fs_write_all(tmp.fd, &h, sizeof(h)) < 0 ||
		fs_write_all(tmp.fd, t->e, t->slots * sizeof(*t->e)) < 0)
		return err_sys(err, "cannot write a stat cache");
	if ((r = store_make_cache(sc->store, STAT_DIR, err)) < 0)
		return r;
	return tmp_publish(&tmp, sc->store->fd, sc->name, false, err);
}

int statcache_save(struct statcache *sc, struct err *err)
{
	if (!sc->added.count)
		return 0;
	keep_old(sc);
	if (sc->added.slots > SLOTS_MAX)
		return err_set(err, ERR_LIMIT, "a build context of more than %u files",
			SLOTS_MAX / 8 * FILLED_MAX);
	return write_table(sc, &sc->added, err);
}

void statcache_free(struct statcache *sc)
{
	if (!sc)
		return;
	if (sc->map)
		munmap(sc->map, sc->map_len);
	free(sc->used);
	free(sc->added.e);
	free(sc);
}
