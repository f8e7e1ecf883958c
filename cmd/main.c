/* SPDX-License-Identifier: Apache-2.0 */
/* Words to a command, a command to an exit status. Nothing is opened or initialised before the
 * command runs: `mica version` is to take milliseconds. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/called.h"
#include "base/err.h"
#include "base/map.h"
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/collect.h"
#include "cmd/commands.h"
#include "cmd/conf.h"
#include "cmd/forms.h"
#include "cmd/full_disk.h"
#include "cmd/global.h"
#include "cmd/help.h"
#include "cmd/help_print.h"
#include "cmd/overview.h"
#include "cmd/prompt.h"
#include "cmd/stack.h"
#include "cmd/version.h"
#include "run/userns.h"
#include "store/store.h"

/* A containers.conf that cannot be read says nothing here. */
static void add_defaults(const struct cmd *cmd, struct map *defaults)
{
	AUTO_CONF struct conf conf;
	struct err ignored = ERR_INIT;

	conf_init(&conf);
	if (!opt_knows(cmd->options, "--retry-delay") || conf_load(&conf, &ignored) < 0)
		return;
	if (conf.retry >= 0) {
		AUTO_FREE char *text = xasprintf("%lld", (long long)conf.retry);
		map_set(defaults, "retry", text);
	}
	if (conf.retry_delay) {
		AUTO_FREE char *text = xasprintf("\"%s\"", conf.retry_delay);
		map_set(defaults, "retry-delay", text);
	}
}

static int print_help(struct app *app, const struct cmd *cmd, struct err *err)
{
	const struct help *h = help_find(cmd->name);
	AUTO_MAP struct map defaults = MAP_INIT;

	if (!h)
		return err_set(err, ERR_NOT_FOUND, "there is no page for '%s'", cmd->name);
	add_defaults(cmd, &defaults);
	help_print(&app->out, h, &defaults);
	return 0;
}

static bool options_first(const struct cmd *cmd)
{
	return cmd->flags & CMD_OPTIONS_FIRST ||
	       (cmd->flags & (CMD_BUILDAH_ORDER | CMD_BUILDAH_WORDS) && called_buildah());
}

/* In buildah's words: its scripts look for them. */
static int check_order(const struct cmd *cmd, const struct strv *rest, struct err *err)
{
	if (!(cmd->flags & CMD_BUILDAH_WORDS) || !called_buildah())
		return 0;
	STRV_FOREACH (word, rest)
		if (**word == '-')
			return err_set(err, ERR_INVALID,
				"no options (%s) can be specified after the image or container "
				"name",
				*word);
	return 0;
}

static int check_count(const struct cmd *cmd, const struct strv *rest, struct err *err)
{
	AUTO_FREE char *name = command_title(cmd);

	if (rest->n < cmd->min_args)
		return err_set(err, ERR_INVALID,
			"'%s' wants at least %zu argument%s. See '%s --help'", name, cmd->min_args,
			cmd->min_args == 1 ? "" : "s", name);
	if (rest->n > cmd->max_args && cmd->flags & CMD_BUILDAH_WORDS && called_buildah())
		return err_set(err, ERR_INVALID, "'%s' requires at most %zu argument%s", name,
			cmd->max_args, cmd->max_args == 1 ? "" : "s");
	if (rest->n > cmd->max_args)
		return err_set(err, ERR_INVALID,
			"'%s' accepts at most %zu arg(s), received %zu: unexpected argument '%s'. "
			"See '%s --help'",
			name, cmd->max_args, rest->n, rest->v[cmd->max_args], name);
	return 0;
}

/* Who we are decides where the default store is, and in the namespace everybody is root: it is
 * found out before. */
static int enter_userns(struct app *app, struct err *err)
{
	if (!app->root) {
		int r = store_default_path(&app->default_root, err);
		if (r < 0)
			return r;
		app->root = app->default_root;
	}
	/* and where login keeps credentials; below `mica unshare` it has been found out before */
	AUTO_FREE char *uid = xasprintf("%u", (unsigned)getuid());
	if (setenv("MICA_UID", uid, getuid() != 0) < 0)
		return err_sys(err, "cannot set MICA_UID");
	return userns_enter(err);
}

/* Does the word name what can be read or written from beginning to end once? */
static bool is_stream(const char *word)
{
	const char *value = strchr(word, '=');
	struct stat st;
	if (stat(word, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode)))
		return true;
	if (*word == '-' && value && stat(value + 1, &st) == 0 && S_ISFIFO(st.st_mode))
		return true;
	return streq(word, "-") || (*word == '-' && str_has_suffix(word, "-")) ||
	       str_has_suffix(word, "=-") || strstr(word, "=-,") || strstr(word, "/dev/fd/") ||
	       strstr(word, "/dev/std") || strstr(word, "/proc/self/fd/");
}

static bool can_be_tried_again(
	const struct app *app, const struct cmd *cmd, int argc, char *const argv[])
{
	for (int i = 0; i < argc; i++)
		if (is_stream(argv[i]))
			return false;
	return cmd->flags & CMD_AGAIN && !app->begun;
}

