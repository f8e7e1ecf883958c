/* SPDX-License-Identifier: Apache-2.0 */
#include "build/sbom_box.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/progress.h"
#include "build/sbom.h"
#include "run/network.h"
#include "run/sandbox.h"
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

static int note_cgroup(void *arg, const char *path, struct err *err)
{
	return txn_note_cgroup(arg, path, err);
}

/* Milliseconds; 0: its time is over, -1: it has as much as it wants. */
static int time_left(const struct sbom_scan *s)
{
	uint64_t now = clock_ms(), end = s->deadline_ms;
	if (!end)
		return -1;
	return now >= end ? 0 : end - now > INT32_MAX ? INT32_MAX : (int)(end - now);
}

/* What it prints, until it has ended or its time is over. */
static int follow(
	const struct sbom_scan *s, struct sandbox *box, int out, const char *id, struct err *err)
{
	char text[4096];
	struct pollfd p[2] = {
		{.fd = sandbox_pidfd(box), .events = POLLIN}, {.fd = out, .events = POLLIN}};
	do {
		int left = time_left(s);
		if (left == 0)
			return err_set(err, ERR_LIMIT, "it takes longer than it may");
		if (poll(p, 2, left) < 0) {
			if (errno != EINTR)
				return err_sys(err, "cannot wait for the scanner");
			continue;
		}
		ssize_t n = p[1].revents ? read(out, text, sizeof(text)) : -1;
		if (n > 0)
			progress_log(s->progress, id, text, (size_t)n);
		else if (n == 0)
			p[1] = (struct pollfd){.fd = -1};
	} while (!p[0].revents || p[1].revents);
	return 0;
}

static int start(struct sandbox **ret, const struct sbom_scan *s, struct network *net,
	struct run_spec *spec, int *ret_out, struct err *err)
{
	const struct sandbox_hooks hooks = {.note_cgroup = note_cgroup, .arg = s->txn};
	int ends[2];
	/* whoever its user is may open /dev/stdout */
	if (pipe2(ends, O_CLOEXEC) < 0 || fchmod(ends[0], 0666) < 0)
		return err_sys(err, "cannot make a pipe");
	AUTO_FD int out = ends[0];
	AUTO_FD int out_w = ends[1];
	spec->out = spec->errfd = out_w;
	if ((net && network_ready(net, err) < 0) ||
		sandbox_start(spec, net, &hooks, ret, NULL, err) < 0)
		return err->code;
	*ret_out = take_fd(&out);
	return 0;
}

int sbom_box_run(const struct sbom_scan *s, struct network *net, struct run_spec *spec,
	const char *id, struct err *err)
{
	struct sandbox *box = NULL;
	struct sandbox_result result = {0};
	struct err why = ERR_INIT;
	AUTO_FD int out = -1;
	if (start(&box, s, net, spec, &out, err) < 0)
		return err->code;
	int rc = follow(s, box, out, id, err);
	if (rc < 0)
		sandbox_kill(box);
	if (sandbox_wait(box, &result, rc < 0 ? &why : err) < 0 && rc == 0)
		rc = err->code;
	if (result.left_running)
		txn_left_running(s->txn);
	if (rc == 0 && result.oom_killed)
		return err_set(err, ERR_LIMIT, "its memory limit was reached");
	if (rc == 0 && result.status)
		return err_set(
			err, ERR_INVALID, "the scanner failed with exit status %d", result.status);
	return rc;
}
