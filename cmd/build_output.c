/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/build_output.h"

#include <stdlib.h>
#include <string.h>

#include "base/called.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "build/csv.h"
#include "build/publish.h"
#include "cmd/manifest_list.h"
#include "registry/transport.h"
#include "store/store.h"

const struct opt output_options[] = {
	OPT_STRV(0, "annotation", struct output_args, annotations),
	OPT_STRV(0, "attest", struct output_args, attest),
	OPT_TRISTATE(0, "created-annotation", struct output_args, created_annotation),
	OPT_TRISTATE('D', "disable-compression", struct output_args, disable_compression),
	OPT_STRING(0, "format", struct output_args, format),
	OPT_STRING(0, "iidfile", struct output_args, iidfile),
	OPT_TRISTATE(0, "inherit-annotations", struct output_args, inherit_annotations),
	OPT_BOOL(0, "inherit-labels", struct output_args, inherit_labels),
	OPT_BOOL(0, "load", struct output_args, load),
	OPT_STRING(0, "manifest", struct output_args, manifest),
	OPT_STRING(0, "metadata-file", struct output_args, metadata_file),
	OPT_BOOL(0, "omit-history", struct output_args, omit_history),
	OPT_STRV('o', "output", struct output_args, outputs),
	OPT_STRING(0, "provenance", struct output_args, provenance),
	OPT_BOOL(0, "push", struct output_args, push),
	OPT_STRING(0, "sign-by", struct output_args, sign_by),
	OPT_BOOL(0, "squash", struct output_args, squash),
	OPT_BOOL(0, "squash-all", struct output_args, squash_all),
	OPT_STRV(0, "unsetannotation", struct output_args, unset_annotations),
	OPT_TRISTATE(0, "identity-label", struct output_args, identity_label),
	OPT_STRV(0, "layer-label", struct output_args, layer_labels),
	OPT_GROUP(sbom_options, struct output_args, sbom),
	OPT_REFUSED_WHY(0, "cw", "images for confidential computing are not made"),
	OPT_REFUSED_WHY(0, "encrypt", "layers are not encrypted"),
	OPT_REFUSED_WHY(0, "encryption-key", "push encrypts images"),
	OPT_END,
};

void output_args_init(struct output_args *a)
{
	a->inherit_labels = true;
	a->disable_compression = a->created_annotation = a->inherit_annotations = -1;
	a->identity_label = -1;
}

/* What a script says that wants none. */
static bool is_off(const char *text)
{
	static const char *const words[] = {"false", "0", "none", "disabled", "off", ""};
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (streq(text, words[i]))
			return true;
	return strstr(text, "disabled=true") || strstr(text, "disabled=1");
}

#define GENERATOR "docker/buildkit-syft-scanner:stable-1" /* as docker buildx */

/* "type=sbom,generator=IMAGE", or without the type. *ret: borrowed; NULL: disabled */
static int parse_sbom(
	const char *option, const char *text, struct strv *keep, const char **ret, struct err *err)
{
	AUTO_STRV struct strv words = STRV_INIT;
	const char *image = GENERATOR;
	if (!streq(text, "true") && csv_fields(text, &words, err) < 0)
		return err_wrap(err, "option '--%s'", option);
	STRV_FOREACH (word, &words) {
		const char *value;
		AUTO_FREE char *key = csv_key(*word, &value);
		if (value && streq(key, "generator") && *value) {
			strv_add(keep, value);
			image = keep->v[keep->n - 1];
		} else if (!value || (!streq(key, "type") && !streq(key, "disabled"))) {
			return err_set(err, ERR_UNSUPPORTED,
				"option '--%s': '%s' is not one of 'generator=IMAGE', "
				"'disabled=true'",
				option, *word);
		}
	}
	*ret = is_off(text) ? NULL : image;
	return 0;
}

static int add_attestation(const char *text, struct build_opts *o, struct outputs *ret,
	bool *provenance, struct err *err)
{
	if (strstr(text, "type=provenance"))
		return provenance_parse("attest", text, &ret->provenance, provenance, err);
	if (strstr(text, "type=sbom"))
		return parse_sbom("attest", text, &ret->generators, &o->generator, err);
	return err_set(err, ERR_INVALID,
		"option '--attest': '%s' is neither of 'type=provenance' nor of 'type=sbom'", text);
}

