/* SPDX-License-Identifier: Apache-2.0 */
#include "build/mounts.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/strv.h"
#include "build/csv.h"
#include "build/file_expand.h"
#include "build/suggest.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *const type_names[] = {"bind", "cache", "tmpfs", "secret", "ssh"};
static const char *const sharing_names[] = {"shared", "private", "locked"};

enum mount_key {
	KEY_TYPE,
	KEY_FROM,
	KEY_SOURCE,
	KEY_TARGET,
	KEY_READ_ONLY,
	KEY_READ_WRITE,
	KEY_ID,
	KEY_SHARING,
	KEY_REQUIRED,
	KEY_SIZE,
	KEY_MODE,
	KEY_UID,
	KEY_GID,
	KEY_ENV,
	KEY_LABEL,
	KEY_PROPAGATION,
	KEY_COPY_UP,
	KEY_NO_EXEC,
	KEY_NO_SUID,
	KEY_NO_DEV,
	KEY_PROPAGATE, /* the propagation itself, as a flag */
};

static const struct {
	const char *name;
	enum mount_key key;
	unsigned types; /* bits of enum mount_type that take it */
	bool flag; /* may stand without a value */
} keys[] = {
#define T(type) (1U << MOUNT_##type)
#define ALL (T(BIND) | T(CACHE) | T(TMPFS) | T(SECRET) | T(SSH))
	{"type", KEY_TYPE, ALL, false},
	{"from", KEY_FROM, T(BIND) | T(CACHE) | T(TMPFS) | T(SSH), false},
	{"source", KEY_SOURCE, T(BIND) | T(CACHE) | T(SECRET) | T(SSH), false},
	{"src", KEY_SOURCE, T(BIND) | T(CACHE) | T(SECRET) | T(SSH), false},
	{"target", KEY_TARGET, ALL, false},
	{"dst", KEY_TARGET, ALL, false},
	{"destination", KEY_TARGET, ALL, false},
	{"readonly", KEY_READ_ONLY, ALL, true},
	{"ro", KEY_READ_ONLY, ALL, true},
	{"readwrite", KEY_READ_WRITE, ALL, true},
	{"rw", KEY_READ_WRITE, ALL, true},
	{"id", KEY_ID, ALL, false},
	{"sharing", KEY_SHARING, T(CACHE), false},
	{"required", KEY_REQUIRED, T(SECRET) | T(SSH), true},
	{"size", KEY_SIZE, T(TMPFS), false},
	{"tmpfs-size", KEY_SIZE, T(TMPFS), false},
	{"mode", KEY_MODE, T(CACHE) | T(SECRET) | T(SSH), false},
	{"tmpfs-mode", KEY_MODE, T(TMPFS), false},
	{"uid", KEY_UID, T(CACHE) | T(SECRET) | T(SSH), false},
	{"gid", KEY_GID, T(CACHE) | T(SECRET) | T(SSH), false},
	{"env", KEY_ENV, ALL, false}, /* of a secret; elsewhere BuildKit lets it pass, too */
	{"relabel", KEY_LABEL, T(BIND) | T(CACHE), false},
	{"z", KEY_LABEL, T(BIND) | T(CACHE), true},
	{"tmpcopyup", KEY_COPY_UP, T(TMPFS), true},
	{"noexec", KEY_NO_EXEC, T(BIND) | T(CACHE) | T(TMPFS), true},
	{"nosuid", KEY_NO_SUID, T(BIND) | T(CACHE) | T(TMPFS), true},
	{"nodev", KEY_NO_DEV, T(BIND) | T(CACHE) | T(TMPFS), true},
	{"bind-propagation", KEY_PROPAGATION, T(BIND) | T(CACHE), false},
	{"shared", KEY_PROPAGATE, T(BIND) | T(CACHE), true},
	{"rshared", KEY_PROPAGATE, T(BIND) | T(CACHE), true},
	{"private", KEY_PROPAGATE, T(BIND) | T(CACHE), true},
	{"rprivate", KEY_PROPAGATE, T(BIND) | T(CACHE), true},
	{"slave", KEY_PROPAGATE, T(BIND) | T(CACHE), true},
	{"rslave", KEY_PROPAGATE, T(BIND) | T(CACHE), true},
#undef ALL
#undef T
};

