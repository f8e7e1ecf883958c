/* SPDX-License-Identifier: Apache-2.0 */
#include "run/sysctls.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/strv.h"
#include "run/spec.h"

enum owner { OWNER_MACHINE, OWNER_NET, OWNER_IPC, OWNER_UTS };

/* sysctl(8): each dot may be a slash. As runc has it, which namespaces know. */
static enum owner owner_of(const char *path)
{
	static const char *const ipc[] = {"kernel/msgmax", "kernel/msgmnb", "kernel/msgmni",
		"kernel/sem", "kernel/shmall", "kernel/shmmax", "kernel/shmmni",
		"kernel/shm_rmid_forced"};

	if (strstr(path, ".."))
		return OWNER_MACHINE;
	if (str_has_prefix(path, "net/"))
		return OWNER_NET;
	if (str_has_prefix(path, "fs/mqueue/"))
		return OWNER_IPC;
	for (size_t i = 0; i < ARRAY_LEN(ipc); i++)
		if (streq(path, ipc[i]))
			return OWNER_IPC;
	return streq(path, "kernel/domainname") ? OWNER_UTS : OWNER_MACHINE;
}

/* Below /proc/sys; new string. NULL: it is no KEY=VALUE. */
static char *path_of(const char *word, const char **ret_value)
{
	const char *eq = strchr(word, '=');

	if (!eq || eq == word)
		return NULL;
	char *path = xstrndup(word, (size_t)(eq - word));
	for (char *c = path; *c; c++)
		if (*c == '.')
			*c = '/';
	*ret_value = eq + 1;
	return path;
}

int sysctls_check(const struct strv *words, struct err *err)
{
	STRV_FOREACH (word, words) {
		const char *value;
		AUTO_FREE char *path = path_of(*word, &value);
		if (!path)
			return err_set(err, ERR_INVALID, "'%s' is not KEY=VALUE", *word);
		if (owner_of(path) == OWNER_MACHINE)
			return err_set(err, ERR_INVALID,
				"'%s' is a setting of the whole machine, which no namespace has",
				*word);
	}
	return 0;
}

int sysctls_apply(const struct run_spec *spec, bool own_net, struct err *err)
{
	const bool own[] = {[OWNER_NET] = own_net,
		[OWNER_IPC] = !spec->host_ipc && spec->ipc_fd < 0,
		[OWNER_UTS] = !spec->host_uts && spec->uts_fd < 0};

	STRV_FOREACH (word, &spec->sysctls) {
		const char *value;
		AUTO_FREE char *path = path_of(*word, &value);
		if (!path || !own[owner_of(path)])
			continue;
		AUTO_FREE char *file = xasprintf("/proc/sys/%s", path);
		AUTO_FD int fd = open(file, O_WRONLY | O_CLOEXEC);
		if (fd < 0 || write(fd, value, strlen(value)) < 0)
			return err_sys(err, "cannot set the kernel's '%s'", *word);
	}
	return 0;
}
