/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/stack.h"

#include "base/err.h"
#include "base/mem.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <ucontext.h>

#define STACK_MIN (128 * KIB) /* what programs take that we start */
#define STACK_DEEP (8 * MIB) /* the deepest trees, and as much again */

static struct {
	int (*fn)(void *arg);
	void *arg;
	int r;
} call;

static void make_call(void)
{
	call.r = call.fn(call.arg);
}

/* Children have a copy of it, as they have of all memory. */
static int call_on_own(int (*fn)(void *arg), void *arg, struct err *err)
{
	ucontext_t here, there;
	/* the first page is where it overflows */
	char *stack = mmap(NULL, STACK_DEEP, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
	if (stack == MAP_FAILED || mprotect(stack, 64 * KIB, PROT_NONE) < 0 ||
		getcontext(&there) < 0)
		return err_sys(err, "cannot have a stack that is not limited (ulimit -s)");
	call.fn = fn;
	call.arg = arg;
	there.uc_stack = (stack_t){.ss_sp = stack, .ss_size = STACK_DEEP};
	there.uc_link = &here;
	makecontext(&there, make_call, 0);
	if (swapcontext(&here, &there) < 0)
		return err_sys(err, "cannot have a stack that is not limited (ulimit -s)");
	return call.r;
}

int stack_call(int (*fn)(void *arg), void *arg, struct err *err)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_STACK, &l) < 0 || l.rlim_cur >= STACK_DEEP)
		return fn(arg);
	l.rlim_cur = l.rlim_max < STACK_DEEP ? l.rlim_max : STACK_DEEP;
	if (l.rlim_max < STACK_MIN || setrlimit(RLIMIT_STACK, &l) < 0)
		return err_set(err, ERR_LIMIT,
			"the limit of the stack is too low (ulimit -s): %llu KiB at least",
			STACK_MIN / KIB);
	return l.rlim_cur < STACK_DEEP ? call_on_own(fn, arg, err) : fn(arg);
}