const char *mount_type_name(enum mount_type type)
{
	return type_names[type];
}

/* The index of name among names; an error with the closest of them. */
static int find_name(const char *what, const char *name, const char *const *names, size_t n,
	unsigned *ret, struct err *err)
{
	AUTO_FREE char *lower = str_lower(xstrdup(name));
	for (size_t i = 0; i < n; i++) {
		if (streq(lower, names[i])) {
			*ret = (unsigned)i;
			return 0;
		}
	}
	const char *close = suggest(lower, names, n);
	if (close)
		return err_set(err, ERR_INVALID, "unsupported %s \"%s\" (did you mean %s?)", what,
			name, close);
	AUTO_BUF struct buf all = BUF_INIT(KIB);
	for (size_t i = 0; i < n; i++)
		buf_addf(&all, "%s%s", i ? ", " : "", names[i]);
	return err_set(err, ERR_INVALID, "unsupported %s \"%s\" (it can be %s)", what, name,
		buf_str(&all));
}

static int find_key(const char *name, const char *field, size_t *ret, struct err *err)
{
	const char *names[ARRAY_LEN(keys)];
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		names[i] = keys[i].name;
		if (streq(name, keys[i].name)) {
			*ret = i;
			return 0;
		}
	}
	const char *close = suggest(name, names, ARRAY_LEN(names));
	return err_set(err, ERR_INVALID, "unexpected key '%s' in '%s'%s%s%s", name, field,
		close ? " (did you mean " : "", close ? close : "", close ? "?)" : "");
}

static int bad_value(const char *name, const char *value, const char *known, struct err *err)
{
	return err_set(
		err, ERR_INVALID, "invalid value for %s: '%s' (it is %s)", name, value, known);
}

static int set_bool(const char *name, const char *value, bool *ret, struct err *err)
{
	return num_bool(value, ret) ? 0 : bad_value(name, value, "true or false", err);
}

static int set_id(
	const char *name, const char *value, bool *ret_has, uint32_t *ret, struct err *err)
{
	uint64_t n;
	/* the largest number means "do not change" to chown(2) */
	if (!num_u64(value, UINT32_MAX - 1, &n))
		return bad_value(name, value, "a number: names are not looked up", err);
	*ret = (uint32_t)n;
	*ret_has = true;
	return 0;
}

static int check_propagation(const char *value, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (keys[i].key == KEY_PROPAGATE && streq(value, keys[i].name))
			return 0;
	return err_set(err, ERR_INVALID,
		"invalid mount option 'bind-propagation=%s' (it is private, slave, shared, or "
		"these with an r)",
		value);
}

