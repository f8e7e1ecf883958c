/* SPDX-License-Identifier: Apache-2.0 */
/* Instructions that only change the image's config (and WORKDIR, which also makes a directory).
 * BuildKit's dockerfile2llb is the reference. */
#include "base/buf.h"
#include "base/called.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/path.h"
#include "build/as_buildah.h"
#include "build/evaluate.h"
#include "build/history.h"
#include "build/signals.h"
#include "build/step_words.h"
#include "build/weight.h"
#include "build/windows_path.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#define PORTS_MAX 65535
#define EXPOSE_HISTORY_MAX (64 * KIB)
#define HISTORY_MAX (64 * MIB) /* of one entry: what an instruction expands to is less */

static void set_env(struct stage_plan *p, const char *name, const char *value)
{
	map_set(&p->env, name, value);
}

static void add_once(struct strv *set, const char *word)
{
	if (!strv_has(set, word))
		strv_add(set, word);
}

/* They are looked for among one another before what they make is weighed. */
static int check_names(const struct eval *e, size_t n, struct err *err)
{
	if (n <= WEIGHT_NAMES_MAX)
		return 0;
	return eval_error(e, e->at.inst->pos, err, ERR_LIMIT, "%s: more than %d names",
		e->at.inst->name, WEIGHT_NAMES_MAX);
}

static int inst_arg(struct eval *e, struct err *err)
{
	const struct inst *inst = e->at.inst;
	if (check_names(e, inst->args.n, err) < 0)
		return err->code;
	const struct build_opts *o = e->b->o;
	const struct map *globals = &build_target_of(e->b, e->p->stage)->global_args;
	AUTO_BUF struct buf by = BUF_INIT(HISTORY_MAX);
	buf_addstr(&by, "ARG");
	for (size_t i = 0; i < inst->args.n; i++) {
		const char *word = inst->args.v[i];
		const char *eq = strchr(word, '=');
		/* the name is taken as it is written, as BuildKit does: quotes are part of it */
		AUTO_FREE char *name = eq ? xstrndup(word, (size_t)(eq - word)) : xstrdup(word);
		AUTO_FREE char *value = NULL;
		lint_arg(e, i, name);
		if (map_has(&o->secret_args, name)) {
			map_remove(&e->p->env, name);
			add_once(&e->p->secret_args, name);
			buf_addf(&by, " %s", name);
			continue;
		}
		const char *given = map_get(&o->build_args, name);
		if (!given && map_has(&o->build_args, name))
			given = getenv(name);
		/* "context", which has become a number */
		if (given && streq(name, "SOURCE_DATE_EPOCH") && streq(given, "context"))
			given = map_get(globals, name);
		/* a default that does not count may be wrong */
		if (given)
			value = xstrdup(given);
		else if (eq && eval_word(e, eq + 1, inst->arg_pos[i], &value, err) < 0)
			return err->code;
		if (!given && !eq && map_get(globals, name))
			value = xstrdup(map_get(globals, name));
		add_once(&e->p->declared, name);
		if (value && !called_buildah())
			buf_addf(&by, " %s=%s", name, value);
		else if (value || !called_buildah())
			buf_addf(&by, " %s", name);
		if (value)
			set_env(e->p, name, value);
		else if (!map_has(&o->build_args, name))
			as_buildah_arg(e, name);
	}
	eval_history(e, buf_str(&by), true);
	return 0;
}

static int inst_env(struct eval *e, struct err *err)
{
	const struct inst *inst = e->at.inst;
	if (check_names(e, inst->args.n / 2, err) < 0)
		return err->code;
	AUTO_MAP struct map set =
		MAP_INIT; /* all values are expanded with the environment before the instruction */
	AUTO_BUF struct buf by = BUF_INIT(HISTORY_MAX);
	buf_addstr(&by, "ENV");
	for (size_t i = 0; i + 1 < inst->args.n; i += 2) {
		AUTO_FREE char *name = NULL, *value = NULL;
		if (eval_word(e, inst->args.v[i], inst->arg_pos[i], &name, err) < 0 ||
			eval_word(e, inst->args.v[i + 1], inst->arg_pos[i + 1], &value, err) < 0)
			return err->code;
		if (!*name || strchr(name, '='))
			return eval_error(e, inst->arg_pos[i], err, ERR_INVALID,
				"ENV: '%s' is not a variable's name", name);
		map_set(&set, name, value);
		buf_addf(&by, " %s=%s", name, value);
	}
	MAP_FOREACH (v, &set) {
		set_env(e->p, v->key, v->value);
		if (called_buildah()) /* behind the others */
			map_remove(&e->p->config.env, v->key);
		map_set(&e->p->config.env, v->key, v->value);
	}
	eval_history(e, buf_str(&by), true);
	return 0;
}

