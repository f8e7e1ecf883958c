/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/commands.h"

#include <string.h>
#include <unistd.h>

#include "base/called.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/strv.h"
#include "cmd/additional.h"
#include "cmd/cmd.h"
#include "cmd/global.h"
#include "run/userns.h"
#include "store/images.h"
#include "store/store.h"

extern const struct cmd cmd_add, cmd_cache, cmd_cache_export, cmd_cache_import, cmd_cache_limit,
	cmd_cache_ls, cmd_cache_rm, cmd_commit, cmd_completion, cmd_config, cmd_containers,
	cmd_copy, cmd_delete, cmd_diff, cmd_du, cmd_exists, cmd_export, cmd_from, cmd_fsck,
	cmd_history, cmd_images, cmd_import, cmd_info, cmd_inspect, cmd_list_tags, cmd_load,
	cmd_login, cmd_logout, cmd_manifest, cmd_manifest_add, cmd_manifest_annotate,
	cmd_manifest_create, cmd_manifest_exists, cmd_manifest_inspect, cmd_manifest_push,
	cmd_manifest_remove, cmd_manifest_rm, cmd_mount, cmd_passwd, cmd_prune, cmd_pull, cmd_push,
	cmd_referrers, cmd_registry, cmd_registry_check, cmd_rename, cmd_rm, cmd_rmi, cmd_run,
	cmd_save, cmd_tag, cmd_tree, cmd_umount, cmd_unshare, cmd_untag, cmd_version;

const struct cmd *const commands[] = {
	&cmd_add,
	&cmd_build,
	&cmd_cache,
	&cmd_cache_export,
	&cmd_cache_import,
	&cmd_cache_limit,
	&cmd_cache_ls,
	&cmd_cache_rm,
	&cmd_commit,
	&cmd_completion,
	&cmd_config,
	&cmd_containers,
	&cmd_copy,
	&cmd_delete,
	&cmd_diff,
	&cmd_du,
	&cmd_exists,
	&cmd_export,
	&cmd_from,
	&cmd_fsck,
	&cmd_history,
	&cmd_images,
	&cmd_import,
	&cmd_info,
	&cmd_inspect,
	&cmd_list_tags,
	&cmd_load,
	&cmd_login,
	&cmd_logout,
	&cmd_manifest,
	&cmd_manifest_add,
	&cmd_manifest_annotate,
	&cmd_manifest_create,
	&cmd_manifest_exists,
	&cmd_manifest_inspect,
	&cmd_manifest_push,
	&cmd_manifest_remove,
	&cmd_manifest_rm,
	&cmd_mount,
	&cmd_passwd,
	&cmd_prune,
	&cmd_pull,
	&cmd_push,
	&cmd_referrers,
	&cmd_registry,
	&cmd_registry_check,
	&cmd_rename,
	&cmd_rm,
	&cmd_rmi,
	&cmd_run,
	&cmd_save,
	&cmd_tag,
	&cmd_tree,
	&cmd_umount,
	&cmd_unshare,
	&cmd_untag,
	&cmd_version,
	NULL,
};

const struct opt global_options[] = {
	OPT_STRING(0, "root", struct app, root),
	OPT_STRING(0, "registries-conf", struct app, registries_conf),
	OPT_STRING(0, "registries-conf-dir", struct app, registries_conf_dir),
	OPT_STRING(0, "short-name-alias-conf", struct app, short_name_aliases),
	OPT_STRING(0, "default-mounts-file", struct app, mounts_file),
	OPT_STRING(0, "log-level", struct app, log_level),
	OPT_STRING(0, "storage-driver", struct app, storage_driver),
	OPT_STRV(0, "storage-opt", struct app, storage_opts),
	OPT_BOOL(0, "debug", struct app, debug),
	OPT_BOOL(0, "offline", struct app, offline),
	OPT_BOOL('v', "version", struct app, version),
	OPT_BOOL('h', "help", struct app, help),
	OPT_IGNORED(0, "cgroup-manager"),
	OPT_IGNORED(0, "runroot"),
	OPT_IGNORED_BOOL(0, "transient-store"),
	OPT_REFUSED_WHY(0, "imagestore", "images and containers lie in one store: use '--root'"),
	OPT_STRV(0, "userns-gid-map", struct app, userns_gid_maps),
	OPT_STRV(0, "userns-uid-map", struct app, userns_uid_maps),
	OPT_END,
};

/* Is `name` one of the blank-separated words? */
static bool has_word(const char *words, const char *name)
{
	size_t n = strlen(name);

	for (const char *at = words; at && *at; at = strchr(at, ' ')) {
		at += *at == ' ';
		if (!strncmp(at, name, n) && (at[n] == ' ' || !at[n]))
			return true;
	}
	return false;
}

const struct cmd *command_find(const char *name)
{
	for (size_t i = 0; commands[i]; i++)
		if (streq(commands[i]->name, name) ||
			(*name && has_word(commands[i]->aliases, name)))
			return commands[i];
	return NULL;
}

bool command_is_of_family(const char *name)
{
	AUTO_FREE char *family = xstrndup(name, strcspn(name, "-"));
	const struct cmd *cmd = strchr(name, '-') ? command_find(family) : NULL;

	return cmd && streq(cmd->name, family);
}

char *command_title(const struct cmd *cmd)
{
	char *ret = xasprintf("%s %s", called_name(), cmd->name);

	if (command_is_of_family(cmd->name))
		*strchr(ret, '-') = ' ';
	return ret;
}

const char *command_suggest(const char *name)
{
	AUTO_STRV struct strv names = STRV_INIT;
	const char *near, *ret = NULL;

	for (size_t i = 0; commands[i]; i++)
		strv_add(&names, commands[i]->name);
	near = opt_nearest(name, (const char *const *)names.v, names.n);
	for (size_t i = 0; near && commands[i]; i++)
		if (streq(commands[i]->name, near))
			ret = commands[i]->name; /* the list outlives the copy */
	return ret;
}

/* What was killed leaves nothing that survives the next command, whatever that does. A process of
 * its own: a command that only reads has not entered the user namespace, and need not. */
static void clear_leftovers(struct store *s)
{
	if (!store_has_leftovers(s))
		return;
	pid_t pid = fork();
	if (pid == 0) {
		struct err why = ERR_INIT;
		if (userns_enter(&why) < 0)
			_exit(1);
		store_clear_leftovers(s);
		_exit(0);
	}
	if (pid > 0)
		(void)proc_wait(pid, NULL);
}

int app_store(struct app *app, int flags, struct store **ret, struct err *err)
{
	AUTO_STORE struct store *s = NULL;
	int r = store_open(app->root, flags, &s, err);
	if (r == 0 && !(flags & STORE_READ_ONLY))
		clear_leftovers(s);
	if (r == 0)
		r = app_additional_stores(app, s, err);
	if (r == 0) {
		image_short_names(s, global_short_names, app);
		*ret = take(s);
	}
	return r;
}
