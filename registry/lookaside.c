/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/lookaside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/strv.h"
#include "image/reference.h"
#include "registry/remote.h"
#include "registry/signature.h"
#include "registry/source.h"

#define FILE_SCHEME "file://"

static void add_signature(struct strv *ret, const char *data, size_t n)
{
	strv_add_take(ret, base64_encode(data, n));
}

/* --- a directory --- */

static char *file_name(const char *prefix, size_t n)
{
	return xasprintf("%ssignature-%zu", prefix, n);
}

int signature_files_read(
	int dir, const char *prefix, const char *where, struct strv *ret, struct err *err)
{
	for (size_t i = 1; i <= SIGNATURES_MAX; i++) {
		AUTO_FREE char *name = file_name(prefix, i), *data = NULL;
		AUTO_FD int fd = -1;
		size_t n = 0;
		int r = source_open_file(dir, false, where, name, &fd, err);
		if (r == ERR_NOT_FOUND) {
			err_clear(err);
			break;
		}
		if (r == 0)
			r = fs_read_fd(fd, name, SIGNATURE_MAX, &data, &n, err);
		if (r < 0)
			return r;
		add_signature(ret, data, n);
	}
	return 0;
}

int signature_files_write(
	int dir, const char *prefix, const struct strv *signatures, struct err *err)
{
	for (size_t i = 0; i < signatures->n; i++) {
		AUTO_FREE char *name = file_name(prefix, i + 1);
		unsigned long n;
		AUTO_FREE char *data = base64_decode(signatures->v[i], &n);
		if (!data)
			return err_set(err, ERR_CORRUPT, "a signature in the store is damaged");
		int r = fs_write_file(dir, name, data, n, 0644, false, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int signature_files_cut(int dir, const char *prefix, unsigned long n, struct err *err)
{
	for (;; n++) {
		AUTO_FREE char *name = file_name(prefix, n);
		if (unlinkat(dir, name, 0) == 0)
			continue;
		return errno == ENOENT ? 0 : err_sys(err, "cannot remove '%s'", name);
	}
}

/* --- places --- */

/* The URL, or path, of what all signatures of the manifest begin with. New string; NULL: there is
 * no such place. */
static int find_place(struct remote *r, const struct reference *ref, const struct digest *manifest,
	const char *key, char **ret, struct err *err)
{
	AUTO_FREE char *full = reference_str(ref);
	AUTO_JSON struct json *reply = NULL;
	struct json *j = json_new_object();
	char hex[DIGEST_STR_MAX];
	json_set_string(j, "op", "lookaside");
	json_set_string(j, "ref", full);
	int rc = remote_call(r, j, -1, &reply, err);
	if (rc < 0)
		return rc;
	const char *place = json_text(json_get(reply, key));
	*ret = place ? xasprintf("%s/%s@%s=%s", place, ref->repository,
			       digest_alg_name(manifest->alg), digest_hex(manifest, hex))
	             : NULL;
	return 0;
}

static int read_dir(const char *path, struct strv *ret, struct err *err)
{
	AUTO_FD int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return errno == ENOENT ? 0 : err_sys(err, "cannot open '%s'", path);
	return signature_files_read(dir, "", path, ret, err);
}

/* One after another, as there is no list of them. */
static int read_web(struct remote *r, const char *url, struct strv *ret, struct err *err)
{
	for (size_t i = 1; i <= SIGNATURES_MAX; i++) {
		AUTO_FREE char *one = xasprintf("%s/signature-%zu", url, i), *data = NULL;
		AUTO_FD int fd = memfd_create("signature", MFD_CLOEXEC);
		struct json *j = json_new_object();
		size_t n = 0;
		json_set_string(j, "op", "fetch");
		json_set_string(j, "url", one);
		json_set_int(j, "size", SIGNATURE_MAX);
		int rc = remote_call(r, j, fd, NULL, err);
		if (rc == ERR_NOT_FOUND) {
			err_clear(err);
			break;
		}
		if (rc == 0 && lseek(fd, 0, SEEK_SET) < 0)
			rc = err_sys(err, "cannot read a memory file");
		if (rc == 0)
			rc = fs_read_fd(fd, one, SIGNATURE_MAX, &data, &n, err);
		if (rc < 0)
			return rc;
		add_signature(ret, data, n);
	}
	return 0;
}

int lookaside_read(struct remote *r, const struct reference *ref, const struct digest *manifest,
	struct strv *ret, struct err *err)
{
	AUTO_FREE char *place = NULL;
	int rc = find_place(r, ref, manifest, "read", &place, err);
	if (rc < 0 || !place)
		return rc;
	rc = str_has_prefix(place, FILE_SCHEME) ? read_dir(place + strlen(FILE_SCHEME), ret, err)
	                                        : read_web(r, place, ret, err);
	return rc < 0 ? err_wrap(err, "cannot read signatures") : 0;
}

int lookaside_write(struct remote *r, const struct reference *ref, const struct digest *manifest,
	const struct strv *signatures, struct err *err)
{
	AUTO_FREE char *place = NULL;
	int rc = find_place(r, ref, manifest, "write", &place, err);
	if (rc < 0)
		return rc;
	if (!place || !str_has_prefix(place, FILE_SCHEME))
		return err_set(err, ERR_UNSUPPORTED,
			"signatures cannot be written to '%s': give the registry a "
			"'lookaside-staging' with a file:// URL in registries.d",
			place ? place : "nowhere");
	const char *path = place + strlen(FILE_SCHEME);
	rc = fs_mkdir_p(path, 0755, err);
	if (rc < 0)
		return rc;
	AUTO_FD int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return err_sys(err, "cannot open '%s'", path);
	rc = signature_files_write(dir, "", signatures, err);
	return rc < 0 ? rc : signature_files_cut(dir, "", signatures->n + 1, err);
}
