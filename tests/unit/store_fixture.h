/* SPDX-License-Identifier: Apache-2.0 */
/* A fresh store for each test, in memory where there is a tmpfs; *state is the struct store. */
#pragma once
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "image/config.h"
#include "image/manifest.h"
#include "image/media_type.h"
#include "store/blobs.h"
#include "store/names.h"
#include "store/store.h"
#include "store/tree.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STORE_TEST(f) cmocka_unit_test_setup_teardown(f, store_fixture_open, store_fixture_close)

static inline int store_fixture_open(void **state)
{
	struct err err = ERR_INIT;
	char dir[] = "/tmp/mica-store-XXXXXX", memory[] = "/dev/shm/mica-store-XXXXXX";
	struct store *s;
	const char *path = mkdtemp(memory);
	if (!path)
		path = mkdtemp(dir);
	if (!path || store_open(path, 0, &s, &err) < 0) {
		fprintf(stderr, "no store: %s\n", err.msg);
		return -1;
	}
	*state = s;
	return 0;
}

static inline int store_fixture_close(void **state)
{
	struct err err = ERR_INIT;
	AUTO_FREE char *path = xstrdup(store_path(*state));
	store_close(*state);
	return fs_remove_tree(AT_FDCWD, path, &err);
}

/* Closes the store and opens it again, as another process would find it. */
static inline struct store *fixture_reopen(void **state)
{
	struct err err = ERR_INIT;
	struct store *s;
	AUTO_FREE char *path = xstrdup(store_path(*state));
	store_close(*state);
	assert_int_equal(store_open(path, 0, &s, &err), 0);
	*state = s;
	return s;
}

/* A layer blob with this text as content (no tar), as a descriptor the caller frees. */
static inline struct descriptor fixture_blob(
	struct store *s, const char *media_type, const char *text)
{
	struct err err = ERR_INIT;
	struct descriptor d = {.media_type = xstrdup(media_type), .size = strlen(text)};
	assert_int_equal(blob_put(s, text, strlen(text), &d.digest, &err), 0);
	return d;
}

/* An image of one uncompressed layer, which is `layer` and whose tree is there too; named ref
 * unless NULL. Its manifest's descriptor. */
static inline struct descriptor fixture_image(struct store *s, const char *ref, const char *layer)
{
	struct err err = ERR_INIT;
	struct image_config c;
	struct manifest m = {0};
	const struct platform p = {.os = "linux", .arch = "amd64"};

	struct descriptor l = fixture_blob(s, MT_OCI_LAYER, layer);
	image_config_init(&c, &p);
	image_config_add_diff_id(&c, &l.digest);
	image_config_add_history(&c, NULL, layer, NULL, false);
	AUTO_FREE char *config = image_config_dump(&c);
	image_config_done(&c);
	m.config = fixture_blob(s, MT_OCI_CONFIG, config);
	manifest_add_layer(&m, &l);
	AUTO_FREE char *text = manifest_dump(&m);
	manifest_done(&m);
	struct descriptor d = fixture_blob(s, MT_OCI_MANIFEST, text);

	struct txn *t;
	char *name;
	int fd;
	assert_int_equal(txn_begin(s, &t, &err), 0);
	assert_int_equal(txn_mkdir(t, "layer", &name, &fd, &err), 0);
	assert_int_equal(fs_write_file(fd, "file", layer, strlen(layer), 0644, false, &err), 0);
	close(fd);
	assert_int_equal(tree_publish(s, t, name, &l.digest, &err), 0);
	free(name);
	txn_end(t);
	descriptor_done(&l);
	if (ref)
		assert_int_equal(names_set(s, &ref, 1, &d, &err), 0);
	return d;
}
