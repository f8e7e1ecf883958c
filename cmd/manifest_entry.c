/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/manifest_entry.h"

#include <string.h>

#include "base/digest.h"
#include "base/err.h"
#include "base/map.h"
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/opt_groups.h"
#include "image/manifest.h"

const struct opt entry_options[] = {
	OPT_STRV(0, "annotation", struct entry_args, annotations),
	OPT_STRING(0, "arch", struct entry_args, arch),
	OPT_STRV(0, "features", struct entry_args, features),
	OPT_STRING(0, "os", struct entry_args, os),
	OPT_STRV(0, "os-features", struct entry_args, os_features),
	OPT_STRING(0, "os-version", struct entry_args, os_version),
	OPT_STRING(0, "variant", struct entry_args, variant),
	OPT_END,
};

int manifest_annotations_add(const struct strv *words, struct map *ret, struct err *err)
{
	STRV_FOREACH (w, words) {
		const char *eq = strchr(*w, '=');
		if (!eq || eq == *w)
			return err_set(err, ERR_INVALID,
				"option '--annotation': '%s' is not KEY=VALUE", *w);
		AUTO_FREE char *key = xstrndup(*w, (size_t)(eq - *w));
		map_set(ret, key, eq + 1);
	}
	return 0;
}

static void set_words(struct strv *ret, const struct strv *words)
{
	if (words->n)
		strv_done(ret);
	STRV_FOREACH (w, words)
		strv_split(ret, *w, ',');
}

int entry_args_apply(const struct entry_args *a, struct descriptor *d, struct err *err)
{
	struct platform *p = &d->platform;
	if (platform_field_set(p->arch, sizeof(p->arch), "arch", a->arch, err) < 0 ||
		platform_field_set(p->os, sizeof(p->os), "os", a->os, err) < 0 ||
		platform_field_set(p->os_version, sizeof(p->os_version), "os-version",
			a->os_version, err) < 0 ||
		platform_field_set(p->variant, sizeof(p->variant), "variant", a->variant, err) <
			0 ||
		manifest_annotations_add(&a->annotations, &d->annotations, err) < 0)
		return err->code;
	set_words(&d->features, &a->features);
	set_words(&d->os_features, &a->os_features);
	d->has_platform = d->has_platform || *p->arch || *p->os;
	return 0;
}

void manifest_print_change(struct app *app, const struct digest *list, const struct digest *entry)
{
	char id[DIGEST_STR_MAX], digest[DIGEST_STR_MAX];
	out_printf(&app->out, "%s: %s\n", digest_hex(list, id), digest_str(entry, digest));
}
