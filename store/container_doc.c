/* SPDX-License-Identifier: Apache-2.0 */
#include "store/container_doc.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "store/containers.h"

#define WHAT "working container"

static const struct {
	const char *key;
	size_t offset;
} texts[] = {
	{"name", offsetof(struct container, name)},
	{"created", offsetof(struct container, created)},
	{"imageName", offsetof(struct container, image_name)},
	{"createdBy", offsetof(struct container, created_by)},
	{"historyComment", offsetof(struct container, history_comment)},
	{"comment", offsetof(struct container, comment)},
	{"hostname", offsetof(struct container, hostname)},
	{"domainname", offsetof(struct container, domainname)},
	{"mountBoot", offsetof(struct container, mount_boot)},
	{"mountSpace", offsetof(struct container, mount_space)},
};

static char **text_of(const struct container *c, size_t i)
{
	return (char **)((char *)(uintptr_t)c + texts[i].offset);
}

char *container_doc_dump(const struct container *c)
{
	AUTO_JSON struct json *o = json_new_object();
	AUTO_FREE char *config = image_config_dump(&c->config);
	struct json *parsed = NULL;
	struct err bug = ERR_INIT;
	char digest[DIGEST_STR_MAX];

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		json_set_string(o, texts[i].key, *text_of(c, i));
	if (c->scratch)
		json_set(o, "scratch", json_new_bool(true));
	if (!c->scratch) {
		json_set_string(o, "imageId", digest_str(&c->image_id, digest));
		json_set(o, "manifest", descriptor_to_json(&c->manifest));
	}
	/* text that we have just made, unless somebody's bytes are no UTF-8: then they are lost */
	if (json_parse(config, strlen(config), "config", &parsed, &bug) == 0)
		json_set(o, "config", parsed);
	json_set_int(o, "baseHistory", (int64_t)c->base_history);
	json_set(o, "annotations", json_new_map(&c->annotations));
	if (c->docker)
		json_set(o, "docker", json_new_bool(true));
	json_set(o, "options", json_new_strv(&c->options));
	if (c->links.n)
		json_set(o, "links", json_new_strv(&c->links));
	return json_dump(o, 0);
}

static int parse_config(const struct json *o, struct container *c, struct err *err)
{
	struct json *config = NULL;

	int r = json_get_kind(o, WHAT, "config", JSON_KIND_OBJECT, &config, err);
	if (r < 0)
		return r;
	if (!config)
		return err_set(err, ERR_INVALID, WHAT ": 'config' is missing");
	AUTO_FREE char *text = json_dump(config, 0);
	return image_config_parse(text, strlen(text), &c->config, err);
}

static int parse_image(const struct json *o, struct container *c, struct err *err)
{
	struct json *manifest = NULL;
	const char *id = NULL;

	int r = json_get_string(o, WHAT, "imageId", &id, err);
	if (r == 0)
		r = json_get_kind(o, WHAT, "manifest", JSON_KIND_OBJECT, &manifest, err);
	if (r == 0 && !c->scratch && (!id || !manifest))
		r = err_set(err, ERR_INVALID, WHAT ": its image is missing");
	if (r < 0 || c->scratch)
		return r;
	r = digest_parse(id, &c->image_id, err);
	return r < 0 ? r : descriptor_from_json(manifest, WHAT, &c->manifest, err);
}

static int parse(const struct json *o, struct container *c, struct err *err)
{
	int64_t base_history = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_LEN(texts); i++) {
		const char *text = NULL;
		r = json_get_string(o, WHAT, texts[i].key, &text, err);
		if (text)
			mem_replace(text_of(c, i), xstrdup(text));
	}
	if (r == 0)
		r = json_get_bool(o, WHAT, "scratch", &c->scratch, err);
	if (r == 0)
		r = json_get_bool(o, WHAT, "docker", &c->docker, err);
	if (r == 0)
		r = json_get_int(o, WHAT, "baseHistory", &base_history, err);
	if (r == 0)
		r = json_get_map(o, WHAT, "annotations", &c->annotations, err);
	if (r == 0)
		r = json_get_strv(o, WHAT, "options", &c->options, err);
	if (r == 0)
		r = json_get_strv(o, WHAT, "links", &c->links, err);
	if (r == 0)
		r = parse_image(o, c, err);
	if (r == 0)
		r = parse_config(o, c, err);
	if (r == 0 && (!c->name || !c->image_name || !c->created))
		r = err_set(err, ERR_INVALID, WHAT ": its names are missing");
	if (r == 0 && (base_history < 0 || (uint64_t)base_history > c->config.n_history))
		r = err_set(err, ERR_INVALID, WHAT ": 'baseHistory' is out of range");
	c->base_history = (size_t)base_history;
	return r;
}

int container_doc_parse(const char *text, size_t n, struct container *c, struct err *err)
{
	AUTO_JSON struct json *o = NULL;

	int r = json_parse(text, n, WHAT, &o, err);
	return r < 0 ? r : parse(o, c, err);
}
