/* SPDX-License-Identifier: Apache-2.0 */
/* Archives for the tests, well formed or hostile, entry by entry. */
#pragma once
#include "layers/apply.h"
#include "layers/tar_write.h"
#include "tests/unit/tree.h"

struct tar {
	struct mem_writer mem;
	struct tar_writer *w;
};

static inline void tar_init(struct tar *t)
{
	*t = (struct tar){.mem = MEM_WRITER};
	t->w = tar_writer_new(&t->mem.w);
}
static inline void tar_done(struct tar *t)
{
	tar_writer_free(t->w);
	mem_writer_done(&t->mem);
}
#define AUTO_TAR __attribute__((cleanup(tar_done)))

static inline void tar_entry(struct tar *t, const struct tar_entry *e, const void *content)
{
	struct err err = ERR_INIT;
	if (tar_writer_header(t->w, e, &err) < 0)
		fail_msg("%s", err.msg);
	if (e->size)
		assert_int_equal(tar_writer_data(t->w, content, e->size, &err), 0);
}
static inline void tar_file(struct tar *t, const char *path, const char *text)
{
	struct tar_entry e = {
		.path = path, .mode = S_IFREG | 0644, .mtime = 1500000000, .size = strlen(text)};
	tar_entry(t, &e, text);
}
static inline void tar_dir(struct tar *t, const char *path, mode_t mode)
{
	struct tar_entry e = {.path = path, .mode = S_IFDIR | mode, .mtime = 1500000000};
	tar_entry(t, &e, NULL);
}
static inline void tar_link(struct tar *t, const char *path, const char *target)
{
	struct tar_entry e = {
		.path = path, .mode = S_IFLNK | 0777, .mtime = 1500000000, .link = target};
	tar_entry(t, &e, NULL);
}
static inline void tar_hardlink(struct tar *t, const char *path, const char *target)
{
	struct tar_entry e = {.path = path,
		.mode = S_IFREG | 0644,
		.mtime = 1500000000,
		.link = target,
		.hardlink = true};
	tar_entry(t, &e, NULL);
}
static inline void tar_device(
	struct tar *t, const char *path, mode_t mode, unsigned major, unsigned minor)
{
	struct tar_entry e = {
		.path = path, .mode = mode, .mtime = 1500000000, .major = major, .minor = minor};
	tar_entry(t, &e, NULL);
}
static inline void tar_end(struct tar *t)
{
	struct err err = ERR_INIT;
	assert_int_equal(tar_writer_end(t->w, &err), 0);
}

static inline int tar_apply_bytes(const void *p, size_t n, int dirfd, int flags, struct err *err)
{
	AUTO_READER struct reader *r = reader_from_mem(p, n);
	struct apply_opts opts = {.flags = flags};
	return layer_apply(r, dirfd, &opts, NULL, err);
}
/* Ends the archive and unpacks it. */
static inline int tar_apply(struct tar *t, int dirfd, int flags, struct err *err)
{
	tar_end(t);
	return tar_apply_bytes(t->mem.data.data, t->mem.data.len, dirfd, flags, err);
}
static inline void tar_apply_ok(struct tar *t, int dirfd, int flags)
{
	struct err err = ERR_INIT;
	if (tar_apply(t, dirfd, flags, &err) < 0)
		fail_msg("%s", err.msg);
}
