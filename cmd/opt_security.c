/* SPDX-License-Identifier: Apache-2.0 */
/* --security-opt: filter, privileges, profile, label, and what is seen of /proc and /sys. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "cmd/opt_groups.h"
#include "layers/label.h"
#include "run/lsm.h"
#include "run/seccomp.h"
#include "run/selinux.h"

#define WISH_MAX (64 * KIB) /* as much as a command line has */
#define APPARMOR_NAME_MAX 1024 /* the kernel takes less than a page */

/* *ret: no-new-privileges, with or without a value. */
static bool parse_no_new_privs(const char *text, bool *ret)
{
	static const char name[] = "no-new-privileges";
	if (!str_has_prefix(text, name))
		return false;
	const char *value = text + strlen(name);
	if (!*value || streq(value + 1, "true"))
		*ret = true;
	else if (streq(value + 1, "false"))
		*ret = false;
	else
		return false;
	return !*value || *value == ':' || *value == '=';
}

/* What "NAME=VALUE" or, as older versions have it, "NAME:VALUE" says; NULL: another option. */
static const char *security_value(const char *text, const char *name)
{
	size_t n = strlen(name);
	return strncmp(text, name, n) == 0 && (text[n] == '=' || text[n] == ':') ? text + n + 1
	                                                                         : NULL;
}

/* proc(5): what a mount of it takes, and acts on in a namespace of its own. */
static int apply_proc_options(const char *list, struct run_spec *spec, struct err *err)
{
	static const char *const known[] = {"hidepid=0", "hidepid=1", "hidepid=2", "hidepid=4",
		"hidepid=off", "hidepid=noaccess", "hidepid=invisible", "hidepid=ptraceable",
		"subset=pid"};
	AUTO_STRV struct strv words = STRV_INIT;
	strv_split(&words, list, ',');
	STRV_FOREACH (word, &words) {
		size_t i = 0;
		while (i < ARRAY_LEN(known) && !streq(*word, known[i]))
			i++;
		if (i == ARRAY_LEN(known))
			return err_set(err, ERR_INVALID,
				"option '--security-opt': 'proc-opts': '%s' is not one of "
				"'hidepid=0', '1', '2' or '4' and 'subset=pid'",
				*word);
		strv_add(&spec->proc_options, *word);
	}
	return 0;
}

/* "label=type:TYPE" and its kin. ERR_INVALID */
static int parse_label(const char *value, struct selinux_wish *w, struct err *err)
{
	const struct {
		const char *name;
		const char **text;
	} known[] = {{"user", &w->user}, {"role", &w->role}, {"type", &w->type},
		{"level", &w->level}, {"filetype", &w->filetype}};
	if (streq(value, "disable")) {
		w->disable = true;
		return 0;
	}
	const char *colon = strchr(value, ':');
	for (size_t i = 0; colon && i < ARRAY_LEN(known); i++) {
		size_t n = (size_t)(colon - value);
		if (strlen(known[i].name) != n || strncmp(value, known[i].name, n) != 0)
			continue;
		/* of a level alone are there more parts */
		if (!colon[1] || strpbrk(colon + 1, known[i].text == &w->level ? " \n" : ": \n"))
			break;
		*known[i].text = colon + 1;
		return 0;
	}
	return err_set(err, ERR_INVALID,
		"option '--security-opt': 'label=%s' is not one of 'label=disable' and "
		"'label=user:', 'role:', 'type:', 'level:', 'filetype:' with a name",
		value);
}

/* What it is and what its files are, by default too. */
static int apply_label(const struct selinux_wish *w, struct run_spec *spec, struct err *err)
{
	const char *const words[] = {w->user, w->role, w->type, w->level, w->filetype};
	struct selinux_labels l;
	if (selinux_choose(w, &l, err) < 0)
		return err_wrap(err, "option '--security-opt'");
	label_use(l.files, l.shared);
	free(l.files);
	free(l.shared);
	free(spec->selinux);
	spec->selinux = l.process;
	free(spec->selinux_wish);
	spec->selinux_wish = NULL;
	AUTO_BUF struct buf wish = BUF_INIT(WISH_MAX);
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (words[i])
			buf_addf(&wish, " %zu:%s", i, words[i]);
	if (wish.len && !w->disable)
		spec->selinux_wish = xstrdup(buf_str(&wish));
	return 0;
}

static int apply_apparmor(const char *profile, struct run_spec *spec, struct err *err)
{
	free(spec->apparmor);
	spec->apparmor = NULL;
	if (streq(profile, "unconfined"))
		return 0;
	if (!*profile || strpbrk(profile, "\n ") || strlen(profile) > APPARMOR_NAME_MAX)
		return err_set(err, ERR_INVALID,
			"option '--security-opt': '%s' is no name of an AppArmor profile", profile);
	if (lsm_check_apparmor(profile, err) < 0)
		return err_wrap(err, "option '--security-opt'");
	spec->apparmor = xstrdup(profile);
	return 0;
}

/* mask=PATHS, unmask=PATTERNS or ALL, systempaths=unconfined. *ret_known: it is one of them. */
static int apply_masks(const char *text, struct run_spec *spec, bool *ret_known, struct err *err)
{
	AUTO_STRV struct strv paths = STRV_INIT;
	bool hide = str_has_prefix(text, "mask=");
	*ret_known = true;
	if (streq(text, "systempaths=unconfined")) {
		strv_add(&spec->unmask, "all");
		return 0;
	}
	*ret_known = hide || str_has_prefix(text, "unmask=");
	if (!*ret_known)
		return 0;
	strv_split(&paths, strchr(text, '=') + 1, ':');
	STRV_FOREACH (path, &paths) {
		if (**path != '/' && (hide || strcasecmp(*path, "all") != 0))
			return err_set(err, ERR_INVALID,
				"option '--security-opt': '%s': '%s' is no absolute path", text,
				*path);
		strv_add(hide ? &spec->mask : &spec->unmask, *path);
	}
	return 0;
}

static int apply_security_option(
	const char *text, struct run_spec *spec, struct selinux_wish *label, struct err *err)
{
	const char *value;
	bool known;
	if ((value = security_value(text, "seccomp"))) {
		free(spec->seccomp_profile);
		spec->seccomp_profile = xstrdup(value);
		return 0;
	}
	if ((value = security_value(text, "label")))
		return parse_label(value, label, err);
	if ((value = security_value(text, "apparmor")))
		return apply_apparmor(value, spec, err);
	if ((value = security_value(text, "proc-opts")))
		return apply_proc_options(value, spec, err);
	if (apply_masks(text, spec, &known, err) < 0)
		return err->code;
	if (known || parse_no_new_privs(text, &spec->no_new_privs))
		return 0;
	return err_set(err, ERR_INVALID,
		"option '--security-opt': '%s' is not one of 'seccomp=FILE', "
		"'seccomp=unconfined', 'no-new-privileges[=false]', 'mask=PATHS', 'unmask=PATHS', "
		"'apparmor=PROFILE', 'proc-opts=OPTIONS', 'label=disable', 'label=type:TYPE'",
		text);
}

int security_options_apply(const struct strv *options, struct run_spec *spec, struct err *err)
{
	struct selinux_wish label = {0};
	STRV_FOREACH (o, options)
		if (apply_security_option(*o, spec, &label, err) < 0)
			return err->code;
	if (apply_label(&label, spec, err) < 0)
		return err->code;
	const struct sock_fprog *ignored;
	if (spec->seccomp_profile && seccomp_filter(spec->seccomp_profile, 0, 0, &ignored, err) < 0)
		return err_wrap(err, "option '--security-opt'");
	return 0;
}
