/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/snapshot.h"

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "layers/label.h"
#include "layers/snapshot_internal.h"
#include "layers/whiteout.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const driver_names[] = {
	[SNAPSHOT_AUTO] = "auto",
	[SNAPSHOT_OVERLAY] = "overlay",
	[SNAPSHOT_FUSE] = "fuse-overlayfs",
	[SNAPSHOT_COPY] = "copy",
};

static enum snapshot_driver wanted = SNAPSHOT_AUTO;
static enum snapshot_driver known = SNAPSHOT_AUTO; /* what worked */
static bool only_copied; /* a store on overlayfs, whatever works elsewhere */
static char reason[1400]; /* why no better one did */

bool snapshot_driver_parse(const char *name, enum snapshot_driver *ret)
{
	if (streq(name, "vfs")) { /* as the containers' tools call it */
		*ret = SNAPSHOT_COPY;
		return true;
	}
	if (streq(name, "overlay2")) /* as docker calls it, and those tools take it */
		name = driver_names[SNAPSHOT_OVERLAY];
	for (size_t i = 0; i < ARRAY_LEN(driver_names); i++) {
		if (streq(name, driver_names[i])) {
			*ret = (enum snapshot_driver)i;
			return true;
		}
	}
	return false;
}

void snapshot_use(enum snapshot_driver driver, const char *from)
{
	wanted = known = driver;
	(void)snprintf(reason, sizeof(reason), "%s", snapshot_is_said() ? from : "");
}

bool snapshot_is_said(void)
{
	return wanted != SNAPSHOT_AUTO;
}

bool snapshot_is_stacked(void)
{
	return only_copied;
}

const char *snapshot_driver(void)
{
	if (only_copied)
		return driver_names[SNAPSHOT_COPY];
	return driver_names[known == SNAPSHOT_AUTO ? SNAPSHOT_OVERLAY : known];
}

const char *snapshot_reason(void)
{
	return reason;
}

const char *snapshot_method(void)
{
	switch (only_copied ? SNAPSHOT_COPY : known) {
	case SNAPSHOT_FUSE:
		return "fuse-overlayfs";
	case SNAPSHOT_COPY:
		return "copy";
	case SNAPSHOT_AUTO:
	case SNAPSHOT_OVERLAY:
		break;
	}
	return snapshot_overlay_method();
}