static int inst_label(struct eval *e, struct err *err)
{
	const struct inst *inst = e->at.inst;
	if (check_names(e, inst->args.n / 2, err) < 0)
		return err->code;
	AUTO_BUF struct buf by = BUF_INIT(HISTORY_MAX);
	buf_addstr(&by, "LABEL");
	for (size_t i = 0; i + 1 < inst->args.n; i += 2) {
		AUTO_FREE char *name = NULL, *value = NULL;
		if (eval_word(e, inst->args.v[i], inst->arg_pos[i], &name, err) < 0 ||
			eval_word(e, inst->args.v[i + 1], inst->arg_pos[i + 1], &value, err) < 0)
			return err->code;
		map_set(&e->p->config.labels, name, value);
		buf_addf(&by, " %s=%s", name, value);
	}
	eval_history(e, buf_str(&by), true);
	return 0;
}

struct ports {
	uint64_t first, last;
};

static char *port_text(uint64_t port, const char *proto)
{
	return xasprintf("%llu/%s", (unsigned long long)port, proto);
}

static bool port_parse(const char *s, uint64_t *ret)
{
	return num_u64(s + (*s == '+'), PORTS_MAX, ret); /* Go's numbers may have a plus */
}

static bool range_parse(char *text, struct ports *ret)
{
	char *dash = strchr(text, '-');
	if (dash)
		*dash = '\0';
	return port_parse(text, &ret->first) && port_parse(dash ? dash + 1 : text, &ret->last) &&
	       ret->first <= ret->last;
}

static bool is_address(const char *text)
{
	unsigned char a[sizeof(struct in6_addr)];
	size_t n = strlen(text);
	bool brackets = n > 1 && *text == '[' && text[n - 1] == ']';
	AUTO_FREE char *bare = brackets ? xstrndup(text + 1, n - 2) : xstrdup(text);
	return inet_pton(AF_INET, bare, a) == 1 || inet_pton(AF_INET6, bare, a) == 1;
}

/* [[ip:]host-port:]port[-port]: the container's side. What is wrong, NULL: nothing. */
static const char *ports_parse(char *text, struct ports *ret)
{
	static const char not_ports[] = "not a port or a range of ports (0-65535)";
	struct ports host;
	char *colon = strrchr(text, ':');
	if (!range_parse(colon ? colon + 1 : text, ret))
		return not_ports;
	if (!colon)
		return NULL;
	*colon = '\0';
	char *before = strrchr(text, ':'), *outer = before ? before + 1 : text;
	if (before)
		*before = '\0';
	if (before && *text && !is_address(text))
		return "there is no IP address before the ports";
	if (!*outer)
		return NULL;
	if (!range_parse(outer, &host))
		return not_ports;
	return ret->first != ret->last && host.last - host.first != ret->last - ret->first
	               ? "the ranges of host and container are not of one length"
	               : NULL;
}

/* Who is in the set already is found out once: a range may have 65536 ports. */
static void add_ports(struct strv *set, const struct ports *own, const char *proto)
{
	AUTO_FREE bool *known = xcalloc(PORTS_MAX + 1, sizeof(*known));
	STRV_FOREACH (item, set) {
		AUTO_FREE char *number = xstrndup(*item, strcspn(*item, "/"));
		uint64_t port;
		if (num_u64(number, PORTS_MAX, &port)) {
			AUTO_FREE char *text = port_text(port, proto);
			known[port] |= streq(*item, text);
		}
	}
	for (uint64_t port = own->first; port <= own->last; port++)
		if (!known[port])
			strv_add_take(set, port_text(port, proto));
}

/* Only the container's side counts (docker's nat.ParsePortSpec). */
static int expose_one(
	struct eval *e, const char *spec, struct pos pos, struct strv *ret_own, struct err *err)
{
	const char *slash = strchr(spec, '/');
	AUTO_FREE char *proto = str_lower(xstrdup(slash && slash[1] ? slash + 1 : "tcp"));
	AUTO_FREE char *ports = slash ? xstrndup(spec, (size_t)(slash - spec)) : xstrdup(spec);
	if (!streq(proto, "tcp") && !streq(proto, "udp") && !streq(proto, "sctp"))
		return eval_error(e, pos, err, ERR_INVALID,
			"EXPOSE %s: unknown protocol '%s' (tcp, udp or sctp)", spec, proto);
	struct ports own;
	const char *wrong = ports_parse(ports, &own);
	if (wrong)
		return eval_error(e, pos, err, ERR_INVALID, "EXPOSE %s: %s", spec, wrong);
	add_ports(&e->p->config.exposed_ports, &own, proto);
	add_ports(ret_own, &own, proto);
	return 0;
}

