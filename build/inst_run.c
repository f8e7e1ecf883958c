/* SPDX-License-Identifier: Apache-2.0 */
/* RUN: shell, exec and here-document forms. BuildKit's dispatchRun is the reference. */
#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "build/evaluate.h"
#include "build/history.h"
#include "build/step_words.h"
#include "run/sandbox.h"
#include "run/user.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COMMAND_MAX (4 * MIB)

/* Sets the step's command from a RUN with here-documents. */
static void heredoc_command(struct step *s, const struct inst *inst, struct strv *command)
{
	const struct heredoc *h = inst_heredoc(inst, inst->args.v[0]);
	char **last = &command->v[command->n - 1];
	if (!h) { /* the shell has here-documents itself: give it the text back */
		AUTO_BUF struct buf full = BUF_INIT(COMMAND_MAX);
		buf_addstr(&full, *last);
		for (size_t i = 0; i < inst->n_heredocs; i++) {
			buf_addch(&full, '\n');
			buf_add(&full, inst->heredocs[i].content, inst->heredocs[i].len);
			buf_addstr(&full, inst->heredocs[i].name);
		}
		mem_replace(last, buf_take(&full));
		return;
	}
	if (h->script) {
		s->script = xcalloc(1, sizeof(*s->script));
		s->script->name = xstrdup(h->name);
		s->script->content = xmemdup(h->content, h->len);
		s->script->len = h->len;
		mem_replace(last, xasprintf("/dev/pipes/%s", h->name));
		return;
	}
	mem_replace(last, xstrndup(h->content, h->len));
}

/* What runs nothing needs no consent. */
static bool needs_consent(const struct eval *e, bool given)
{
	return e->b->o->call == BUILD_CALL_BUILD && !given;
}

static int set_network(struct eval *e, struct step *s, const struct inst_flag *f, struct err *err)
{
	const struct build_opts *o = e->b->o;
	AUTO_FREE char *value = NULL;
	if (eval_word(e, f->value ? f->value : "", f->pos, &value, err) < 0)
		return err->code;
	s->has_network = !streq(value, "default");
	if (streq(value, "none"))
		s->network = RUN_NETWORK_NONE;
	else if (streq(value, "host"))
		s->network = RUN_NETWORK_HOST;
	else if (s->has_network)
		return eval_error(
			e, f->pos, err, ERR_INVALID, "--network=%s: default, none or host", value);
	if (s->has_network && s->network == RUN_NETWORK_HOST &&
		needs_consent(e, o->allow_host_network || o->box.network == RUN_NETWORK_HOST))
		return eval_error(e, f->pos, err, ERR_DENIED,
			"RUN --network=host needs the user's consent: build with --allow "
			"network.host");
	return 0;
}

static int set_security(struct eval *e, struct step *s, const struct inst_flag *f, struct err *err)
{
	const char *value = f->value ? f->value : "";
	s->insecure = streq(value, "insecure");
	if (!s->insecure && !streq(value, "sandbox"))
		return eval_error(e, f->pos, err, ERR_INVALID,
			"RUN --security=%s: sandbox or insecure", value);
	if (s->insecure && needs_consent(e, e->b->o->allow_insecure))
		return eval_error(e, f->pos, err, ERR_DENIED,
			"RUN --security=insecure needs the user's consent: build with --allow "
			"security.insecure");
	return 0;
}

static int run_flags(struct eval *e, struct step *s, struct err *err)
{
	const struct inst *inst = e->at.inst;
	size_t mounts = 0;
	for (size_t i = 0; i < inst->n_flags; i++) {
		const struct inst_flag *f = &inst->flags[i];
		int r = 0;
		if (streq(f->name, "mount"))
			r = step_add_mount(e, s, f, ++mounts, err);
		else if (streq(f->name, "network"))
			r = set_network(e, s, f, err);
		else if (streq(f->name, "security"))
			r = set_security(e, s, f, err);
		else if (streq(f->name, "device"))
			r = eval_error(e, f->pos, err, ERR_UNSUPPORTED,
				"RUN --device is not supported: which devices there are is for who "
				"builds to say; use mica build --device=PATH");
		if (r < 0)
			return r;
	}
	return 0;
}

/* What isolation 'chroot' cannot do: told now, not when the step's turn comes. */
static int check_chroot(struct eval *e, const struct step *s, struct err *err)
{
	const struct inst *inst = e->at.inst;
	struct run_spec spec = e->b->o->box;
	struct err why = ERR_INIT;
	struct pos pos = inst->pos;
	if (!spec.chroot || e->b->o->call != BUILD_CALL_BUILD)
		return 0;
	spec.insecure = s->insecure;
	if (s->has_network)
		spec.network = s->network;
	int r = sandbox_check_chroot(&spec, &why);
	if (r < 0)
		(void)inst_flag(inst, s->insecure ? "security" : "network", &pos);
	for (size_t i = 0; r == 0 && i < s->n_mounts; i++) {
		const struct step_mount *m = &s->mounts[i];
		struct run_mount one = {.kind = m->o.type == MOUNT_SECRET  ? RUN_MOUNT_FILE
		                                : m->o.type == MOUNT_TMPFS ? RUN_MOUNT_TMPFS
		                                                           : RUN_MOUNT_BIND,
			.target = m->target};
		spec.mounts = &one;
		spec.n_mounts = 1;
		pos = m->pos;
		r = sandbox_check_chroot(&spec, &why);
	}
	return r < 0 ? eval_error(e, pos, err, why.code, "%s", why.msg) : 0;
}