/* ro_given: whether ro or rw was said */
static int set_value(
	struct mount_opts *m, size_t k, const char *value, bool *ro_given, struct err *err)
{
	const char *name = keys[k].name;
	unsigned index = 0;
	uint64_t n;
	int r;
	switch (keys[k].key) {
	case KEY_TYPE:
		r = find_name("mount type", value, type_names, ARRAY_LEN(type_names), &index, err);
		if (r == 0)
			m->type = (enum mount_type)index;
		return r;
	case KEY_SHARING:
		r = find_name("sharing value", value, sharing_names, ARRAY_LEN(sharing_names),
			&index, err);
		if (r == 0)
			m->sharing = (enum mount_sharing)index;
		return r;
	case KEY_FROM:
		mem_replace(&m->from, xstrdup(value));
		return 0;
	case KEY_SOURCE:
		mem_replace(&m->source, xstrdup(value));
		return 0;
	case KEY_TARGET:
		mem_replace(&m->target, xstrdup(value));
		return 0;
	case KEY_ID:
		mem_replace(&m->id, xstrdup(value));
		return 0;
	case KEY_ENV:
		if (!*value || strchr(value, '='))
			return bad_value(name, value, "the name of a variable", err);
		mem_replace(&m->env, xstrdup(value));
		return 0;
	case KEY_READ_ONLY:
		*ro_given = true;
		return set_bool(name, value, &m->read_only, err);
	case KEY_READ_WRITE:
		*ro_given = true;
		r = set_bool(name, value, &m->read_only, err);
		m->read_only = !m->read_only;
		return r;
	case KEY_REQUIRED:
		return set_bool(name, value, &m->required, err);
	case KEY_SIZE:
		return num_size(value, &m->size)
		               ? 0
		               : bad_value(name, value, "a size, such as 64m", err);
	case KEY_MODE:
		if (!num_octal(value, 07777, &n))
			return bad_value(name, value, "an octal number, such as 0755", err);
		m->mode = (mode_t)n;
		m->has_mode = true;
		return 0;
	case KEY_UID:
		return set_id(name, value, &m->has_uid, &m->uid, err);
	case KEY_GID:
		return set_id(name, value, &m->has_gid, &m->gid, err);
	case KEY_PROPAGATION:
		return check_propagation(value, err);
	case KEY_COPY_UP:
		return set_bool(name, value, &m->copy_up, err);
	case KEY_NO_EXEC:
		return set_bool(name, value, &m->no_exec, err);
	case KEY_NO_SUID:
		return set_bool(name, value, &m->no_suid, err);
	case KEY_LABEL:
	case KEY_NO_DEV:
	case KEY_PROPAGATE:
		/* what is shown has the step's label anyway, no mount leaves its step, no device
		 * opens in one */
		return 0;
	}
	return 0;
}

struct parse {
	mount_expand_fn expand;
	void *arg;
	struct mount_opts m;
	const char *fields[ARRAY_LEN(keys)]; /* as written, NULL: not given */
	bool ro_given;
	bool any_type; /* it is in a variable */
};

static int parse_field(struct parse *p, const char *field, struct err *err)
{
	const char *eq = strchr(field, '=');
	AUTO_FREE char *name = eq ? xstrndup(field, (size_t)(eq - field)) : xstrdup(field);
	str_lower(name);
	AUTO_FREE char *value = NULL;
	size_t k = 0;
	if (eq && streq(name, "from") && strchr(eq, '$') && strchr(eq, '$')[1])
		return err_set(err, ERR_INVALID,
			"'from' doesn't support variable expansion, define alias stage instead");
	struct err unknown = ERR_INIT;
	bool known = find_key(name, field, &k, &unknown) == 0;
	if (!eq && (!known || !keys[k].flag))
		return err_set(err, ERR_INVALID, "invalid field '%s' must be a key=value pair%s",
			field, *field ? "" : "; no blank follows a comma");
	if (!known) {
		*err = unknown;
		return err->code;
	}
	if (!eq)
		value = xstrdup("true");
	else if (p->expand(p->arg, eq + 1, &value, err) < 0)
		return err->code;
	p->fields[k] = field;
	if (!value)
		p->any_type |= keys[k].key == KEY_TYPE;
	return value ? set_value(&p->m, k, value, &p->ro_given, err) : 0;
}

/* --- what only the whole tells --- */

static int check_key(const struct parse *p, size_t k, struct err *err)
{
	if (!p->fields[k] || p->any_type || keys[k].types & 1U << p->m.type)
		return 0;
	return err_set(err, ERR_INVALID, "unexpected key '%s' for mount type '%s'", keys[k].name,
		type_names[p->m.type]);
}

static bool given(const struct parse *p, enum mount_key key)
{
	for (size_t k = 0; k < ARRAY_LEN(keys); k++)
		if (keys[k].key == key && p->fields[k])
			return true;
	return false;
}

