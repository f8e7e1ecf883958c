/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/json.h"
#include "image/reference.h"
#include "registry/signature.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The signed document; and the same text as a "signedIdentity". */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = ERR_INIT;
	AUTO_SIGNATURE struct signature s = {0};
	AUTO_REFERENCE struct reference ref = {0};
	AUTO_JSON struct json *j = NULL;
	struct identity i = {0};
	if (reference_parse("a.b:1/c/d:t", &ref, &err) < 0)
		__builtin_trap();
	int r = signature_parse((const char *)data, size, &s, &err);
	if ((r < 0) == (s.reference != NULL) || (r < 0 && !err.msg[0]))
		__builtin_trap();
	err_clear(&err);
	if (json_parse((const char *)data, size, "fuzz", &j, &err) == 0 &&
		identity_parse(j, "fuzz", &i, &err) == 0)
		(void)identity_matches(&i, &ref, s.reference ? s.reference : "a.b:1/c/d:t");
	identity_done(&i);
	return 0;
}