static int inst_expose(struct eval *e, struct err *err)
{
	const struct inst *inst = e->at.inst;
	AUTO_STRV struct strv words = STRV_INIT, own = STRV_INIT;
	for (size_t i = 0; i < inst->args.n; i++)
		if (eval_words(e, inst->args.v[i], inst->arg_pos[i], &words, err) < 0)
			return err->code;
	for (size_t i = 0; i < words.n && !e->trigger; i++)
		lint_expose(&e->b->result->lint, e->at.file, inst, eval_arg_pos(e, i), words.v[i]);
	for (size_t i = 0; i < words.n; i++)
		if (expose_one(e, words.v[i], eval_arg_pos(e, i), &own, err) < 0)
			return err->code;
	strv_sort(&own);
	/* ranges are as they were written where their ports would fill the config */
	AUTO_FREE char *by = history_list("EXPOSE", &own);
	eval_history(e, strlen(by) > EXPOSE_HISTORY_MAX ? inst->text : by, true);
	return 0;
}

static int inst_volume(struct eval *e, struct err *err)
{
	const struct inst *inst = e->at.inst;
	AUTO_STRV struct strv paths = STRV_INIT;
	for (size_t i = 0; i < inst->args.n; i++) {
		AUTO_FREE char *path = NULL;
		if (eval_word(e, inst->args.v[i], inst->arg_pos[i], &path, err) < 0)
			return err->code;
		if (!path[strspn(path, " \t")])
			return eval_error(
				e, inst->arg_pos[i], err, ERR_INVALID, "VOLUME: the path is empty");
		add_once(&e->p->config.volumes, path);
		strv_add(&paths, path);
	}
	AUTO_FREE char *by = history_list("VOLUME", &paths);
	eval_history(e, by, true);
	as_buildah_volumes(e, &paths);
	return 0;
}

static int inst_healthcheck(struct eval *e, struct err *err)
{
	const struct inst *inst = e->at.inst;
	struct image_config *c = &e->p->config;
	static const char *const flags[] = {
		"interval", "timeout", "start-period", "start-interval"};
	int64_t values[ARRAY_LEN(flags)] = {0}; /* as inst_check.c has let them pass */
	bool none = streq(inst->args.v[0], "NONE"); /* what its flags say is nobody's */
	for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
		struct pos pos;
		const char *text = inst_flag(inst, flags[i], &pos);
		if (text && *text && !none && !num_duration(text, &values[i]))
			return eval_error(e, pos, err, ERR_INVALID, "--%s=%s: not a duration",
				flags[i], text);
	}
	struct pos pos;
	const char *retries = inst_flag(inst, "retries", &pos);
	int64_t n = 0;
	if (retries && *retries && !none && !num_i64(retries + (*retries == '+'), 0, INT32_MAX, &n))
		return eval_error(e, pos, err, ERR_INVALID, "--retries=%s: not a number", retries);
	strv_done(&c->healthcheck.test);
	c->has_healthcheck = true;
	c->healthcheck = (struct healthcheck){
		.interval_ns = values[0],
		.timeout_ns = values[1],
		.start_period_ns = values[2],
		.start_interval_ns = values[3],
		.retries = n,
	};
	if (none) {
		strv_add(&c->healthcheck.test, "NONE");
	} else {
		strv_add(&c->healthcheck.test, inst->json ? "CMD" : "CMD-SHELL");
		for (size_t i = 1; i < inst->args.n; i++)
			strv_add(&c->healthcheck.test, inst->args.v[i]);
	}
	AUTO_FREE char *by = history_health(&c->healthcheck);
	eval_history(e, by, true);
	return 0;
}

static int inst_user(struct eval *e, struct err *err)
{
	AUTO_FREE char *user = NULL;
	if (eval_word(e, e->at.inst->args.v[0], eval_arg_pos(e, 0), &user, err) < 0)
		return err->code;
	AUTO_FREE char *by = xasprintf("USER %s", user);
	mem_replace(&e->p->config.user, take(user));
	e->p->user_at = e->at;
	eval_history(e, by, true);
	return 0;
}

