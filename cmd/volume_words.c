/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/volume_words.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"
#include "run/selinux.h"

/* What happens anyway: no mount gets into or out of a command's box while it
 * runs, no device can be opened in a volume, and nothing is cached. */
static bool is_harmless(const char *option)
{
	static const char *const options[] = {"private", "rprivate", "shared", "rshared", "slave",
		"rslave", "bind", "rbind", "nodev", "cached", "delegated"};
	for (size_t i = 0; i < ARRAY_LEN(options); i++)
		if (streq(option, options[i]))
			return true;
	return false;
}

static int open_dir(const char *path, int *ret, struct err *err)
{
	mem_close_p(ret);
	*ret = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *ret < 0 ? err_sys(err, "option '--volume': cannot open '%s'", path) : 0;
}

static int parse_option(const char *word, struct volume_words *v, struct err *err)
{
	if (streq(word, "ro"))
		v->mount.read_only = true;
	else if (streq(word, "rw"))
		v->mount.read_only = false;
	else if (streq(word, "O"))
		v->overlay = true;
	else if (str_has_prefix(word, "upperdir="))
		return open_dir(word + strlen("upperdir="), &v->upper, err);
	else if (str_has_prefix(word, "workdir="))
		return open_dir(word + strlen("workdir="), &v->work, err);
	else if (streq(word, "U"))
		v->mount.give = true;
	else if (streq(word, "z") || streq(word, "Z"))
		v->mount.relabel = *word;
	else if (streq(word, "noexec") || streq(word, "exec"))
		v->mount.no_exec = *word == 'n';
	else if (streq(word, "nosuid") || streq(word, "suid"))
		v->mount.no_suid = *word == 'n';
	else if (!is_harmless(word))
		return err_set(err, ERR_UNSUPPORTED,
			"option '--volume': '%s' is not one of 'ro', 'rw', 'O', 'upperdir=', "
			"'workdir=', 'U', '[no]exec', '[no]suid', 'z', 'Z', 'private', 'shared', "
			"'slave', 'rbind', 'nodev'",
			word);
	return 0;
}

static int parse_options(const char *text, struct volume_words *v, struct err *err)
{
	AUTO_STRV struct strv words = STRV_INIT;

	strv_split(&words, text, ',');
	STRV_FOREACH (word, &words)
		if (parse_option(*word, v, err) < 0)
			return err->code;
	if (!v->overlay && (v->upper >= 0 || v->work >= 0))
		return err_set(err, ERR_INVALID,
			"option '--volume': 'upperdir' and 'workdir' are for 'O'");
	if ((v->upper < 0) != (v->work < 0))
		return err_set(err, ERR_INVALID,
			"option '--volume': 'upperdir' and 'workdir' need each other");
	return 0;
}

/* At colons without a backslash before them. */
static void split(const char *text, struct strv *ret)
{
	AUTO_BUF struct buf part = BUF_INIT(strlen(text) + 1);

	for (const char *p = text; *p; p++) {
		if (*p == ':') {
			strv_add(ret, buf_str(&part));
			buf_clear(&part);
			continue;
		}
		p += *p == '\\' && p[1] == ':';
		buf_addch(&part, *p);
	}
	strv_add(ret, buf_str(&part));
}

/* Whole parts of this machine that a slip of the hand would give away. */
int volume_may_change(int source, const char *name, const char *option, struct err *err)
{
	static const char *const kept[] = {"/", "/bin", "/boot", "/dev", "/etc", "/etc/passwd",
		"/etc/shadow", "/home", "/lib", "/lib64", "/media", "/opt", "/proc", "/root",
		"/run", "/sbin", "/srv", "/sys", "/tmp", "/usr", "/var", "/var/lib", "/var/log"};
	struct stat st, other;

	if (fstat(source, &st) < 0)
		return err_sys(err, "cannot read '%s'", name);
	for (size_t i = 0; i < ARRAY_LEN(kept); i++)
		if (stat(kept[i], &other) == 0 && st.st_dev == other.st_dev &&
			st.st_ino == other.st_ino)
			return err_set(err, ERR_INVALID, "volume '%s', option '%s': '%s' is not %s",
				name, option, kept[i],
				*option == 'U' ? "given to anybody else" : "labelled for a step");
	return 0;
}

int volume_words_parse(const char *text, struct volume_words *ret, struct err *err)
{
	AUTO_STRV struct strv parts = STRV_INIT;
	struct volume_words v = {
		.mount = {.kind = RUN_MOUNT_BIND, .source = -1}, .upper = -1, .work = -1};

	split(text, &parts);
	if (parts.n < 2 || parts.n > 3 || !*parts.v[0] || *parts.v[1] != '/')
		return err_set(err, ERR_INVALID,
			"option '--volume': '%s' is not DIRECTORY:/TARGET[:OPTIONS]", text);
	int r = parts.n == 3 ? parse_options(parts.v[2], &v, err) : 0;
	if (r == 0)
		v.mount.source =
			open(parts.v[0], O_PATH | O_CLOEXEC | (v.overlay ? O_DIRECTORY : 0));
	if (r == 0 && v.mount.source < 0)
		r = err_sys(err, "option '--volume': cannot open '%s'", parts.v[0]);
	if (r == 0 && v.mount.give && !v.overlay)
		r = volume_may_change(v.mount.source, parts.v[0], "U", err);
	if (v.overlay)
		v.mount.relabel =
			0; /* a mount of its own has the label, and the source keeps its */
	if (r == 0 && v.mount.relabel && selinux_is_active())
		r = volume_may_change(v.mount.source, parts.v[0], "z", err);
	if (r < 0) {
		mem_close_p(&v.mount.source);
		volume_words_done(&v);
		return r;
	}
	v.mount.target = path_clean(parts.v[1]);
	*ret = v;
	return 0;
}

void volume_words_done(struct volume_words *v)
{
	mem_close_p(&v->upper);
	mem_close_p(&v->work);
	v->upper = v->work = -1;
}
