/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/pack.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/gzip_stream.h"
#include "base/job.h"
#include "base/mem.h"
#include "base/stream.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define WORKERS_MAX 4 /* one process that reads and hashes keeps no more busy */

enum end { READ_END, WRITE_END };

struct line {
	const struct pack *p;
	struct gzip_piece *slots; /* piece k is in slot k % n_slots, and worker k % n_workers's */
	unsigned n_slots, n_workers;
	int filled[WORKERS_MAX][2]; /* maker -> worker */
	int packed[WORKERS_MAX][2]; /* worker -> joiner */
	int empty[2]; /* joiner -> maker */
	unsigned starting; /* the worker that is being forked */
	struct job maker, workers[WORKERS_MAX];
};

/* Closes all ends but those that are named: then the end of a process is seen by its neighbours. */
static void keep_ends(struct line *l, const int *const keep[], size_t n)
{
	int *all[4 * WORKERS_MAX + 2];
	size_t n_all = 0;
	for (unsigned i = 0; i < WORKERS_MAX; i++)
		for (int e = READ_END; e <= WRITE_END; e++) {
			all[n_all++] = &l->filled[i][e];
			all[n_all++] = &l->packed[i][e];
		}
	all[n_all++] = &l->empty[READ_END];
	all[n_all++] = &l->empty[WRITE_END];
	for (size_t i = 0; i < n_all; i++) {
		bool kept = false;
		for (size_t k = 0; k < n; k++)
			kept = kept || keep[k] == all[i];
		if (!kept)
			mem_close_p(all[i]);
	}
}

/* 1, 0 when the other side is gone, or -1 with errno. */
static int take_token(int fd)
{
	char byte;
	ssize_t n;
	do
		n = read(fd, &byte, 1);
	while (n < 0 && errno == EINTR);
	return (int)n;
}

static int give_token(int fd)
{
	ssize_t n;
	do
		n = send(fd, "", 1, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n == 1 ? 0 : -1;
}

/* What the maker writes to. */
struct slot_writer {
	struct writer w;
	struct line *l;
	uint64_t k; /* the piece being filled */
};

static struct gzip_piece *slot(const struct line *l, uint64_t k)
{
	return &l->slots[k % l->n_slots];
}

static int hand_over(struct slot_writer *s, struct err *err)
{
	if (give_token(s->l->filled[s->k % s->l->n_workers][WRITE_END]) < 0)
		return err_sys(err, "cannot reach the compressor");
	return 0;
}

static int next_slot(struct slot_writer *s, struct err *err)
{
	const struct gzip_piece *full = slot(s->l, s->k);
	if (hand_over(s, err) < 0)
		return err->code;
	s->k++;
	if (s->k >= s->l->n_slots && take_token(s->l->empty[READ_END]) <= 0)
		return err_set(err, ERR_SYS, "the process that writes the layer is gone");
	gzip_piece_follow(slot(s->l, s->k), full);
	return 0;
}

static int slot_write(struct writer *w, const void *p, size_t n, struct err *err)
{
	struct slot_writer *s = (struct slot_writer *)w;
	for (const uint8_t *from = p; n;) {
		struct gzip_piece *at = slot(s->l, s->k);
		size_t part = GZIP_PIECE - at->n_in;
		if (part > n)
			part = n;
		memcpy(at->in + at->n_in, from, part);
		at->n_in += (uint32_t)part;
		from += part;
		n -= part;
		if (at->n_in == GZIP_PIECE && next_slot(s, err) < 0)
			return err->code;
	}
	return 0;
}

static int maker_main(void *arg, struct buf *out, struct err *err)
{
	struct line *l = arg;
	const int *keep[WORKERS_MAX + 1] = {&l->empty[READ_END]};
	for (unsigned i = 0; i < l->n_workers; i++)
		keep[i + 1] = &l->filled[i][WRITE_END];
	keep_ends(l, keep, l->n_workers + 1);
	struct slot_writer s = {.w = {.write = slot_write}, .l = l};
	if (l->p->make(l->p->arg, &s.w, out, err) < 0)
		return err->code;
	slot(l, s.k)->last = true;
	return hand_over(&s, err);
}

static int worker_main(void *arg, struct buf *out, struct err *err)
{
	struct line *l = arg;
	unsigned me = l->starting;
	const int *keep[] = {&l->filled[me][READ_END], &l->packed[me][WRITE_END]};
	(void)out;
	keep_ends(l, keep, ARRAY_LEN(keep));
	struct gzip_deflater *d = gzip_deflater_new(l->p->level);
	int rc = 0, got = 0;
	for (uint64_t k = me; rc == 0 && (got = take_token(*keep[0])) > 0; k += l->n_workers) {
		rc = gzip_deflate_piece(d, slot(l, k), err);
		if (rc == 0 && give_token(*keep[1]) < 0)
			rc = err_sys(err, "cannot reach the process that writes the layer");
	}
	if (rc == 0 && got < 0)
		rc = err_sys(err, "cannot wait for what is to be compressed");
	gzip_deflater_free(d);
	return rc;
}

/* Sockets, since a write to a pipe whose reader is gone would kill. */
static int make_pair(int ends[2])
{
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends);
}