/* buildx's words for one that goes beside the image. */
static bool is_generator(const char *sbom)
{
	return sbom && (streq(sbom, "true") || strchr(sbom, '='));
}

/* --attest, and what is short for it. */
static int set_attestations(
	const struct output_args *a, struct build_opts *o, struct outputs *ret, struct err *err)
{
	bool provenance = false;
	STRV_FOREACH (w, &a->attest)
		if (add_attestation(*w, o, ret, &provenance, err) < 0)
			return err->code;
	if (a->provenance && *a->provenance &&
		provenance_parse("provenance", a->provenance, &ret->provenance, &provenance, err) <
			0)
		return err->code;
	if (is_generator(a->sbom.preset) &&
		parse_sbom("sbom", a->sbom.preset, &ret->generators, &o->generator, err) < 0)
		return err->code;
	if (provenance)
		o->provenance = &ret->provenance;
	return 0;
}

/* Only what is an index has room for them. */
static int check_attested(const struct outputs *out, const struct build_opts *o, struct err *err)
{
	const char *option = o->provenance ? "provenance" : "sbom";
	if (!o->provenance && !o->generator)
		return 0;
	if (out->manifest)
		return err_set(err, ERR_UNSUPPORTED,
			"'--%s' cannot be combined with '--manifest': a list has images only",
			option);
	for (size_t i = 0; i < out->n; i++) {
		const struct output *to = &out->o[i];
		bool archive = to->type == OUTPUT_DOCKER ? to->dest != NULL
		                                         : str_has_prefix(to->text, "docker-");
		if (archive || to->type == OUTPUT_LOCAL || to->type == OUTPUT_TAR)
			return err_set(err, ERR_UNSUPPORTED,
				"output '%s' has no room for '--%s': 'type=oci', "
				"'type=image' and 'type=registry' have",
				to->text, option);
		if (to->form.types == TYPES_DOCKER || out->form.types == TYPES_DOCKER)
			return err_set(err, ERR_UNSUPPORTED,
				"an image in docker's format cannot have '--%s': leave out "
				"'--format=docker', or 'oci-mediatypes=false'",
				option);
	}
	return 0;
}

/* Before the build: where the files go can be written to. */
static int set_sbom(
	const struct output_args *a, struct build_opts *o, struct sbom_opts *ret, struct err *err)
{
	struct sbom_args scan = a->sbom;
	if (is_generator(scan.preset))
		scan.preset = NULL;
	if ((scan.preset && is_off(scan.preset)) || !sbom_args_given(&scan))
		return 0;
	if (sbom_args_apply(&scan, ret, err) < 0)
		return err->code;
	o->sbom = ret;
	o->reshaped |= sbom_goes_into_image(ret);
	return 0;
}

static int set_format(const struct output_args *a, struct rework *ret, struct err *err)
{
	const char *from = "option '--format'", *format = a->format;
	if (!format) {
		format = getenv("BUILDAH_FORMAT");
		from = "BUILDAH_FORMAT";
	}
	if (!format || !*format || streq(format, "oci"))
		return 0;
	if (!streq(format, "docker"))
		return err_set(
			err, ERR_INVALID, "%s: '%s' is not one of 'oci', 'docker'", from, format);
	ret->types = TYPES_DOCKER;
	return 0;
}

static bool unset_created(const struct output_args *a)
{
	return strv_has(&a->unset_annotations, "org.opencontainers.image.created");
}

static int set_form(const struct output_args *a, const struct build_opts *o, struct rework *ret,
	struct err *err)
{
	ret->compression = o->compression;
	ret->level = -1;
	ret->squash = a->squash_all ? SQUASH_ALL : a->squash ? SQUASH_NEW : SQUASH_NONE;
	ret->omit_history = a->omit_history;
	STRV_FOREACH (w, &a->annotations)
		if (annotations_add(&ret->annotations, *w, err) < 0)
			return err->code;
	return set_format(a, ret, err);
}

static void put_output(struct outputs *out, const struct output *o)
{
	out->o = xreallocarray(out->o, out->n + 1, sizeof(*out->o));
	out->o[out->n++] = *o;
}

static int add_output(struct outputs *out, const char *text, struct err *err)
{
	struct output o;
	if (output_parse(text, &o, err) < 0)
		return err->code;
	put_output(out, &o);
	return 0;
}