/* With what the words say, and not what the first time has made of that. */
static int run_again(
	struct app *app, const struct cmd *cmd, int argc, char *const argv[], struct err *err)
{
	struct app globals = {0};
	AUTO_FREE void *args = xcalloc(1, cmd->args_size + 1);
	AUTO_STRV struct strv rest = STRV_INIT;

	err_clear(err);
	if (cmd->init)
		cmd->init(args);
	int r = opt_parse_with(cmd->options, args, global_options, &globals, cmd->name, argc, argv,
		options_first(cmd) ? OPT_STOP_AT_POSITIONAL : 0, &rest, err);
	if (r == 0)
		r = cmd->run(app, args, &rest, err);
	opt_done(cmd->options, args);
	opt_done(global_options, &globals);
	return r;
}

static int run_command(
	struct app *app, const struct cmd *cmd, int argc, char *const argv[], struct err *err)
{
	AUTO_FREE void *args = xcalloc(1, cmd->args_size + 1);
	AUTO_FREE char *name = command_title(cmd);
	AUTO_STRV struct strv rest = STRV_INIT;

	if (cmd->init)
		cmd->init(args);
	/* global options may also stand behind the command's name, as scripts for buildah have them
	 */
	int r = opt_parse_with(cmd->options, args, global_options, app, name, argc, argv,
		options_first(cmd) ? OPT_STOP_AT_POSITIONAL : 0, &rest, err);
	if (r == OPT_HELP)
		r = print_help(app, cmd, err);
	else if (r == 0) {
		r = check_order(cmd, &rest, err);
		if (r == 0)
			r = check_count(cmd, &rest, err);
		if (r == 0)
			r = global_apply(app, err);
		if (r == 0 && !(cmd->flags & CMD_PLAIN))
			r = global_configure(app, err);
		if (r == 0 && (cmd->flags & CMD_USERNS))
			r = enter_userns(app, err);
		uint64_t room = r == 0 && cmd->flags & CMD_AGAIN ? full_disk_room(app) : 0;
		if (r == 0)
			r = cmd->run(app, args, &rest, err);
		/* a full disk may hold what nothing needs any more */
		if (r < 0 && can_be_tried_again(app, cmd, argc, argv) &&
			full_disk_made_room(app, room, err))
			r = run_again(app, cmd, argc, argv, err);
		if (r < 0)
			conf_blame(&app->conf, err);
		if (r >= 0 && (cmd->flags & CMD_COLLECT))
			collect_start(app);
	}
	opt_done(cmd->options, args);
	return r;
}

/* Known to buildah, docker and podman, and not done here. */
static const struct {
	const char *name, *of, *why;
} refused[] = {
	{"cp", "docker", "'mica copy CONTAINER FILE PATH' copies into a container"},
	{"create", "docker", "'mica from IMAGE' makes a container"},
	{"exec", "docker", "'mica run CONTAINER COMMAND' runs a command in a container"},
	{"mkcw", "buildah", "confidential workloads are not made"},
	{"search", "docker",
		"registries cannot be searched; 'mica list-tags' tells the tags of one image"},
	{"source", "buildah", "source images are not made"},
};

/* Of docker and podman. */
static const struct {
	const char *noun, *verb, *instead;
} refused_verbs[] = {
	{"image", "mount", "a container of it can be mounted: mica mount $(mica from IMAGE)"},
	{"image", "unmount", "'mica umount' takes what 'mica mount' has mounted"},
};

static int unknown_verb(const struct strv *words, struct err *err)
{
	AUTO_FREE char *verbs = forms_verbs(words->v[0]);

	for (size_t i = 0; i < ARRAY_LEN(refused_verbs) && words->n > 1; i++)
		if (streq(words->v[0], refused_verbs[i].noun) &&
			streq(words->v[1], refused_verbs[i].verb))
			return err_set(err, ERR_UNSUPPORTED,
				"the command '%s %s' is not supported: %s", words->v[0],
				words->v[1], refused_verbs[i].instead);
	return words->n > 1 && *words->v[1] != '-'
	               ? err_set(err, ERR_INVALID, "unknown command '%s %s', known are: %s",
				 words->v[0], words->v[1], verbs)
	               : err_set(err, ERR_INVALID, "'%s %s' wants one of: %s", called_name(),
				 words->v[0], verbs);
}

static int find_command(const struct strv *words, const struct cmd **ret, struct err *err)
{
	const char *word = words->v[0];

	*ret = command_find(word);
	if (*ret)
		return 0;
	if (forms_is_noun(word))
		return unknown_verb(words, err);
	for (size_t i = 0; i < ARRAY_LEN(refused); i++)
		if (streq(word, refused[i].name))
			return err_set(err, ERR_UNSUPPORTED,
				"the command '%s' of %s is not supported: %s", word, refused[i].of,
				refused[i].why);
	const char *near = command_suggest(word);
	return err_set(err, ERR_INVALID, "unknown command '%s'%s%s%s See '%s --help'", word,
		near ? ", did you mean '" : "", near ? near : "", near ? "'?" : ".", called_name());
}