static int inst_stopsignal(struct eval *e, struct err *err)
{
	AUTO_FREE char *signal = NULL;
	if (eval_word(e, e->at.inst->args.v[0], eval_arg_pos(e, 0), &signal, err) < 0)
		return err->code;
	const char *near = signal_suggest(signal);
	if (!signal_is_known(signal))
		return eval_error(e, eval_arg_pos(e, 0), err, ERR_INVALID,
			"STOPSIGNAL %s: no such signal (a name such as SIGTERM or a number)%s%s%s",
			signal, near ? ", did you mean SIG" : "", near ? near : "",
			near ? "?" : "");
	AUTO_FREE char *by = xasprintf("STOPSIGNAL %s", signal);
	mem_replace(&e->p->config.stop_signal, take(signal));
	eval_history(e, by, true);
	return 0;
}

int inst_metadata(struct eval *e, struct err *err)
{
	const struct inst *inst = e->at.inst;
	struct image_config *c = &e->p->config;
	AUTO_FREE char *by = NULL;
	switch (inst->kind) {
	case INST_ARG:
		return inst_arg(e, err);
	case INST_ENV:
		return inst_env(e, err);
	case INST_LABEL:
		return inst_label(e, err);
	case INST_EXPOSE:
		return inst_expose(e, err);
	case INST_VOLUME:
		return inst_volume(e, err);
	case INST_HEALTHCHECK:
		return inst_healthcheck(e, err);
	case INST_USER:
		return inst_user(e, err);
	case INST_STOPSIGNAL:
		return inst_stopsignal(e, err);
	case INST_CMD:
		strv_done(&c->cmd);
		eval_command(e, &c->cmd);
		by = history_command("CMD", &c->cmd);
		c->has_cmd = true;
		c->args_escaped = !called_buildah();
		e->p->own_cmd = true;
		break;
	case INST_ENTRYPOINT:
		strv_done(&c->entrypoint);
		eval_command(e, &c->entrypoint);
		by = history_command("ENTRYPOINT", &c->entrypoint);
		c->has_entrypoint = true;
		if (!e->p->own_cmd) { /* the base's CMD was meant for the base's ENTRYPOINT */
			strv_done(&c->cmd);
			c->has_cmd = false;
		}
		break;
	case INST_SHELL:
		strv_copy(&c->shell, &inst->args);
		by = history_list("SHELL", &c->shell);
		break;
	case INST_MAINTAINER:
		mem_replace(&c->author, xstrdup(inst->args.v[0]));
		by = xasprintf("MAINTAINER %s", c->author);
		break;
	case INST_ONBUILD:
		strv_add(&c->on_build, inst->onbuild->text);
		if (!called_buildah())
			return 0; /* BuildKit's history has none */
		by = xstrdup(inst->text);
		break;
	case INST_ADD:
	case INST_COPY:
	case INST_FROM:
	case INST_INCLUDE:
	case INST_RUN:
	case INST_WORKDIR:
		return 0; /* not metadata: evaluate.c sends them elsewhere */
	}
	eval_history(e, by, true);
	return 0;
}

int inst_workdir(struct eval *e, struct err *err)
{
	AUTO_FREE char *word = NULL;
	if (eval_word(e, e->at.inst->args.v[0], eval_arg_pos(e, 0), &word, err) < 0)
		return err->code;
	struct image_config *c = &e->p->config;
	if (eval_path(e, eval_arg_pos(e, 0), &word, err) < 0)
		return err->code;
	AUTO_FREE char *base = eval_dir(e);
	/* nothing is where it was: a variable may be unset */
	AUTO_FREE char *dir = path_resolve(base, *word ? word : ".");
	bool windows = streq(c->platform.os, "windows");
	/* an absolute one is kept as it is written */
	mem_replace(&c->working_dir, xstrdup(*word == '/' && !windows ? word : dir));
	AUTO_FREE char *by = xasprintf("WORKDIR %s", c->working_dir);
	windows_path_write(c->platform.os, c->working_dir);
	if (streq(dir, "/")) {
		eval_history(e, by, true);
		return 0;
	}
	eval_history(e, by, false);
	struct step *s = eval_add_step(e, STEP_WORKDIR);
	s->dest = xstrdup(dir);
	s->user = c->user ? xstrdup(c->user) : NULL;
	s->user_at = e->p->user_at;
	step_word(s, "directory", s->dest);
	step_word(s, "user", s->user);
	step_words_end(s, "workdir");
	return 0;
}
