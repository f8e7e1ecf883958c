/* SPDX-License-Identifier: Apache-2.0 */
#include "base/crew.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/job.h"
#include "base/proc.h"

#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

struct crew {
	_Atomic size_t *next; /* shared: the first piece that nobody has taken */
	size_t n, chunk;
	crew_fn fn;
	void *arg;
};

unsigned crew_cores(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);
	return n < 1 ? 1 : n > CREW_MAX ? CREW_MAX : (unsigned)n;
}

static int member(void *arg, struct buf *out, struct err *err)
{
	const struct crew *c = arg;
	(void)out;
	for (;;) {
		if (proc_interrupted(err) < 0)
			return err->code;
		size_t from = atomic_fetch_add(c->next, c->chunk);
		if (from >= c->n)
			return 0;
		size_t to = c->n - from < c->chunk ? c->n : from + c->chunk;
		if (c->fn(c->arg, from, to, err) < 0)
			return err->code;
	}
}

static int run_together(struct crew *c, unsigned others, struct err *err)
{
	struct job jobs[CREW_MAX] = {0};
	int rc = 0;
	for (unsigned i = 0; rc == 0 && i < others; i++)
		rc = job_start(&jobs[i], member, c, err);
	if (rc == 0)
		rc = member(c, NULL, err);
	for (unsigned i = 0; i < others; i++) {
		if (rc < 0)
			job_cancel(&jobs[i]);
		else
			rc = job_collect(&jobs[i], true, NULL, err);
	}
	return rc;
}

int crew_run(size_t n, size_t chunk, unsigned most, crew_fn fn, void *arg, struct err *err)
{
	if (most > CREW_MAX)
		most = CREW_MAX;
	if (most < 2 || n <= chunk)
		return n ? fn(arg, 0, n, err) : 0;
	void *shared = mmap(NULL, sizeof(_Atomic size_t), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return err_sys(err, "cannot map memory to share work");
	struct crew c = {.next = shared, .n = n, .chunk = chunk, .fn = fn, .arg = arg};
	int rc = run_together(&c, most - 1, err);
	munmap(shared, sizeof(_Atomic size_t));
	return rc;
}
