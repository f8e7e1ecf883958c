/* SPDX-License-Identifier: Apache-2.0 */
#include "run/selinux.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define SELINUX "/sys/fs/selinux/"
#define ANSWER_MAX 256
#define CONTEXT_MAX 4096 /* the kernel takes less than a page */
#define CATEGORIES 1024 /* of all policies that have any */

/* The names that container-selinux has, and with it the policy of each distribution. */
#define DEFAULT_USER "system_u"
#define DEFAULT_ROLE "system_r"
#define DEFAULT_TYPE "container_t"
#define DEFAULT_FILE_TYPE "container_file_t"

bool selinux_is_active(void)
{
	return access(SELINUX "enforce", F_OK) == 0;
}

/* Writes a question, if there is one, and reads the answer. */
static int ask(const char *file, const char *question, char *answer, size_t size)
{
	AUTO_FD int fd = open(file, (question ? O_RDWR : O_RDONLY) | O_CLOEXEC);
	ssize_t n = question ? (ssize_t)strlen(question) + 1 : 0;
	if (fd < 0 || (question && write(fd, question, (size_t)n) != n))
		return -1;
	n = read(fd, answer, size - 1);
	if (n < 0)
		return -1;
	answer[n] = '\0';
	answer[strcspn(answer, "\n")] = '\0';
	return 0;
}

static bool is_known(const char *context)
{
	char answer[CONTEXT_MAX];
	return ask(SELINUX "context", context, answer, sizeof(answer)) == 0;
}

static unsigned long ask_number(const char *file)
{
	char answer[ANSWER_MAX];
	return ask(file, NULL, answer, sizeof(answer)) < 0 ? 0 : strtoul(answer, NULL, 10);
}

/* May a process of ours become one of this label? A policy that only warns lets everything. */
static bool may_become(const char *context)
{
	char own[CONTEXT_MAX], question[2 * CONTEXT_MAX + 32], answer[ANSWER_MAX];
	unsigned long index = ask_number(SELINUX "class/process/index");
	unsigned long bit = ask_number(SELINUX "class/process/perms/transition");
	if (!ask_number(SELINUX "enforce"))
		return true;
	if (!index || !bit || bit > 32 ||
		ask("/proc/self/attr/current", NULL, own, sizeof(own)) < 0)
		return false;
	snprintf(question, sizeof(question), "%s %s %lu", own, context, index);
	return ask(SELINUX "access", question, answer, sizeof(answer)) == 0 &&
	       (strtoul(answer, NULL, 16) >> (bit - 1) & 1);
}

/* Two different categories that nobody else is likely to have: "s0:c1,c2". */
static int choose_level(char ret[32], struct err *err)
{
	uint32_t r[2];
	if (getrandom(r, sizeof(r), 0) != (ssize_t)sizeof(r))
		return err_sys(err, "cannot choose a level for SELinux");
	unsigned a = r[0] % CATEGORIES, b = r[1] % (CATEGORIES - 1);
	b += b >= a;
	snprintf(ret, 32, "s0:c%u,c%u", a < b ? a : b, a < b ? b : a);
	return 0;
}

static char *context(const char *user, const char *role, const char *type, const char *level)
{
	return xasprintf("%s:%s:%s%s%s", user, role, type, level ? ":" : "", level ? level : "");
}

static void labels_done(struct selinux_labels *l)
{
	free(l->process);
	free(l->files);
	free(l->shared);
	*l = (struct selinux_labels){0};
}

static int check(const struct selinux_labels *l, struct err *err)
{
	const char *const all[] = {l->process, l->files, l->shared};
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (!is_known(all[i]))
			return err_set(err, ERR_INVALID,
				"the policy of SELinux here has no label '%s' ('label=disable' "
				"for a step that has mica's own)",
				all[i]);
	if (!may_become(l->process))
		return err_set(err, ERR_DENIED,
			"the policy of SELinux does not let mica start a process as '%s' "
			"('label=disable' for a step that has mica's own label)",
			l->process);
	return 0;
}

int selinux_choose(const struct selinux_wish *wish, struct selinux_labels *ret, struct err *err)
{
	char own_level[32];
	const char *level = wish->level;
	bool wished = wish->user || wish->role || wish->type || wish->level || wish->filetype;
	struct selinux_labels l = {0};

	*ret = l;
	if (!selinux_is_active())
		return wished && !wish->disable
		               ? err_set(err, ERR_UNSUPPORTED,
					 "this machine has no SELinux, so the label would hold "
					 "nothing: leave it out, or say 'label=disable'")
		               : 0;
	if (wish->disable)
		return 0;
	bool levels = ask_number(SELINUX "mls") != 0;
	if (levels && !level) {
		if (choose_level(own_level, err) < 0)
			return err->code;
		level = own_level;
	}
	const char *user = wish->user ? wish->user : DEFAULT_USER;
	const char *type = wish->filetype ? wish->filetype : DEFAULT_FILE_TYPE;
	l.process = context(user, wish->role ? wish->role : DEFAULT_ROLE,
		wish->type ? wish->type : DEFAULT_TYPE, level);
	l.files = context(user, "object_r", type, level);
	l.shared = context(user, "object_r", type, levels ? "s0" : NULL);
	int r = check(&l, err);
	if (r < 0)
		labels_done(&l);
	if (r < 0 && !wished) {
		log_debug("no label for SELinux: %s", err->msg);
		err_clear(err);
		r = 0;
	}
	*ret = l;
	return r;
}

int selinux_set(int proc, const char *label, struct err *err)
{
	AUTO_FD int fd = openat(proc, "self/attr/exec", O_WRONLY | O_CLOEXEC);
	if (fd < 0 || fs_write_all(fd, label, strlen(label)) < 0)
		return err_sys(err, "cannot set the label '%s' of SELinux", label);
	return 0;
}