static int check_secret(const struct parse *p, struct err *err)
{
	bool source = given(p, KEY_SOURCE), id = given(p, KEY_ID);
	if (p->any_type || p->m.type != MOUNT_SECRET)
		return 0;
	if (!source && !given(p, KEY_TARGET) && !id)
		return err_set(err, ERR_INVALID,
			"invalid secret mount: one of source, target, id required");
	return source && id ? err_set(err, ERR_INVALID, "both source and id can't be set") : 0;
}

int mount_parse(const char *text, mount_expand_fn expand, void *arg, struct mount_opts *ret,
	char **ret_field, struct err *err)
{
	AUTO_STRV struct strv fields = STRV_INIT;
	*ret_field = NULL;
	if (csv_fields(text, &fields, err) < 0)
		return err_wrap(err, "failed to parse csv mounts");
	struct parse p = {.expand = expand, .arg = arg};
	const char *field = NULL;
	int r = 0;
	for (size_t i = 0; r == 0 && i < fields.n; i++) {
		field = fields.v[i];
		r = parse_field(&p, field, err);
	}
	for (size_t k = 0; r == 0 && k < ARRAY_LEN(keys); k++) {
		field = p.fields[k];
		r = check_key(&p, k, err);
	}
	if (r == 0) {
		field = NULL;
		r = check_secret(&p, err);
	}
	if (r < 0) {
		*ret_field = field ? xstrdup(field) : NULL;
		mount_opts_done(&p.m);
		return r;
	}
	if (!p.ro_given)
		p.m.read_only = p.m.type != MOUNT_CACHE && p.m.type != MOUNT_TMPFS;
	*ret = p.m;
	return 0;
}

/* What has a variable is not known yet. */
static int expand_plain(void *arg, const char *value, char **ret, struct err *err)
{
	const char *escape = arg;
	struct map none = MAP_INIT;
	*ret = NULL;
	return strchr(value, '$') ? 0 : expand_word(value, *escape, &none, 0, ret, NULL, NULL, err);
}

/* A known key, of other types than the mount's. */
static int check_field(const struct parse *p, const char *field, struct err *err)
{
	for (size_t k = 0; k < ARRAY_LEN(keys); k++)
		if (p->fields[k] == field)
			return check_key(p, k, err);
	return 0;
}

/* The type may come last, and the faults are told in the order of the fields: two passes. */
void mount_faults(const char *text, char escape, mount_fault_fn fault, void *arg)
{
	AUTO_STRV struct strv fields = STRV_INIT;
	struct err err = ERR_INIT, wrong = ERR_INIT;
	bool any = false;
	if (csv_fields(text, &fields, &err) < 0) {
		(void)err_wrap(&err, "failed to parse csv mounts");
		fault(arg, NULL, &err);
		return;
	}
	struct parse whole = {.expand = expand_plain, .arg = &escape}, again = whole;
	STRV_FOREACH (field, &fields)
		/* of a type that is none nothing follows for the other keys */
		if (parse_field(&whole, *field, &err) < 0)
			whole.any_type |= strncasecmp(*field, "type=", 5) == 0;
	STRV_FOREACH (field, &fields) {
		bool bad = parse_field(&again, *field, &wrong) < 0;
		/* that the type has no such key is enough */
		bool odd = check_field(&whole, *field, &err) < 0;
		if (bad || odd)
			fault(arg, *field, odd ? &err : &wrong);
		any |= bad || odd;
	}
	/* a key that was misspelt may be the one that is missed */
	if (!any && check_secret(&whole, &err) < 0)
		fault(arg, NULL, &err);
	mount_opts_done(&whole.m);
	mount_opts_done(&again.m);
}

void mount_opts_done(struct mount_opts *m)
{
	free(m->from);
	free(m->source);
	free(m->target);
	free(m->id);
	free(m->env);
	*m = (struct mount_opts){0};
}