/* --http-proxy: as they are in our environment. A build argument of the name wins, and what the
 * file declares wins over both. */
static void add_own_proxies(struct step *s)
{
	for (char **v = environ; *v; v++) {
		const char *eq = strchr(*v, '=');
		AUTO_FREE char *name = eq ? xstrndup(*v, (size_t)(eq - *v)) : xstrdup("");
		if (eq && is_proxy_arg(name) && !map_has(&s->env, name))
			map_set(&s->quiet_env, name, eq + 1);
	}
}

/* Programs look for proxies in either case; whoever gives one to the build means both, whatever
 * ARG and ENV say, unless the other is given too. */
static void add_proxy(struct step *s, const struct map *given, const char *name, const char *value)
{
	AUTO_FREE char *upper = str_upper(xstrdup(name)), *lower = str_lower(xstrdup(name));
	if (streq(name, upper) || !map_has(given, upper))
		map_set(&s->quiet_env, upper, value);
	if (streq(name, lower) || !map_has(given, lower))
		map_set(&s->quiet_env, lower, value);
}

/* What no passwd can make right; the rest is known when the step has its root. */
static int check_user(const struct eval *e, const char *user, struct err *err)
{
	const struct source_inst *at = &e->p->user_at;
	struct err why = ERR_INIT;
	if (user_check(user, &why) == 0)
		return 0;
	if (!at->inst)
		return eval_error(e, e->at.inst->pos, err, why.code,
			"RUN: the USER of the base image: %s", why.msg);
	return containerfile_error(at->file, at->inst->arg_pos[0], err, why.code,
		"USER: %s, for the RUN in line %u%s%s", why.msg, e->at.inst->pos.line,
		at->file == e->at.file ? "" : " of ",
		at->file == e->at.file ? "" : e->at.file->name);
}

int inst_run(struct eval *e, struct err *err)
{
	const struct inst *inst = e->at.inst;
	AUTO_STRV struct strv command = STRV_INIT;
	eval_command(e, &command);
	if (inst->n_heredocs && inst->json)
		return eval_error(e, inst->pos, err, ERR_INVALID,
			"RUN: the exec form takes no here-document");
	if (inst->json && !command.n)
		return eval_error(e, inst->pos, err, ERR_INVALID,
			"RUN: no command to run: the list is empty");
	eval_history(e, inst->text, false);
	struct step *s = eval_add_step(e, STEP_RUN);
	if (run_flags(e, s, err) < 0)
		return err->code;
	step_add_secret_args(e, s);
	if (e->b->o->compat_volumes)
		step_hide_volumes(e, s);
	if (check_chroot(e, s, err) < 0)
		return err->code;
	if (inst->n_heredocs && inst->args.n)
		heredoc_command(s, inst, &command);
	strv_copy(&s->argv, &command);
	AUTO_FREE char *by = history_run(e, &command);
	eval_history_text(e, by);
	map_copy(&s->env, &e->p->env);
	if (e->b->o->http_proxy)
		add_own_proxies(s);
	MAP_FOREACH (a, &e->b->o->build_args) {
		const char *value = a->value ? a->value : getenv(a->key);
		if (value && is_proxy_arg(a->key))
			add_proxy(s, &e->b->o->build_args, a->key, value);
	}
	const struct image_config *c = &e->p->config;
	s->cwd = xstrdup(c->working_dir ? c->working_dir : "/");
	s->user = xstrdup(c->user ? c->user : "");
	s->user_at = e->p->user_at;
	if (check_user(e, s->user, err) < 0)
		return err->code;
	step_word_list(s, "command", &s->argv);
	step_word_env(s, &s->env);
	step_word(s, "directory", s->cwd);
	step_word(s, "user", s->user);
	step_word_box(s, e->b);
	step_word(s, "security", s->insecure ? "insecure" : NULL);
	if (s->script)
		step_word_content(s, "script", s->script->content, s->script->len);
	/* the same files may do something else under an emulator */
	struct platform host;
	char platform[100];
	platform_host(&host);
	if (!streq(host.os, c->platform.os) || !streq(host.arch, c->platform.arch))
		step_word(s, "platform", platform_str(&c->platform, platform));
	step_words_end(s, "run");
	return 0;
}