int snapshot_clone(int dir, bool readonly, int *ret_fd, struct err *err)
{
	AUTO_FD int fd = open_tree(dir, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
	if (fd < 0 && errno == EPERM) {
		/* nothing can be mounted: the directory itself, which nobody writes to who should
		 * not */
		*ret_fd = openat(dir, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
		return *ret_fd < 0 ? err_sys(err, "cannot open a layer") : 0;
	}
	if (fd < 0)
		return err_sys(err, "cannot mount a layer");
	struct mount_attr attr = {
		.attr_set = MOUNT_ATTR_NODEV | (readonly ? MOUNT_ATTR_RDONLY : 0)};
	/* ENOSYS: before Linux 5.12 the attributes of a detached mount cannot be changed */
	if (mount_setattr(fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0 && errno != ENOSYS)
		return err_sys(err, "cannot mount a layer");
	*ret_fd = take_fd(&fd);
	return 0;
}

/*
 * A chain may hold the same layer twice (two steps that changed the same), but overlay refuses the
 * same directory twice. The upper one shows all that the lower one would: that is left out. *ret:
 * the descriptors that are left, to be freed.
 */
static int distinct(const int *lower, size_t n, int **ret, size_t *ret_n, struct err *err)
{
	AUTO_FREE struct stat *seen = xcalloc(n, sizeof(*seen));
	AUTO_FREE int *left = xcalloc(n, sizeof(*left));
	size_t kept = 0;
	for (size_t i = 0; i < n; i++) {
		struct stat *st = &seen[kept];
		if (fstat(lower[i], st) < 0)
			return err_sys(err, "cannot look at a layer");
		size_t k = 0;
		while (seen[k].st_ino != st->st_ino || seen[k].st_dev != st->st_dev)
			k++; /* ends at itself */
		if (k == kept)
			left[kept++] = lower[i];
	}
	*ret = take(left);
	*ret_n = kept;
	return 0;
}

static int mount_with(
	enum snapshot_driver driver, const struct snapshot *s, int *ret_fd, struct err *err)
{
	switch (driver) {
	case SNAPSHOT_FUSE:
		return snapshot_fuse_mixes_up(s) ? snapshot_copy_mount(s, ret_fd, err)
		                                 : snapshot_fuse_mount(s, ret_fd, err);
	case SNAPSHOT_COPY:
		return snapshot_copy_mount(s, ret_fd, err);
	case SNAPSHOT_AUTO:
	case SNAPSHOT_OVERLAY:
		break;
	}
	return snapshot_overlay_mount(s, ret_fd, err);
}

/* Is this how it fails where there is no overlay, or none on this file system? Not so where marks
 * cannot be set: then no way would do. */
static bool not_here(const struct err *err)
{
	return err->code == ERR_SYS &&
	       (err->sys == ENODEV || err->sys == EPERM || err->sys == EACCES ||
		       err->sys == EINVAL || err->sys == EOPNOTSUPP || err->sys == ENOENT);
}

/* Neither overlay nor fuse-overlayfs shows whiteouts that are files (whiteout.h), and neither has
 * its upper directory on overlayfs. */
static bool only_copies(const struct snapshot *s)
{
	return !s->foreign && whiteout_is_file_in(s->upper >= 0 ? s->upper : s->lower[0]);
}

static int mount_copy(const struct snapshot *s, int *ret_fd, struct err *err)
{
	if (wanted != SNAPSHOT_AUTO && wanted != SNAPSHOT_COPY)
		return err_set(err, ERR_UNSUPPORTED,
			"the store is on overlayfs, where layers can only be copied: leave out "
			"'--storage-driver %s', or use a store elsewhere (--root)",
			driver_names[wanted]);
	only_copied = true;
	(void)snprintf(reason, sizeof(reason), "the store is on overlayfs");
	return snapshot_copy_mount(s, ret_fd, err);
}

/* The best that works. What fails says why only if nothing does. */
static int mount_any(const struct snapshot *s, int *ret_fd, struct err *err)
{
	if (only_copies(s))
		return mount_copy(s, ret_fd, err);
	if (known != SNAPSHOT_AUTO)
		return mount_with(known, s, ret_fd, err);
	int r = snapshot_overlay_mount(s, ret_fd, err);
	if (r == 0 || !not_here(err)) {
		if (r == 0)
			known = SNAPSHOT_OVERLAY;
		return r;
	}
	for (enum snapshot_driver d = SNAPSHOT_FUSE; d <= SNAPSHOT_COPY; d++) {
		struct err why = ERR_INIT;
		if (d == SNAPSHOT_FUSE && snapshot_fuse_mixes_up(s)) {
			err_clear(err); /* which tells nothing about the next snapshot */
			return snapshot_copy_mount(s, ret_fd, err);
		}
		if (mount_with(d, s, ret_fd, &why) == 0) {
			log_debug("snapshots by %s, since: %s", driver_names[d], err->msg);
			known = d;
			(void)snprintf(reason, sizeof(reason), "%s", err->msg);
			err_clear(err);
			return 0;
		}
		log_debug("%s: %s", driver_names[d], why.msg);
	}
	return r;
}

/* One directory, or a copy. */
static int clone_with_ids(
	const struct snapshot *s, int dir, bool readonly, int *ret_fd, struct err *err)
{
	AUTO_FD int fd = -1;
	int r = snapshot_clone(dir, readonly, &fd, err);
	if (r == 0 && s->ids)
		r = snapshot_show_ids(fd, s->ids, err);
	if (r == 0)
		*ret_fd = take_fd(&fd);
	return r;
}

static int mount_with_ids(const struct snapshot *s, int *ret_fd, struct err *err)
{
	if (known == SNAPSHOT_AUTO || known == SNAPSHOT_OVERLAY)
		return snapshot_ids_mount(s, ret_fd, err);
	if (known == SNAPSHOT_FUSE)
		return err_set(err, ERR_UNSUPPORTED,
			"fuse-overlayfs cannot map owners: use '--storage-driver copy'");
	AUTO_FD int fd = -1;
	int r = snapshot_copy_mount(s, &fd, err);
	if (r == 0)
		r = snapshot_show_ids(fd, s->ids, err);
	if (r == 0)
		*ret_fd = take_fd(&fd);
	return r;
}

/* What no option of a mount has labelled: a copy. */
static int label_root(int fd, struct err *err)
{
	const char *label = label_files();
	return label ? label_tree_once(fd, label, "the root", err) : 0;
}

/*
 * The label that the mount shows is not the whole of it: what is mapped into memory is a file of
 * the layer itself, and mprotect(2), which each dynamic linker calls, asks for the label of that. A
 * layer that cannot be labelled (of a store that is only read) has one already, or is not executed.
 */
static int label_parts(const struct snapshot *s, struct err *err)
{
	for (size_t i = 0; i < s->n_lower; i++) {
		struct err refused = ERR_INIT;
		if (label_tree_once(s->lower[i], label_shared(), "a layer", &refused) < 0)
			log_debug("%s", refused.msg);
	}
	return s->upper < 0 ? 0 : label_tree_once(s->upper, label_files(), "the changes", err);
}

static int mount_labelled(const struct snapshot *s, int *ret_fd, struct err *err)
{
	AUTO_FD int fd = -1;
	int r = s->ids ? mount_with_ids(s, &fd, err) : mount_any(s, &fd, err);
	if (r == 0)
		r = label_root(fd, err);
	if (r == 0)
		*ret_fd = take_fd(&fd);
	return r;
}

/* Nothing is below, and overlay wants something: so that it can be sealed as all others. Where that
 * does not work, the directory itself. */
static int mount_over_nothing(const struct snapshot *s, int *ret_fd, struct err *err)
{
	static const char *const names[] = {"over", "nothing"};
	int fds[2] = {-1, -1};
	bool overlay = (known == SNAPSHOT_AUTO || known == SNAPSHOT_OVERLAY) && !only_copies(s);
	int r = -1;
	for (size_t i = 0; overlay && i < ARRAY_LEN(names); i++)
		overlay = mkdirat(s->work, names[i], 0755) == 0 &&
		          (fds[i] = openat(s->work, names[i],
				   O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) >= 0;
	struct snapshot d = *s;
	d.work = fds[0];
	d.lower = &fds[1];
	d.n_lower = 1;
	if (overlay)
		r = s->ids ? snapshot_ids_mount(&d, ret_fd, err)
		           : snapshot_overlay_mount(&d, ret_fd, err);
	mem_close_p(&fds[0]);
	mem_close_p(&fds[1]);
	if (r == 0)
		return 0;
	err_clear(err);
	return clone_with_ids(s, s->upper, false, ret_fd, err);
}

int snapshot_mount(const struct snapshot *s, int *ret_fd, struct err *err)
{
	AUTO_FREE int *lower = NULL;
	struct snapshot d = *s;
	size_t n = 0;
	if (s->mounted) {
		*ret_fd = fcntl(*s->mounted, F_DUPFD_CLOEXEC, 3);
		return *ret_fd < 0 ? err_sys(err, "cannot keep the mount") : 0;
	}
	/* overlay does not look at the opaque attribute of a layer's root: what lies below such a
	 * layer is left out here */
	while (n < s->n_lower && !whiteout_is_opaque(s->lower[n++]))
		;
	if (n == 0 && s->upper < 0)
		return err_set(err, ERR_INVALID, "no layer to mount");
	if (label_files() && !s->foreign && label_parts(s, err) < 0)
		return err->code;
	if (n == 0)
		return s->work < 0 || s->keep ? clone_with_ids(s, s->upper, false, ret_fd, err)
		                              : mount_over_nothing(s, ret_fd, err);
	if (distinct(s->lower, n, &lower, &d.n_lower, err) < 0)
		return err->code;
	d.lower = lower;
	if (d.n_lower == 1 && s->upper < 0)
		return clone_with_ids(s, lower[0], true, ret_fd, err);
	return mount_labelled(&d, ret_fd, err);
}