static int start(struct line *l, struct err *err)
{
	int rc = 0;
	memset(l->filled, -1, sizeof(l->filled));
	memset(l->packed, -1, sizeof(l->packed));
	memset(l->empty, -1, sizeof(l->empty));
	if (make_pair(l->empty) < 0)
		return err_sys(err, "cannot make a socket");
	for (unsigned i = 0; i < l->n_workers; i++)
		if (make_pair(l->filled[i]) < 0 || make_pair(l->packed[i]) < 0)
			return err_sys(err, "cannot make a socket");
	for (l->starting = 0; rc == 0 && l->starting < l->n_workers; l->starting++)
		rc = job_start(&l->workers[l->starting], worker_main, l, err);
	if (rc == 0)
		rc = job_start(&l->maker, maker_main, l, err);
	const int *keep[WORKERS_MAX + 1] = {&l->empty[WRITE_END]};
	for (unsigned i = 0; i < l->n_workers; i++)
		keep[i + 1] = &l->packed[i][READ_END];
	keep_ends(l, keep, l->n_workers + 1);
	return rc;
}

/* *ret_all: the last piece was written; else somebody died, and what it left tells why. */
static int join(struct line *l, struct writer *below, bool *ret_all, struct err *err)
{
	struct gzip_joiner j = {.below = below};
	*ret_all = false;
	for (uint64_t k = 0; take_token(l->packed[k % l->n_workers][READ_END]) > 0; k++) {
		const struct gzip_piece *p = slot(l, k);
		if (gzip_joiner_piece(&j, p, err) < 0)
			return err->code;
		*ret_all = p->last;
		if (*ret_all)
			return 0;
		/* a maker that has made all is gone */
		if (give_token(l->empty[WRITE_END]) < 0 && errno != EPIPE)
			return err_sys(err, "cannot reach the archiver");
	}
	return 0;
}

/* Workers first: the maker dies of a worker's death, no worker of the maker's. */
static int collect(struct line *l, bool all, struct buf *result, struct err *err)
{
	int rc = 0;
	keep_ends(l, NULL, 0);
	for (unsigned i = 0; rc == 0 && i < l->n_workers; i++)
		rc = job_collect(&l->workers[i], true, NULL, err);
	if (rc == 0)
		rc = job_collect(&l->maker, true, result, err);
	if (rc == 0 && !all)
		rc = err_set(err, ERR_SYS, "the compressor ended early");
	return rc;
}

static void stop(struct line *l)
{
	keep_ends(l, NULL, 0);
	job_cancel(&l->maker);
	for (unsigned i = 0; i < l->n_workers; i++)
		job_cancel(&l->workers[i]);
}

/* Beside the maker, and this process which has little to do. */
static unsigned count_workers(void)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	return cores < 3 ? 1 : cores > WORKERS_MAX ? WORKERS_MAX : (unsigned)cores - 1;
}

int pack_gzip(const struct pack *p, struct writer *below, struct buf *result, struct err *err)
{
	struct line l = {.p = p, .n_workers = count_workers()};
	l.n_slots = 2 * l.n_workers + 2;
	size_t size = l.n_slots * sizeof(struct gzip_piece);
	void *shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return err_sys(err, "cannot map memory to compress in");
	l.slots = shared;
	bool all;
	int rc = start(&l, err);
	if (rc == 0)
		rc = join(&l, below, &all, err);
	if (rc == 0)
		rc = collect(&l, all, result, err);
	stop(&l);
	munmap(shared, size);
	return rc;
}
