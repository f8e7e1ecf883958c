/* SPDX-License-Identifier: Apache-2.0 */
#include "build/step_words.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "build/build_internal.h"
#include "build/cache.h"
#include "run/sandbox.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define PROFILE_MAX (4 * MIB) /* of a seccomp filter */

void step_word(struct step *s, const char *name, const char *value)
{
	if (value)
		map_set(&s->named, name, value);
}

void step_wordf(struct step *s, const char *name, const char *fmt, ...)
{
	char *value;
	va_list ap;
	va_start(ap, fmt);
	if (vasprintf(&value, fmt, ap) < 0)
		xmalloc_failed();
	va_end(ap);
	map_set(&s->named, name, value);
	free(value);
}

void step_word_u64(struct step *s, const char *name, uint64_t value)
{
	if (value)
		step_wordf(s, name, "%llu", (unsigned long long)value);
}

void step_word_content(struct step *s, const char *name, const void *p, size_t n)
{
	char text[DIGEST_STR_MAX];
	struct digest d = digest_of(p, n);
	step_word(s, name, digest_str(&d, text));
}

void step_word_list(struct step *s, const char *name, const struct strv *values)
{
	for (size_t i = 0; i < values->n; i++) {
		AUTO_FREE char *numbered = xasprintf("%s %zu", name, i + 1);
		map_set(&s->named, numbered, values->v[i]);
	}
}

void step_word_env(struct step *s, const struct map *env)
{
	AUTO_MAP struct map sorted = MAP_INIT;
	map_copy(&sorted, env);
	map_sort(&sorted);
	MAP_FOREACH (e, &sorted) {
		AUTO_FREE char *name = xasprintf(STEP_WORD_VARIABLE "%s", e->key);
		step_word(s, name, e->value);
	}
}

static const char *network_name(enum run_network n)
{
	switch (n) {
	case RUN_NETWORK_PRIVATE:
		break;
	case RUN_NETWORK_HOST:
		return "host";
	case RUN_NETWORK_NONE:
		return "none";
	}
	return NULL; /* what is meant when nothing is said */
}

/* Which users there are: not who they are on this machine, which is as it happens. */
static void word_users(struct step *s, const char *name, const struct idmap_ranges *m)
{
	AUTO_BUF struct buf text = BUF_INIT(IDMAP_RANGES_MAX * 32);
	for (size_t i = 0; i < m->n; i++)
		buf_addf(&text, "%s%u:%u", i ? " " : "", m->r[i].inside, m->r[i].count);
	step_word(s, name, m->n ? buf_str(&text) : NULL);
}

/* A file counts by its content. */
static void word_seccomp(struct step *s, const char *profile)
{
	AUTO_FREE char *text = NULL;
	struct err ignored = ERR_INIT;
	size_t n;
	if (profile && !streq(profile, "unconfined") &&
		fs_read_file(AT_FDCWD, profile, PROFILE_MAX, &text, &n, &ignored) == 0)
		step_word_content(s, "seccomp profile", text, n);
	else
		step_word(s, "seccomp profile", profile);
}

static const char *network_word(const struct step *s, const struct build *b)
{
	const struct run_spec *box = &b->o->box;
	enum run_network n = s->has_network ? s->network : box->network;
	if (box->chroot && !sandbox_is_bare(box)) /* whatever is said, so it is the same step */
		n = RUN_NETWORK_HOST;
	const char *joined = map_get(&b->o->spaces, "network");
	return n == RUN_NETWORK_HOST && joined ? joined : network_name(n);
}

/* What is not of its own. */
static void word_spaces(struct step *s, const struct build *b)
{
	const struct run_spec *box = &b->o->box;
	step_word(s, "isolation", sandbox_is_bare(box) ? "chroot" : NULL);
	step_word(s, "network", network_word(s, b));
	MAP_FOREACH (e, &b->o->spaces) {
		AUTO_FREE char *name = xasprintf("%s namespace", e->key);
		step_word(s, name, streq(e->key, "network") ? NULL : e->value);
	}
	word_users(s, "users", &box->users.uids);
	word_users(s, "groups", &box->users.gids);
}

void step_word_box(struct step *s, const struct build *b)
{
	const struct run_spec *box = &b->o->box;
	word_spaces(s, b);
	step_word_list(s, "host", &box->add_hosts);
	step_word(s, "/etc/hosts", box->no_hosts ? "of the image" : NULL);
	step_word(s, "/etc/hostname", box->hostname_file ? "the host name" : NULL);
	step_word_list(s, "volume", &b->o->volumes);
	step_word_list(s, "device", &b->o->devices);
	MAP_FOREACH (e, &box->env) {
		AUTO_FREE char *name = xasprintf("variable %s of a device", e->key);
		step_word(s, name, e->value);
	}
	step_word_list(s, "group", &box->groups);
	step_word(s, "host name", box->host_uts ? NULL : box->hostname);
	step_word_list(s, "added capability", &box->cap_add);
	step_word_list(s, "dropped capability", &box->cap_drop);
	word_seccomp(s, box->seccomp_profile);
	step_word(s, "AppArmor profile", box->apparmor);
	step_word(s, "SELinux label", box->selinux_wish);
	step_word_list(s, "kernel setting", &box->sysctls);
	step_word_list(s, "option of /proc", &box->proc_options);
	step_word_list(s, "hidden", &box->mask);
	step_word_list(s, "shown", &box->unmask);
	step_word_u64(s, "no new privileges", box->no_new_privs);
	step_word(s, "standard input", b->o->stdin ? "ours" : NULL);
	step_word_u64(s, "size of /dev/shm", box->shm_size);
	for (size_t i = 0; i < b->o->n_ulimits; i++) {
		const struct run_rlimit *l = &box->rlimits[i];
		if (l->of_host)
			continue;
		AUTO_FREE char *name = xasprintf("limit %d", l->resource);
		step_wordf(s, name, "%llu:%llu", (unsigned long long)l->soft,
			(unsigned long long)l->hard);
	}
}

void step_words_end(struct step *s, const char *kind)
{
	struct key k;
	key_init(&k, kind);
	MAP_FOREACH (e, &s->named) {
		key_str(&k, e->key);
		key_str(&k, e->value);
	}
	s->words = key_final(&k);
}
