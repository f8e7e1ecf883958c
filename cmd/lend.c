/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/lend.h"

#include "base/err.h"
#include "base/fdpass.h"
#include "base/log.h"
#include "base/mem.h"
#include "run/sandbox.h"
#include "store/container_share.h"

/* Who gets none sees that we have closed our end. */
static void hand_out_root(const struct lend *l, int sock)
{
	struct err err = ERR_INIT;
	AUTO_FD int root = -1;

	if (sandbox_clone_root(l->sandbox, &root, &err) < 0)
		log_debug("%s", err.msg);
	else if (fdpass_send(sock, "", 1, root) < 0)
		log_debug("nobody takes the root that was asked for");
}

/* Until who asks has closed the other end, or was killed. */
static void stand_still(struct lend *l, int *sock)
{
	if (l->pauser >= 0 || !sandbox_stop(l->sandbox))
		return;
	l->pauser = take_fd(sock);
	if (fdpass_send(l->pauser, "", 1, -1) < 0)
		lend_resume(l);
}

void lend_answer(struct lend *l)
{
	enum container_request request;
	AUTO_FD int sock = -1;

	if (container_share_hear(l->offer, &request, &sock) < 0)
		return;
	if (request == CONTAINER_ASKS_ROOT)
		hand_out_root(l, sock);
	else if (request == CONTAINER_ASKS_PAUSE)
		stand_still(l, &sock);
}

void lend_resume(struct lend *l)
{
	if (l->pauser >= 0)
		sandbox_hold(l->sandbox, false);
	mem_close_p(&l->pauser);
}
