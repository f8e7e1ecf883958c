/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "cmd/cmd.h"
#include "image/descriptor.h"
#include "store/containers.h"
#include "store/images.h"
#include "store/store.h"

struct exists_args {
	const char *type;
};

static const struct opt exists_options[] = {
	OPT_STRING('t', "type", struct exists_args, type),
	OPT_END,
};

static int container_exists(struct store *s, const char *text, struct err *err)
{
	AUTO_CONTAINER struct container c;

	container_init(&c);
	return container_find(s, text, &c, err);
}

static int image_exists(struct store *s, const char *text, struct err *err)
{
	AUTO_FREE char *ref = NULL;
	struct descriptor top = {0};

	int r = image_find(s, text, &top, &ref, err);
	descriptor_done(&top);
	return r;
}

/* No output: 0 yes, 1 no, as podman. */
static int exists_run(struct app *app, void *args, const struct strv *rest, struct err *err)
{
	const struct exists_args *a = args;
	AUTO_STORE struct store *s = NULL;
	bool image = !a->type || streq(a->type, "image");
	bool container = !a->type || streq(a->type, "container");

	if (!image && !container)
		return err_set(err, ERR_INVALID,
			"option '--type': '%s' is not one of 'container', 'image'", a->type);
	int r = app_store(app, 0, &s, err);
	if (r < 0)
		return r;
	r = container ? container_exists(s, rest->v[0], err) : ERR_NOT_FOUND;
	if (r == ERR_NOT_FOUND && image) {
		err_clear(err);
		r = image_exists(s, rest->v[0], err);
	}
	if (r != ERR_NOT_FOUND)
		return r;
	err_clear(err);
	return 1;
}

const struct cmd cmd_exists = {
	.name = "exists",
	.options = exists_options,
	.args_size = sizeof(struct exists_args),
	.min_args = 1,
	.max_args = 1,
	.run = exists_run,
};
