/* SPDX-License-Identifier: Apache-2.0 */
/* The content of a file that is unpacked: holes instead of zeros, and not too much of it. */
#include "layers/apply_internal.h"

#include "base/err.h"
#include "base/mem.h"
#include "layers/tar_read.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* Text compresses to a tenth, logs to a hundredth; gzip can do 1,032, zstd any. Who wants to fill a
 * disk needs much of it. */
#define RATIO_DEFAULT 250
#define RATIO_FREE_BYTES (1 * GIB)

#define HOLE_UNIT (4 * KIB) /* what file systems allocate */
#define HOLE_MIN                                                                                   \
	(16 * KIB) /* shorter runs of zeros are written: a file in many pieces is slower than its  \
	              zeros */

/* How many bytes from p on are zeros, in units of which the first may be shorter. */
static size_t zeros_at(const char *p, size_t n, size_t first)
{
	size_t at = 0;
	for (size_t unit = first; at < n; unit = HOLE_UNIT) {
		if (unit > n - at)
			unit = n - at;
		if (p[at] != 0 || p[at + unit - 1] != 0 ||
			memcmp(p + at, p + at + 1, unit - 1) != 0)
			break;
		at += unit;
	}
	return at;
}

static int write_at(int fd, const char *p, size_t n, uint64_t at, const char *path, struct err *err)
{
	while (n) {
		ssize_t put = pwrite(fd, p, n, (off_t)at);
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return err_sys(err, "cannot write '%s'", path);
		p += put;
		at += (uint64_t)put;
		n -= (size_t)put;
	}
	return 0;
}

struct apply_limits apply_limits_of(uint64_t ratio)
{
	if (ratio == UINT64_MAX)
		return (struct apply_limits){0};
	return ratio ? (struct apply_limits){.max_ratio = ratio, .free_bytes = 1 * MIB}
	             : (struct apply_limits){
			       .max_ratio = RATIO_DEFAULT, .free_bytes = RATIO_FREE_BYTES};
}

/* A little that becomes very much is made to fill somebody's disk. */
static int check_ratio(const struct apply *a, struct err *err)
{
	const struct apply_limits *l = &a->opts->limits;
	if (!l->max_ratio || a->written <= l->free_bytes || a->written / l->max_ratio <= *l->packed)
		return 0;
	return err_set(err, ERR_LIMIT,
		"%llu bytes unpack to more than %llu times as many (--layer-ratio)",
		(unsigned long long)*l->packed, (unsigned long long)l->max_ratio);
}

/* One piece of content. *end: how far the file reaches by now. */
static int write_piece(struct apply *a, int fd, const char *p, size_t n, uint64_t at, uint64_t *end,
	const char *path, struct err *err)
{
	size_t start = 0, unit = -at & (HOLE_UNIT - 1);
	if (unit == 0)
		unit = HOLE_UNIT;
	/* runs of zeros are looked for in whole units of the file; pieces that follow one another
	 * share a unit */
	for (size_t look = 0; n >= HOLE_MIN && look < n;) {
		size_t zeros = zeros_at(p + look, n - look, unit);
		if (zeros < HOLE_MIN) {
			look += zeros ? zeros : unit;
			unit = HOLE_UNIT;
			continue;
		}
		if (look > start &&
			write_at(fd, p + start, look - start, at + start, path, err) < 0)
			return err->code;
		if (look > start)
			*end = at + look;
		a->written += look - start;
		look += zeros;
		start = look;
		unit = HOLE_UNIT;
	}
	if (start < n) {
		if (write_at(fd, p + start, n - start, at + start, path, err) < 0)
			return err->code;
		*end = at + n;
		a->written += n - start;
	}
	return check_ratio(a, err);
}

int apply_content(
	struct apply *a, int fd, const struct tar_entry *e, const char *path, struct err *err)
{
	uint64_t end = 0;
	for (;;) {
		const void *p;
		size_t n;
		uint64_t at;
		int ret = tar_reader_data(a->tar, &p, &n, &at, err);
		if (ret < 0)
			return ret;
		if (ret == 0)
			break;
		if (write_piece(a, fd, p, n, at, &end, path, err) < 0)
			return err->code;
	}
	if (end < e->size && ftruncate(fd, (off_t)e->size) < 0)
		return err_sys(err, "cannot set the size of '%s'", path);
	return 0;
}
