/* SPDX-License-Identifier: Apache-2.0 */
#include "run/lsm.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

int lsm_check_apparmor(const char *profile, struct err *err)
{
	char answer = 'N';
	AUTO_FD int fd = open("/sys/module/apparmor/parameters/enabled", O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, &answer, 1) != 1 || answer != 'Y')
		return err_set(err, ERR_UNSUPPORTED,
			"AppArmor is not active on this machine, so profile '%s' would hold "
			"nothing: "
			"leave it out, or say 'apparmor=unconfined'",
			profile);
	return 0;
}

bool lsm_is_unconfined(void)
{
	char label[32] = "";
	AUTO_FD int fd = open("/proc/self/attr/apparmor/current", O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		fd = open("/proc/self/attr/current", O_RDONLY | O_CLOEXEC);
	return fd >= 0 && read(fd, label, sizeof(label) - 1) > 0 &&
	       strncmp(label, "unconfined", strcspn(label, "\n")) == 0;
}

int lsm_set_apparmor(int proc, const char *profile, struct err *err)
{
	AUTO_FREE char *text = xasprintf("exec %s", profile);
	/* of AppArmor alone since Linux 5.8; the other one is the first module's */
	AUTO_FD int fd = openat(proc, "self/attr/apparmor/exec", O_WRONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		fd = openat(proc, "self/attr/exec", O_WRONLY | O_CLOEXEC);
	if (fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text))
		return 0;
	if (errno == ENOENT)
		return err_set(err, ERR_INVALID,
			"AppArmor profile '%s' is not loaded (apparmor_parser(8) loads it)",
			profile);
	return err_sys(err, "cannot set AppArmor profile '%s'", profile);
}
