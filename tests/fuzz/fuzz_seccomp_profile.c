/* SPDX-License-Identifier: Apache-2.0 */
/* Seccomp profiles: what is accepted must be a program whose jumps all stay inside. */
#include "base/err.h"
#include "run/seccomp_internal.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_jumps(const struct sock_fprog *prog)
{
	for (size_t i = 0; i < prog->len; i++) {
		const struct sock_filter *f = &prog->filter[i];
		if (BPF_CLASS(f->code) != BPF_JMP)
			continue;
		size_t far = f->jt > f->jf ? f->jt : f->jf;
		if (BPF_OP(f->code) == BPF_JA)
			far = f->k;
		if (i + 1 + far >= prog->len)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = ERR_INIT;
	struct sock_fprog prog = {0};
	if (seccomp_compile_document((const char *)data, size, UINT64_MAX, &prog, &err) == 0) {
		check_jumps(&prog);
		free(prog.filter);
	}
	return 0;
}
