/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/storage_ref.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/path.h"
#include "cmd/cmd.h"
#include "image/reference.h"
#include "registry/signing.h"
#include "registry/transport.h"
#include "store/names.h"
#include "store/store.h"

#define PREFIX "containers-storage:"

bool storage_ref_is(const char *text)
{
	return str_has_prefix(text, PREFIX);
}

/* Both new strings; *ret_root NULL: no store is said. */
static int parse(const char *text, char **ret_root, char **ret_name, struct err *err)
{
	AUTO_REFERENCE struct reference ref = {0};
	const char *name = text + strlen(PREFIX);

	if (*name == '[') {
		size_t n = strcspn(name, "]"), driver = strcspn(name, "@]");
		const char *root = name[driver] == '@' ? name + driver + 1 : name + 1;
		size_t len = strcspn(root, "+:]");
		if (name[n] != ']' || *root != '/')
			return err_set(err, ERR_INVALID,
				"'%s' is not of the form " PREFIX "[DRIVER@ROOT+RUNROOT]NAME",
				text);
		*ret_root = xstrndup(root, len);
		name += n + 1;
	}
	int r = reference_parse_local(name, &ref, err);
	if (r == 0 && ref.has_digest)
		r = err_set(err, ERR_INVALID, "'%s': a tag cannot be a digest", text);
	if (r < 0)
		return r;
	reference_default_tag(&ref);
	*ret_name = reference_str(&ref);
	return 0;
}

/* By way of an image layout, as between any two places; it lasts as long as the transaction. */
static int copy_to(struct app *app, struct store *from, const struct descriptor *what,
	const char *root, const char *name, bool quiet, struct err *err)
{
	AUTO_STORE struct store *to = NULL;
	AUTO_TXN struct txn *t = NULL;
	AUTO_FREE char *dir = NULL, *location = NULL;
	AUTO_FD int fd = -1;
	struct push_opts push = {.quiet = quiet, .remove_signatures = true};
	struct pull_opts pull = {.all_platforms = true};
	struct pulled pulled = {0};
	struct digest digest;

	int r = store_open(root, 0, &to, err);
	if (r == 0)
		r = txn_begin(to, &t, err);
	if (r == 0)
		r = txn_mkdir(t, "copy", &dir, &fd, err);
	if (r < 0)
		return r;
	location = xasprintf("oci:/proc/self/fd/%d:%s", fd, name);
	push.progress = out_progress(&app->out, quiet ? PROGRESS_NONE : PROGRESS_AUTO);
	r = image_push(from, what, NULL, location, &push, &digest, err);
	if (r == 0)
		r = image_pull(to, location, &pull, &pulled, err);
	out_progress_done(&app->out);
	pulled_done(&pulled);
	return r;
}

int storage_ref_put(struct app *app, struct store *s, const char *text,
	const struct descriptor *what, const char *sign_by, bool quiet, struct err *err)
{
	AUTO_FREE char *root = NULL, *name = NULL;
	struct descriptor image = {0};

	int r = parse(text, &root, &name, err);
	if (r < 0)
		return r;
	if (root && !streq(root, store_path(s)))
		return sign_by ? err_set(err, ERR_UNSUPPORTED,
					 "option '--sign-by': an image is signed in its own store, "
					 "or on its way to a registry")
		               : copy_to(app, s, what, root, name, quiet, err);
	descriptor_copy(&image, what);
	if (sign_by)
		r = image_sign(&image, name, sign_by, err);
	if (r == 0)
		r = names_set(s, (const char *const[]){name}, 1, &image, err);
	descriptor_done(&image);
	return r;
}
