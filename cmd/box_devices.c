/* SPDX-License-Identifier: Apache-2.0 */
/* --device: nodes, directories of them, and names of CDI. */
#include "cmd/box_words.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"
#include "cmd/cdi.h"
#include "cmd/opt_groups.h"
#include "run/spec.h"

/* What is opened here is what steps get, whatever its name means by then. */
int box_add_device(const char *host, const char *target, const char *rights, struct run_spec *spec,
	struct err *err)
{
	struct stat st;
	AUTO_FD int fd = open(host, O_PATH | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, "option '--device': cannot open '%s'", host);
	if (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode))
		return err_set(err, ERR_INVALID, "option '--device': '%s' is not a device", host);
	/* the step has no more power over it than we have */
	bool reads = strchr(rights, 'r'), writes = strchr(rights, 'w');
	if (faccessat(AT_FDCWD, host, (reads ? R_OK : 0) | (writes ? W_OK : 0), AT_EACCESS) < 0)
		return err_set(err, ERR_DENIED, "option '--device': this user may not %s '%s'",
			!writes  ? "read"
			: !reads ? "write"
				 : "read and write",
			host);
	struct run_limits *l = &spec->limits;
	l->devices = xreallocarray(l->devices, l->n_devices + 1, sizeof(*l->devices));
	struct run_device *d = &l->devices[l->n_devices++];
	*d = (struct run_device){.block = S_ISBLK(st.st_mode),
		.major_nr = major(st.st_rdev),
		.minor_nr = minor(st.st_rdev)};
	(void)snprintf(d->rights, sizeof(d->rights), "%s%s%s", reads ? "r" : "", writes ? "w" : "",
		strchr(rights, 'm') ? "m" : "");
	spec->mounts = xreallocarray(spec->mounts, spec->n_mounts + 1, sizeof(*spec->mounts));
	spec->mounts[spec->n_mounts++] = (struct run_mount){.kind = RUN_MOUNT_BIND,
		.source = take_fd(&fd),
		.target = path_clean(target),
		.device = true};
	return 0;
}

/* The devices of a directory, not of those below it. */
static int add_device_dir(const char *host, const char *target, const char *rights,
	struct run_spec *spec, struct err *err)
{
	AUTO_STRV struct strv names = STRV_INIT;
	const struct dirent *d;
	DIR *dir = opendir(host);
	if (!dir)
		return err_sys(err, "option '--device': cannot list '%s'", host);
	while ((d = readdir(dir)))
		if (d->d_type == DT_CHR || d->d_type == DT_BLK)
			strv_add(&names, d->d_name);
	closedir(dir);
	strv_sort(&names);
	STRV_FOREACH (name, &names) {
		AUTO_FREE char *from = path_join(host, *name), *to = path_join(target, *name);
		if (box_add_device(from, to, rights, spec, err) < 0)
			return err->code;
	}
	return 0;
}

/* HOST[:TARGET][:PERMISSIONS] */
static int apply_device(const char *text, struct run_spec *spec, struct err *err)
{
	AUTO_STRV struct strv parts = STRV_INIT;
	strv_split(&parts, text, ':');
	const char *host = parts.v[0], *target = host, *rights = "rwm";
	if (parts.n > 1 && *parts.v[1] == '/')
		target = parts.v[1];
	else if (parts.n == 2)
		rights = parts.v[1];
	if (parts.n == 3)
		rights = parts.v[2];
	if (*host != '/' || *target != '/' || parts.n > 3 || (parts.n == 3 && target == host) ||
		!*rights || strspn(rights, "rwm") != strlen(rights))
		return err_set(err, ERR_INVALID,
			"option '--device': '%s' is not /DEVICE[:/TARGET][:rwm]", text);
	struct stat st;
	bool is_dir = stat(host, &st) == 0 && S_ISDIR(st.st_mode);
	return is_dir ? add_device_dir(host, target, rights, spec, err)
	              : box_add_device(host, target, rights, spec, err);
}

/* /etc/cdi and /var/run/cdi are what containers.conf(5) has without being told. */
static void cdi_dirs(const struct box_args *a, struct strv *ret)
{
	if (a->cdi_usual && a->cdi_usual->n) {
		strv_copy(ret, a->cdi_usual);
	} else {
		strv_add(ret, "/etc/cdi");
		strv_add(ret, "/var/run/cdi");
	}
	STRV_FOREACH (dir, &a->cdi_dirs)
		strv_add(ret, *dir);
}

int box_apply_devices(const struct box_args *a, struct run_spec *spec, struct err *err)
{
	AUTO_STRV struct strv dirs = STRV_INIT;
	int r = 0;

	cdi_dirs(a, &dirs);
	for (size_t i = 0; i < a->devices.n && r == 0; i++)
		r = cdi_is_name(a->devices.v[i]) ? cdi_apply(a->devices.v[i], &dirs, spec, err)
		                                 : apply_device(a->devices.v[i], spec, err);
	return r;
}
