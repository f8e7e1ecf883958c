/* SPDX-License-Identifier: Apache-2.0 */
/* A template over a document that has all kinds of values. */
#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "cmd/format.h"

#define TEMPLATE_MAX 400 /* ranges in one another take a power of their number */
#define OUTPUT_MAX (64 * KIB)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char document[] =
		"{\"S\":\"text <&> \\u00e4\",\"N\":-12,\"L\":[\"a\",\"b\"],\"O\":{\"k\":{\"x\":1}},"
		"\"B\":true,\"Z\":null,\"E\":[],\"F\":1.5,\"Labels\":{\"a.b\":\"c\"}}";
	static struct json *values;
	struct err err = ERR_INIT;
	AUTO_FORMAT struct format *f = NULL;
	AUTO_BUF struct buf out = BUF_INIT(OUTPUT_MAX);

	if (!values && json_parse(document, strlen(document), "document", &values, &err) < 0)
		return 0;
	if (size > TEMPLATE_MAX || memchr(data, '\0', size))
		return 0;
	AUTO_FREE char *text = xstrndup((const char *)data, size);
	if (format_parse(text, &f, &err) < 0 || format_run(f, values, &out, &err) < 0)
		return 0;
	return 0;
}
