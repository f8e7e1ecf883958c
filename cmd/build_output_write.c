/* SPDX-License-Identifier: Apache-2.0 */
/* What outputs get once the build is done. What their words say is in build_output.c. */
#include "cmd/build_output.h"

#include <string.h>

#include "base/called.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/strv.h"
#include "build/attest.h"
#include "build/publish.h"
#include "build/sbom_generate.h"
#include "cmd/manifest_list.h"
#include "image/media_type.h"
#include "image/reference.h"
#include "registry/transport.h"
#include "store/names.h"
#include "store/step_images.h"

/* A platform that nothing was built for. */
static void warn_annotations(const struct annotations *a, struct build_result *r)
{
	char text[100];
	for (size_t i = 0; i < a->n; i++) {
		bool used = !a->a[i].has_platform;
		for (size_t k = 0; k < r->n_images && !used; k++)
			used = platform_match(&a->a[i].platform, &r->images[k].platform) >= 0;
		if (!used)
			strv_addf(&r->warnings,
				"option '--annotation': no image for %s is built, so '%s' is on "
				"none",
				platform_str(&a->a[i].platform, text), a->a[i].key);
	}
}

static void copy_images(const struct build_result *from, struct build_result *to)
{
	*to = (struct build_result){.n_images = from->n_images};
	to->images = xmemdup(from->images, from->n_images * sizeof(*from->images));
	for (size_t i = 0; i < from->n_images; i++)
		descriptor_copy(&to->images[i].manifest, &from->images[i].manifest);
	descriptor_copy(&to->root, &from->root);
}

static bool is_plain(const struct rework *w)
{
	return w->squash == SQUASH_NONE && !w->omit_history && !w->created_annotation &&
	       w->types == TYPES_ASIS && !w->annotations.n && !w->recompress;
}

static int make_forms(struct outputs *out, struct store *s, struct txn *t,
	const struct build_opts *o, struct build_result *r, struct err *err)
{
	warn_annotations(&out->form.annotations, r);
	for (size_t i = 0; i < out->n; i++)
		warn_annotations(&out->o[i].form.annotations, r);
	out->form.clamp = r->has_epoch;
	out->form.force = r->has_epoch && o->force;
	out->form.clamp_s = r->epoch;
	if (!is_plain(&out->form) && !r->is_base &&
		rework_images(s, t, &out->form, o->progress, r, err) < 0)
		return err->code;
	out->forms = xcalloc(out->n, sizeof(*out->forms));
	for (size_t i = 0; i < out->n; i++) {
		copy_images(r, &out->forms[i]);
		if (!is_plain(&out->o[i].form) &&
			rework_images(s, t, &out->o[i].form, o->progress, &out->forms[i], err) < 0)
			return err_wrap(err, "output '%s'", out->o[i].text);
	}
	return 0;
}

/* After all else, since they name the images by digest. */
static int attest_forms(
	struct outputs *out, struct store *s, const struct build_result *r, struct err *err)
{
	for (size_t i = 0; r->predicates.n && i < out->n; i++) {
		AUTO_STRV struct strv names = STRV_INIT;
		if (output_full_names(&out->o[i], out->tags, &names, err) < 0 ||
			attest_images(s, &r->predicates, &names, &out->forms[i], err) < 0)
			return err_wrap(err, "output '%s'", out->o[i].text);
	}
	return 0;
}

static int write_all(struct outputs *out, struct store *s, struct txn *t,
	const struct build_opts *o, const struct build_result *r, bool pushes, struct err *err)
{
	const struct output_opts opts = {
		.tags = out->tags,
		.push = {.remote = o->pull.remote,
			.progress = o->progress,
			.sign_by = out->sign_by,
			/* each place's image is signed for its own name */
			.remove_signatures = true},
		.has_epoch = r->has_epoch,
		.epoch = r->epoch,
	};
	for (size_t i = 0; i < out->n; i++)
		if (output_is_push(&out->o[i]) == pushes &&
			output_write(s, t, &out->o[i], &opts, &out->forms[i], err) < 0)
			return err->code;
	return 0;
}

/* The images join the list. Without a name of its own an index of them is not kept: then the list
 * is what was made. */