/* "image", "image --help", "help image" */
static bool asks_for_noun(const struct strv *words)
{
	return forms_is_noun(words->v[0]) && !command_find(words->v[0]) &&
	       (words->n == 1 || streq(words->v[1], "--help") || streq(words->v[1], "-h"));
}

static int help_on(struct app *app, struct strv *rest, struct err *err)
{
	const struct cmd *cmd;

	if (!rest->n) {
		overview_print(&app->out);
		return 0;
	}
	if (asks_for_noun(rest)) {
		overview_print_noun(&app->out, rest->v[0]);
		return 0;
	}
	if (streq(rest->v[0], "help")) {
		overview_print(&app->out);
		return 0;
	}
	forms_apply(rest);
	int r = find_command(rest, &cmd, err);
	if (r < 0 && called_buildah()) {
		out_printf(&app->out, "Unknown help topic [`%s`]\n", rest->v[0]);
		err_clear(err);
		overview_print(&app->out);
		return 0;
	}
	return r < 0 ? r : print_help(app, cmd, err);
}

/* As with buildah a command's options may also stand before its name: they are put behind it.
 * false: some are not the command's. */
static bool move_early_options(struct strv *words)
{
	size_t n = 0;
	while (n < words->n && str_has_prefix(words->v[n], "--"))
		n++;
	if (!n)
		return true;
	const struct cmd *cmd = n < words->n ? command_find(words->v[n]) : NULL;
	for (size_t i = 0; i < n; i++)
		if (!cmd || !opt_knows(cmd->options, words->v[i]))
			return false;
	char *name = words->v[n];
	memmove(words->v + 1, words->v, n * sizeof(*words->v));
	words->v[0] = name;
	return true;
}

/* rest: what app borrows from afterwards. */
static int dispatch(struct app *app, int argc, char *argv[], struct strv *rest, struct err *err)
{
	const struct cmd *cmd;

	int r = opt_parse(global_options, app, called_name(), argc - 1, argv + 1,
		OPT_STOP_AT_POSITIONAL | OPT_PUT_OFF, rest, err);
	if (r >= 0 && !move_early_options(rest))
		r = opt_parse(global_options, app, called_name(), argc - 1, argv + 1,
			OPT_STOP_AT_POSITIONAL, rest, err);
	if (r < 0)
		return r;
	if (app->version) {
		out_printf(&app->out, "%s version %s (image-spec %s, runtime-spec %s)\n",
			called_name(), called_buildah() ? BUILDAH_VERSION : MICA_VERSION,
			IMAGE_SPEC_VERSION, RUNTIME_SPEC_VERSION);
		return 0;
	}
	if (app->help || !rest->n) {
		overview_print(&app->out);
		return 0;
	}
	if (streq(rest->v[0], "help")) {
		free(rest->v[0]);
		memmove(rest->v, rest->v + 1, rest->n * sizeof(*rest->v));
		rest->n--;
		return help_on(app, rest, err);
	}
	if (asks_for_noun(rest)) {
		overview_print_noun(&app->out, rest->v[0]);
		return 0;
	}
	forms_apply(rest);
	called_verb(rest->v[0]);
	r = find_command(rest, &cmd, err);
	/* option values are borrowed from these words */
	return r < 0 ? r : run_command(app, cmd, (int)rest->n - 1, strv_argv(rest) + 1, err);
}

/* A closed 0, 1 or 2 would be handed out by the next open(2), and then written to. */
static void open_standard_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		(void)close(fd);
}

struct command_line {
	struct app *app;
	int argc;
	char **argv;
	struct strv *words; /* out: what option values are borrowed from */
	struct err *err;
};

static int dispatch_line(void *arg)
{
	const struct command_line *l = arg;

	return dispatch(l->app, l->argc, l->argv, l->words, l->err);
}

int main(int argc, char *argv[])
{
	struct app app = {0};
	AUTO_STRV struct strv words = STRV_INIT;
	struct err err = ERR_INIT;

	open_standard_descriptors();
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN); /* EFBIG can be told, and what was begun be removed */
	(void)signal(SIGCHLD, SIG_DFL); /* of who ignores it no child can be waited for */
	out_init(&app.out);
	struct command_line line = {&app, argc, argv, &words, &err};
	int r = stack_call(dispatch_line, &line, &err);
	if (r < 0)
		full_disk_clear(&app, &err);
	int status = r;
	if (r == ERR_COMMAND)
		status = err.sys;
	else if (r == ERR_CANCELLED && err.sys > 0)
		status = 128 + err.sys; /* as a shell says it of a program that the signal killed */
	else if (r < 0)
		status = EXIT_OURS;
	if (r < 0)
		out_error(&app.out, &err);
	err_clear(&err);
	if (out_done(&app.out, &err) < 0 && status == 0) {
		out_error(&app.out, &err);
		status = EXIT_OURS;
	}
	opt_done(global_options, &app);
	conf_done(&app.conf);
	storage_conf_done(&app.storage);
	free(app.default_root);
	secret_free_p(&app.creds);
	return status;
}
