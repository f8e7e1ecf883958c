/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/mount_words.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/num.h"

/* A switch: "ro", "ro=true", "rw=false" */
static bool is_on(const char *value)
{
	return !value || !*value || streq(value, "true") || streq(value, "1");
}

static bool is_one_of(const char *word, const char *const *names)
{
	while (*names && !streq(word, *names))
		names++;
	return *names != NULL;
}

/* "Z" and "relabel=private", the others are "z" and "relabel=shared". */
static bool is_private(const char *word, const char *value)
{
	return *word == 'Z' || (value && streq(value, "private"));
}

int mount_word(char *word, struct mount_words *m, struct err *err)
{
	const struct {
		const char *name;
		const char **value;
	} known[] = {{"type", &m->type}, {"from", &m->from}, {"source", &m->source},
		{"src", &m->source}, {"target", &m->target}, {"dst", &m->target},
		{"destination", &m->target}, {"tmpfs-size", &m->size}, {"id", &m->id},
		{"sharing", &m->sharing}, {"mode", &m->mode}, {"tmpfs-mode", &m->mode},
		{"uid", &m->uid}, {"gid", &m->gid}};
	static const char *const labels[] = {"z", "Z", "relabel", NULL};
	static const char *const read_only[] = {"ro", "readonly", "read-only", NULL};
	static const char *const read_write[] = {"rw", "readwrite", "read-write", NULL};
	/* no mount of the box reaches anywhere, no device opens in it */
	static const char *const harmless[] = {"bind-propagation", "bind-nonrecursive", "nodev",
		"consistency", "shared", "rshared", "private", "rprivate", "slave", "rslave", NULL};
	const struct {
		const char *name;
		bool *on;
	} switches[] = {{"U", &m->give}, {"chown", &m->give}, {"tmpcopyup", &m->copy_up},
		{"noexec", &m->no_exec}, {"nosuid", &m->no_suid}};
	char *value = strchr(word, '=');

	if (value)
		*value++ = '\0';
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		if (streq(word, known[i].name)) {
			*known[i].value = value;
			return 0;
		}
	}
	for (size_t i = 0; i < ARRAY_LEN(switches); i++) {
		if (streq(word, switches[i].name)) {
			*switches[i].on = is_on(value);
			return 0;
		}
	}
	if (is_one_of(word, labels))
		m->relabel = is_private(word, value) ? 'Z' : 'z';
	else if (is_one_of(word, read_only))
		m->read_only = is_on(value);
	else if (is_one_of(word, read_write))
		m->read_write = is_on(value);
	else if (!is_one_of(word, harmless))
		return err_set(err, ERR_UNSUPPORTED,
			"option '--mount': '%s' is not one of 'type', 'from', 'source', 'target', "
			"'ro', 'rw', 'U', 'noexec', 'nosuid', 'tmpcopyup', 'tmpfs-size', "
			"'tmpfs-mode', 'id', 'sharing', 'mode', 'uid', 'gid'",
			word);
	return 0;
}

int mount_word_mode(const char *text, mode_t *ret, struct err *err)
{
	uint64_t v = 0;

	if (text && !num_octal(text, 07777, &v))
		return err_set(
			err, ERR_INVALID, "option '--mount': '%s' is not an octal mode", text);
	*ret = (mode_t)v;
	return 0;
}