/* In buildah's form: with its time, and what stays here is not compressed. */
static int add_place(
	const struct output_args *a, struct outputs *out, const char *location, struct err *err)
{
	struct output o;
	if (output_to_place(location, &o, err) < 0)
		return err_wrap(err, "option '--tag'");
	o.form.created_annotation = a->created_annotation != 0 && !unset_created(a);
	if (a->disable_compression != 0 && !str_has_prefix(location, "docker://")) {
		o.form.recompress = o.form.recompress_all = true;
		o.form.compression = COMPRESSION_NONE;
	}
	put_output(out, &o);
	return 0;
}

/* To buildah files of an image are no reason not to have it. */
static bool keeps_besides(const struct output_args *a, const struct outputs *out)
{
	bool files = called_buildah() && out->n == a->outputs.n;
	for (size_t i = 0; i < out->n; i++)
		files = files && (out->o[i].type == OUTPUT_LOCAL || out->o[i].type == OUTPUT_TAR);
	return files;
}

/* Without a word about it the image goes into the store. With --output it does when a name says so:
 * --tag as in buildah, or that of an image. */
static int add_store(const struct output_args *a, struct outputs *out, struct err *err)
{
	bool stored = false, forget = false;
	for (size_t i = 0; i < out->n; i++) {
		stored |= output_is_stored(&out->o[i]) && (!out->o[i].names.n || !out->tags->n);
		forget |= out->o[i].forget;
	}
	if (a->load || (!stored && !forget && (!out->n || out->tags->n || keeps_besides(a, out))))
		return add_output(out, "type=docker", err);
	return 0;
}

/* What an archive of docker cannot hold. */
static int check_archives(const struct outputs *out, const struct build_opts *o, struct err *err)
{
	for (size_t i = 0; i < out->n && o->platforms.n > 1; i++) {
		const struct output *to = &out->o[i];
		if (to->type == OUTPUT_DOCKER ? to->dest != NULL
					      : str_has_prefix(to->text, "docker-archive:"))
			return err_set(err, ERR_INVALID,
				"output '%s': a docker-archive holds images of one platform, and "
				"'--platform' names %zu: type=oci holds them all",
				to->text, o->platforms.n);
	}
	return 0;
}

static int check_outputs(const struct outputs *out, const struct build_opts *o, struct err *err)
{
	unsigned to_stdout = 0;
	for (size_t i = 0; i < out->n; i++) {
		if (output_check(&out->o[i], out->tags, err) < 0)
			return err->code;
		to_stdout += out->o[i].dest && streq(out->o[i].dest, "-");
	}
	if (to_stdout > 1)
		return err_set(
			err, ERR_INVALID, "option '--output': only one can go to standard output");
	return check_archives(out, o, err);
}

/* A signature says by which name an image is known, and lies with it. */
static int check_signing(const struct outputs *out, struct err *err)
{
	bool signs = false;
	for (size_t i = 0; out->sign_by && i < out->n; i++) {
		const struct output *o = &out->o[i];
		if (output_is_stored(o) && !o->names.n && !out->tags->n)
			return err_set(err, ERR_INVALID,
				"option '--sign-by': an image is signed for its name: give it one "
				"with '--tag'");
		signs = signs || output_is_stored(o) || output_is_push(o);
	}
	return out->sign_by && !signs
	               ? err_set(err, ERR_INVALID,
				 "option '--sign-by': no output goes to the store or to a registry")
	               : 0;
}

/* Of an older build it tells nothing any more. */
static int begin_file(const char *option, const char *path, struct err *err)
{
	if (!path || (fs_check_output(path, err) == 0 && fs_forget_output(path, err) == 0))
		return 0;
	return err_wrap(err, "option '--%s'", option);
}

static int check_forms(const struct outputs *out, bool index, struct err *err)
{
	if (rework_check(&out->form, index, err) < 0)
		return err->code;
	for (size_t i = 0; i < out->n; i++)
		if (rework_check(&out->o[i].form, index, err) < 0)
			return err_wrap(err, "output '%s'", out->o[i].text);
	return 0;
}

/* Is something made of the images' files, and not of their layers as they are? */
static bool looks_at_files(const struct outputs *out)
{
	bool looks = out->form.squash != SQUASH_NONE;
	for (size_t i = 0; i < out->n; i++)
		looks = looks || out->o[i].type == OUTPUT_LOCAL || out->o[i].type == OUTPUT_TAR ||
		        out->o[i].form.squash != SQUASH_NONE;
	return looks;
}

