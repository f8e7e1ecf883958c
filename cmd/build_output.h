/* SPDX-License-Identifier: Apache-2.0 */
/* The options of build that say what the result is and where it goes. */
#pragma once
#include "build/build.h"
#include "build/output.h"
#include "build/provenance.h"
#include "build/sbom_opts.h"
#include "cmd/opt.h"
#include "cmd/sbom_args.h"

struct app;

struct output_args {
	struct strv outputs, annotations, attest, unset_annotations, layer_labels;
	bool load, push, squash, squash_all, omit_history;
	int disable_compression, created_annotation, inherit_annotations; /* -1: not said */
	int identity_label; /* as well */
	bool inherit_labels;
	struct sbom_args sbom;
	const char *manifest, *metadata_file, *iidfile, *format, *provenance, *sign_by;
};
extern const struct opt output_options[];
void output_args_init(struct output_args *a);

/* A build's result on its way: each output, and the form of the images that it takes. */
struct outputs {
	struct output *o;
	struct build_result *forms; /* one for each */
	size_t n;
	const struct strv *tags;
	struct rework form; /* of all images */
	const char *manifest; /* a list that gets the images */
	const char *metadata_file, *iidfile;
	struct sbom_opts sbom;
	struct provenance_opts provenance;
	struct strv generators; /* what build_opts.generator borrows from */
	const char *sign_by; /* the key that signs what is named and pushed */
	bool to_stdout; /* one of them takes standard output */
	bool load; /* the images go into docker too, where there is one */
};

/* Before the build: everything is read and checked. o: gets what concerns the build; its times and
 * tags are set. tags: as typed, with those that are a place elsewhere. */
int outputs_prepare(const struct output_args *a, const struct strv *tags, struct build_opts *o,
	struct outputs *ret, struct err *err) __attribute__((warn_unused_result));
/* What is to be pushed can be. */
int outputs_reach(const struct outputs *out, const struct remote_opts *remote, struct err *err)
	__attribute__((warn_unused_result));
/* Once the store is open: the list can get them. */
int outputs_check(const struct outputs *out, struct store *s, struct err *err)
	__attribute__((warn_unused_result));
/* Puts the images into their form, writes the outputs, names the images, pushes, and writes the
 * files that say what was made. */
int outputs_write(struct outputs *out, struct store *s, struct txn *t, const struct build_opts *o,
	struct build_result *r, struct err *err) __attribute__((warn_unused_result));
/* --metadata-file of a call: what it tells, as JSON. */
int outputs_write_call(const struct output_args *a, const struct build_result *r, struct err *err)
	__attribute__((warn_unused_result));
/* The ID of what was named or pushed, as digits; nothing: none was. Called buildah: of what joined
 * a list that of each image. */
struct strv;
void outputs_image_ids(const struct outputs *out, const struct build_result *r, struct strv *ret);
void outputs_done(struct outputs *out);