static int add_to_list(const struct outputs *out, struct store *s, struct build_result *made,
	struct build_result *r, struct err *err)
{
	AUTO_MANIFEST_LIST struct manifest_list list = {.lock = -1};
	struct digest id;
	int rc = manifest_list_open(s, out->manifest, true, &list, err);
	for (size_t i = 0; rc == 0 && i < made->n_images; i++)
		manifest_list_put(&list, &made->images[i].manifest);
	if (rc == 0)
		rc = manifest_list_save(s, &list, &id, err);
	if (rc < 0)
		return err_wrap(err, "option '--manifest'");
	if (!strv_has(&r->refs, list.ref))
		strv_add(&r->refs, list.ref);
	if (made->n_images > 1 && !out->tags->n) {
		descriptor_done(&made->root);
		return name_get(s, list.ref, &made->root, err);
	}
	return 0;
}

/* What joined a list: as buildah, and so that the steps have something that they are kept for. */
static int keep_unnamed(struct store *s, const struct build_result *r,
	const struct build_result *made, struct err *err)
{
	for (size_t i = 0; i < made->n_images; i++) {
		const struct descriptor *d = &made->images[i].manifest;
		if (names_set(s, NULL, 0, d, err) < 0 ||
			step_images_keep(s, r->steps, r->n_steps, &d->digest, err) < 0)
			return err->code;
	}
	return 0;
}

static int name_all(struct outputs *out, struct store *s, struct build_result *r, struct err *err)
{
	for (size_t i = 0; i < out->n; i++) {
		const struct output *o = &out->o[i];
		if (!output_is_stored(o))
			continue;
		if (out->manifest && add_to_list(out, s, &out->forms[i], r, err) < 0)
			return err->code;
		if (out->manifest && !o->names.n && !out->tags->n) {
			if ((r->n_steps || called_buildah()) &&
				keep_unnamed(s, r, &out->forms[i], err) < 0)
				return err->code;
			continue;
		}
		if (build_publish(s, o->names.n ? &o->names : out->tags, out->sign_by,
			    &out->forms[i], err) < 0 ||
			step_images_keep(s, r->steps, r->n_steps, &out->forms[i].root.digest, err) <
				0)
			return err->code;
		STRV_FOREACH (name, &out->forms[i].refs)
			if (!strv_has(&r->refs, *name))
				strv_add(&r->refs, *name);
	}
	return 0;
}

/* What the files tell about: the image that was named or pushed, else the one that was built. */
static const struct build_result *told(const struct outputs *out, const struct build_result *r)
{
	for (size_t i = 0; i < out->n; i++)
		if (output_is_stored(&out->o[i]) || output_is_push(&out->o[i]))
			return &out->forms[i];
	for (size_t i = 0; i < out->n; i++)
		if (out->o[i].type == OUTPUT_OCI || out->o[i].type == OUTPUT_DOCKER)
			return &out->forms[i];
	return r;
}

/* What an image is known by is its config's digest; an index of several has none. */
static const char *image_id(const struct build_result *r, char buf[DIGEST_STR_MAX])
{
	const char *list = map_get(&r->root.annotations, ANNOTATION_LIST_ID);
	if (list && called_buildah())
		return list;
	return digest_hex(r->n_images > 1 ? &r->root.digest : &r->images[0].image_id, buf);
}

void outputs_image_ids(const struct outputs *out, const struct build_result *r, struct strv *ret)
{
	char hex[DIGEST_STR_MAX];
	const struct build_result *image = told(out, r);
	if (image == r)
		return;
	if (!called_buildah() || !out->manifest || out->tags->n)
		strv_add(ret, image_id(image, hex));
	else
		for (size_t i = 0; i < image->n_images; i++)
			strv_add(ret, digest_hex(&image->images[i].image_id, hex));
}

/* What is pushed by digest has no tag there, whatever the store calls it. */
static bool is_name_by_digest(const struct outputs *out, const char *name)
{
	AUTO_REFERENCE struct reference ref = {0};
	struct err ignored = ERR_INIT;
	if (reference_parse_local(name, &ref, &ignored) < 0)
		return false;
	AUTO_FREE char *plain = reference_name(&ref);
	for (size_t i = 0; i < out->n; i++)
		if (out->o[i].push && out->o[i].by_digest && strv_has(&out->o[i].names, plain))
			return true;
	return false;
}

static char *all_names(const struct outputs *out, const struct build_result *r)
{
	AUTO_STRV struct strv names = STRV_INIT;
	STRV_FOREACH (name, &r->refs)
		if (!is_name_by_digest(out, *name))
			strv_add(&names, *name);
	for (size_t i = 0; i < out->n; i++)
		STRV_FOREACH (name, &out->o[i].names)
			if (!strv_has(&names, *name))
				strv_add(&names, *name);
	return strv_join(&names, ",");
}

