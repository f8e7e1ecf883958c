/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/signing.h"

#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/strv.h"
#include "image/descriptor.h"
#include "registry/gpg.h"
#include "registry/signature.h"

int sign_manifest(const struct digest *manifest, const char *reference, const char *key,
	struct strv *ret, struct err *err)
{
	AUTO_BUF struct buf message = BUF_INIT(SIGNATURE_MAX);
	if (!reference)
		return err_set(err, ERR_UNSUPPORTED,
			"option '--sign-by': Cannot determine canonical Docker reference: images "
			"have no names there to be signed for");
	AUTO_FREE char *text = signature_payload(manifest, reference, clock_now().tv_sec);
	int r = gpg_sign(key, text, strlen(text), &message, err);
	if (r < 0)
		return err_wrap(err, "option '--sign-by'");
	strv_add_take(ret, base64_encode(message.data, message.len));
	return 0;
}

void signatures_get(const struct descriptor *image, struct strv *ret)
{
	const char *text = map_get(&image->annotations, ANNOTATION_SIGNATURES);
	if (text)
		strv_split(ret, text, ',');
}

int image_sign(struct descriptor *image, const char *reference, const char *key, struct err *err)
{
	AUTO_STRV struct strv all = STRV_INIT;
	signatures_get(image, &all);
	int r = sign_manifest(&image->digest, reference, key, &all, err);
	if (r < 0)
		return r;
	AUTO_FREE char *text = strv_join(&all, ",");
	map_set(&image->annotations, ANNOTATION_SIGNATURES, text);
	return 0;
}
