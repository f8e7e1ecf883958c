/* SPDX-License-Identifier: Apache-2.0 */
#include "build/sbom_generate.h"

#include "base/err.h"
#include "base/json.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/progress.h"
#include "base/root.h"
#include "base/strv.h"
#include "build/attest.h"
#include "build/build.h"
#include "build/sbom.h"
#include "build/scanner.h"
#include "store/images.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SOURCE "/run/src/core/sbom"
#define EXTRAS "/run/src/extras" /* stages besides the image: there are none */
#define DESTINATION "/run/out"
#define STATEMENT "https://in-toto.io/Statement/"
#define STATEMENTS_MAX 64 /* BuildKit's own generator writes one */
#define ID "sbom"

/* The names of what it left, in order. */
static int list(int dir, struct strv *ret, struct err *err)
{
	int own = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = own < 0 ? NULL : fdopendir(own);
	if (!d) {
		mem_close_p(&own);
		return err_sys(err, "cannot read what the generator wrote");
	}
	for (struct dirent *e; (e = readdir(d)) && ret->n <= STATEMENTS_MAX;)
		if (!streq(e->d_name, ".") && !streq(e->d_name, ".."))
			strv_add(ret, e->d_name);
	closedir(d);
	strv_sort(ret);
	if (!ret->n)
		return err_set(err, ERR_NOT_FOUND, "the generator has written nothing");
	return ret->n <= STATEMENTS_MAX
	               ? 0
	               : err_set(err, ERR_LIMIT, "the generator wrote more than %d statements",
				 STATEMENTS_MAX);
}

/* Of the statement the predicate counts: what it is about is for us to say. */
static int take_predicate(const struct json *statement, const char *what, size_t number,
	struct predicates *ret, struct err *err)
{
	const char *kind = NULL, *type = NULL;
	struct json *body = NULL;
	if (!json_is(statement, JSON_KIND_OBJECT))
		return err_set(err, ERR_INVALID, "%s is not an object", what);
	if (json_get_string(statement, what, "_type", &kind, err) < 0 ||
		json_get_string(statement, what, "predicateType", &type, err) < 0 ||
		json_get_kind(statement, what, "predicate", JSON_KIND_OBJECT, &body, err) < 0)
		return err->code;
	if (!kind || !str_has_prefix(kind, STATEMENT) || !body)
		return err_set(err, ERR_INVALID, "%s is no in-toto statement", what);
	if (!type || !streq(type, SPDX_DOCUMENT))
		return err_set(err, ERR_INVALID, "%s is not about '" SPDX_DOCUMENT "'", what);
	predicates_add(ret, number, SPDX_DOCUMENT, json_ref(body));
	return 0;
}

/* left: bytes that all may have yet; they are in memory at once */
static int take_statement(int dir, const char *name, size_t number, size_t *left,
	struct predicates *ret, struct err *err)
{
	AUTO_FREE char *text = NULL;
	AUTO_JSON struct json *statement = NULL;
	AUTO_FREE char *what = xasprintf("what the generator wrote: '%s'", name);
	size_t n;
	if (root_read_file(dir, name, SCANNER_DOCUMENT_MAX, &text, &n, err) < 0)
		return err_wrap(err, "what the generator wrote");
	if (n > *left)
		return err_set(err, ERR_LIMIT, "the generator wrote more than %u MiB",
			(unsigned)(SCANNER_DOCUMENT_MAX / MIB));
	*left -= n;
	if (json_parse(text, n, what, &statement, err) < 0)
		return err->code;
	return take_predicate(statement, what, number, ret, err);
}

static int run(struct scanner *r, struct err *err)
{
	AUTO_MAP struct map env = MAP_INIT;
	AUTO_STRV struct strv argv = STRV_INIT;
	const struct image_config *config = &r->s->scanner->config;
	const struct scanner_command c = {
		.argv = &argv, .env = &env, .rootfs = SOURCE, .scans = DESTINATION};
	map_set(&env, "BUILDKIT_SCAN_SOURCE", SOURCE);
	map_set(&env, "BUILDKIT_SCAN_SOURCE_EXTRAS", EXTRAS);
	map_set(&env, "BUILDKIT_SCAN_DESTINATION", DESTINATION);
	STRV_FOREACH (word, &config->entrypoint)
		strv_add(&argv, *word);
	STRV_FOREACH (word, &config->cmd)
		strv_add(&argv, *word);
	if (!argv.n)
		return err_set(err, ERR_INVALID, "its image has no command");
	return scanner_run(r, &c, ID, err);
}

int sbom_generate(const struct sbom_scan *s, const struct built_image *image, size_t number,
	struct predicates *ret, struct err *err)
{
	AUTO_IMAGE struct image img = {0};
	AUTO_STRV struct strv names = STRV_INIT;
	struct scanner r;
	size_t left = SCANNER_DOCUMENT_MAX;
	if (image_load(s->store, &image->manifest, NULL, &img, err) < 0)
		return err->code;
	progress_begin(s->progress, ID, "bill of materials", 0);
	int rc = scanner_open(s, &img, &r, err);
	if (rc == 0)
		rc = run(&r, err);
	if (rc == 0)
		rc = list(r.scans, &names, err);
	for (size_t i = 0; rc == 0 && i < names.n; i++)
		rc = take_statement(r.scans, names.v[i], number, &left, ret, err);
	scanner_done(&r);
	progress_end(s->progress, ID, rc == 0 ? "done" : "failed");
	return rc < 0 ? err_wrap(err, "generator of the bill of materials") : 0;
}