int outputs_write_call(const struct output_args *a, const struct build_result *r, struct err *err)
{
	if (!a->metadata_file || !r->document)
		return 0;
	AUTO_JSON struct json *j = json_new_object();
	json_set(j, "result.json", json_ref(r->document));
	AUTO_FREE char *dump = json_dump(j, 2);
	AUTO_FREE char *line = xasprintf("%s\n", dump);
	return fs_write_output(a->metadata_file, line, strlen(line), 0644, false, err);
}

/* buildx.build.provenance, for several images with the platform of each. */
static void add_provenance(const struct build_result *r, struct json *ret)
{
	char platform[100];
	for (size_t i = 0; i < r->predicates.n; i++) {
		const struct predicate *p = &r->predicates.p[i];
		if (streq(p->type, SPDX_DOCUMENT))
			continue;
		AUTO_FREE char *key = xasprintf("buildx.build.provenance%s%s",
			r->n_images > 1 ? "/" : "",
			r->n_images > 1 ? platform_str(&r->images[p->image].platform, platform)
					: "");
		json_set(ret, key, json_ref(p->body));
	}
}

/* The members that buildx writes. */
static int write_metadata(const struct outputs *out, const struct build_result *r, struct err *err)
{
	char text[DIGEST_STR_MAX];
	const struct build_result *image = told(out, r);
	AUTO_JSON struct json *j = json_new_object();
	AUTO_FREE char *names = all_names(out, r);
	if (!out->metadata_file)
		return 0;
	add_provenance(r, j);
	if (media_kind(image->root.media_type) == MEDIA_MANIFEST)
		json_set_string(j, "containerimage.config.digest",
			digest_str(&image->images[0].image_id, text));
	struct json *d = descriptor_to_json(&image->root);
	if (media_kind(image->root.media_type) == MEDIA_MANIFEST) {
		AUTO_JSON struct json *full = descriptor_to_json(&image->images[0].manifest);
		json_set(d, "platform", json_ref(json_get(full, "platform")));
	}
	json_set(j, "containerimage.descriptor", d);
	json_set_string(j, "containerimage.digest", digest_str(&image->root.digest, text));
	if (*names)
		json_set_string(j, "image.name", names);
	AUTO_FREE char *dump = json_dump(j, 2);
	AUTO_FREE char *line = xasprintf("%s\n", dump);
	return fs_write_output(out->metadata_file, line, strlen(line), 0644, false, err);
}

static int write_iidfile(const struct outputs *out, const struct build_result *r, struct err *err)
{
	char hex[DIGEST_STR_MAX];
	if (!out->iidfile)
		return 0;
	AUTO_FREE char *id = xasprintf("sha256:%s", image_id(told(out, r), hex));
	return fs_write_output(out->iidfile, id, strlen(id), 0644, false, err);
}

/* What --load means to docker buildx: docker can run the image afterwards. Of several platforms it
 * can run this machine's. */
static int load_into_docker(const struct outputs *out, struct store *s, const struct build_opts *o,
	const struct build_result *r, struct err *err)
{
	const struct build_result *image = told(out, r);
	AUTO_STRV struct strv names = STRV_INIT;
	struct platform host;
	const struct image_export e = {.kind = EXPORT_DOCKER_DAEMON,
		.names = &names,
		.remote = &o->pull.remote,
		.progress = o->progress};
	if (!out->load || !docker_daemon_is_here())
		return 0;
	strv_copy(&names, &image->refs);
	output_docker_names(out->tags, &names);
	platform_host(&host);
	for (size_t i = 0; i < image->n_images; i++)
		if ((image->n_images == 1 ||
			    platform_match(&host, &image->images[i].platform) >= 0) &&
			image_export(s, &image->images[i].manifest, &e, err) < 0)
			return err_wrap(err, "option '--load'");
	return 0;
}

int outputs_write(struct outputs *out, struct store *s, struct txn *t, const struct build_opts *o,
	struct build_result *r, struct err *err)
{
	if (make_forms(out, s, t, o, r, err) < 0 || attest_forms(out, s, r, err) < 0 ||
		write_all(out, s, t, o, r, false, err) < 0 || name_all(out, s, r, err) < 0 ||
		load_into_docker(out, s, o, r, err) < 0 ||
		write_all(out, s, t, o, r, true, err) < 0 || write_metadata(out, r, err) < 0 ||
		write_iidfile(out, r, err) < 0 || sbom_write_files(&out->sbom, &r->sbom, err) < 0)
		return err->code;
	return 0;
}