/* What the images take over from their bases, and what they are annotated with. */
static void set_inherited(const struct output_args *a, struct build_opts *o)
{
	o->drop_labels = !a->inherit_labels;
	/* who names some of them wants the others */
	o->inherit_annotations = a->inherit_annotations < 0
	                                 ? called_buildah() || a->unset_annotations.n > 0
	                                 : a->inherit_annotations == 1;
	strv_copy(&o->unset_annotations, &a->unset_annotations);
	strv_copy(&o->annotations, &a->annotations);
}

static int add_outputs(const struct output_args *a, const struct strv *tags,
	const struct build_opts *o, struct outputs *ret, struct err *err)
{
	STRV_FOREACH (w, &a->outputs)
		if (add_output(ret, *w, err) < 0)
			return err->code;
	STRV_FOREACH (w, tags)
		if (location_is_elsewhere(*w) && add_place(a, ret, *w, err) < 0)
			return err->code;
	if (a->push && !o->tags.n)
		return err_set(err, ERR_INVALID, "option '--push' needs a '--tag' to push");
	if (a->push && add_output(ret, "type=registry", err) < 0)
		return err->code;
	return add_store(a, ret, err);
}

int outputs_prepare(const struct output_args *a, const struct strv *tags, struct build_opts *o,
	struct outputs *ret, struct err *err)
{
	*ret = (struct outputs){.tags = &o->tags,
		.manifest = a->manifest,
		.metadata_file = a->metadata_file,
		.iidfile = a->iidfile,
		.sign_by = a->sign_by,
		.load = a->load};
	set_inherited(a, o);
	if (build_check_tags(&o->tags, "--tag ", err) < 0 || set_attestations(a, o, ret, err) < 0 ||
		set_form(a, o, &ret->form, err) < 0)
		return err->code;
	o->docker = ret->form.types == TYPES_DOCKER;
	o->created_annotation = a->created_annotation < 0
	                                ? called_buildah() && !o->docker && !unset_created(a)
	                                : a->created_annotation == 1;
	o->reshaped |= (a->squash && !o->one_layer) || a->squash_all || a->omit_history ||
	               ret->form.annotations.n;
	if (set_sbom(a, o, &ret->sbom, err) < 0 || add_outputs(a, tags, o, ret, err) < 0)
		return err->code;
	for (size_t i = 0; i < ret->n; i++)
		ret->to_stdout |= ret->o[i].dest && streq(ret->o[i].dest, "-");
	o->wants_trees = looks_at_files(ret);
	if (check_outputs(ret, o, err) < 0 || check_attested(ret, o, err) < 0 ||
		check_signing(ret, err) < 0 || begin_file("iidfile", a->iidfile, err) < 0 ||
		begin_file("metadata-file", a->metadata_file, err) < 0)
		return err->code;
	return check_forms(ret, o->all_platforms || o->platforms.n > 1, err);
}

int outputs_check(const struct outputs *out, struct store *s, struct err *err)
{
	AUTO_MANIFEST_LIST struct manifest_list list = {.lock = -1};
	bool stored = false;
	if (!out->manifest)
		return 0;
	for (size_t i = 0; i < out->n; i++)
		stored = stored || output_is_stored(&out->o[i]);
	if (!stored)
		return err_set(err, ERR_INVALID,
			"option '--manifest': no output goes to the store, so there is nothing "
			"for '%s'",
			out->manifest);
	if (manifest_list_open(s, out->manifest, true, &list, err) < 0)
		return err_wrap(err, "option '--manifest'");
	return 0;
}

int outputs_reach(const struct outputs *out, const struct remote_opts *remote, struct err *err)
{
	for (size_t i = 0; i < out->n; i++)
		if (output_reach(&out->o[i], out->tags, remote, err) < 0)
			return err->code;
	return 0;
}

void outputs_done(struct outputs *out)
{
	for (size_t i = 0; i < out->n; i++) {
		output_done(&out->o[i]);
		if (out->forms)
			build_result_done(&out->forms[i]);
	}
	free(out->o);
	free(out->forms);
	sbom_opts_done(&out->sbom);
	provenance_opts_done(&out->provenance);
	strv_done(&out->generators);
	annotations_done(&out->form.annotations);
}
