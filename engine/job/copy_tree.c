/* copy_tree.c - files copied off a volume: its folders, one by one */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/job/copy.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

void copy_problem(struct copy_run *r, const char *fmt, ...)
{
	char text[300];
	va_list ap;
	if (r->counting)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	r->problems++;
	fprintf(r->notes, "%s: %s\n", r->path, text);
	job_say(r->job, SV_EVENT_WARNING, "%s: %s", r->path, text);
}

int copy_target_failed(struct copy_run *r, int e, struct sv_err *err)
{
	switch (e) {
	case ENOSPC:
	case EDQUOT:
		return sv_fail(err, SV_E_STORE_FULL, 0, r->p->to, "%s is full", r->p->to);
	case EINVAL:
	case EILSEQ:
	case ENAMETOOLONG:
	case EPERM:
	case EEXIST: /* names that differ in case only */
		copy_problem(r, "the target does not take this name (%s)", strerror(e));
		return 0;
	case EFBIG:
		copy_problem(r, "too large for a file on the target");
		return 0;
	default:
		return sv_fail(err, SV_E_STORE, e, r->p->to, "cannot write %s to %s", r->path,
			       r->p->to);
	}
}

static int walk(struct copy_run *r, int from, int to, const char *name, unsigned int depth,
		struct sv_err *err);

static void keep_times(int fd, const struct stat *st)
{
	const struct timespec times[2] = {st->st_atim, st->st_mtim};
	futimens(fd, times);
}

/* Everything in an open folder. A name that cannot be appended is reported under the folder's. */
static int walk_entries(struct copy_run *r, DIR *dir, int to, unsigned int depth,
			struct sv_err *err)
{
	size_t len = strlen(r->path);
	const struct dirent *d;
	int rc = 0;
	while (!rc && (errno = 0, d = readdir(dir))) {
		size_t n = strlen(d->d_name);
		if (!strcmp(d->d_name, ".") || !strcmp(d->d_name, ".."))
			continue;
		if (len + 1 + n >= sizeof(r->path)) {
			copy_problem(r, "names too long below it");
			continue;
		}
		r->path[len] = '/';
		memcpy(r->path + len + 1, d->d_name, n + 1);
		rc = walk(r, dirfd(dir), to, d->d_name, depth + 1, err);
		r->path[len] = '\0';
	}
	if (!rc && errno)
		copy_problem(r, "the folder cannot be read to its end (%s)", strerror(errno));
	return rc;
}

/* The folder NAME of the target, made when it is not there (of a name given before). -1 with *rc.
 */
static int target_folder(struct copy_run *r, int to, const char *name, int *rc, struct sv_err *err)
{
	if (mkdirat(to, name, 0777) && errno != EEXIST) {
		*rc = copy_target_failed(r, errno, err);
		return -1;
	}
	int fd = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		*rc = copy_target_failed(r, errno, err);
	return fd;
}

static int walk_folder(struct copy_run *r, int fd, const struct stat *st, int to, const char *name,
		       unsigned int depth, struct sv_err *err)
{
	int rc = 0, into = -1;
	if (depth > COPY_DEPTH || st->st_dev != r->dev) {
		copy_problem(r, depth > COPY_DEPTH ? "more folders in folders than are followed"
						   : "another filesystem: left out");
		close(fd);
		return 0;
	}
	if (!r->counting)
		into = target_folder(r, to, name, &rc, err);
	bool wanted = r->counting || into >= 0;
	DIR *dir = wanted ? fdopendir(fd) : NULL;
	if (wanted && !dir)
		copy_problem(r, "the folder cannot be read (%s)", strerror(errno));
	if (dir)
		rc = walk_entries(r, dir, into, depth, err);
	if (dir)
		closedir(dir);
	else
		close(fd);
	if (into >= 0) {
		/* where the target has no owners, the content is what counts */
		if (fchown(into, st->st_uid, st->st_gid) == 0)
			fchmod(into, st->st_mode & 0777);
		keep_times(into, st);
		close(into);
	}
	return rc;
}

static int walk_link(struct copy_run *r, int from, int to, const char *name, struct sv_err *err)
{
	char text[PATH_MAX];
	if (r->counting)
		return 0;
	ssize_t n = readlinkat(from, name, text, sizeof(text) - 1);
	if (n < 0) {
		copy_problem(r, "the link cannot be read (%s)", strerror(errno));
		return 0;
	}
	text[n] = '\0';
	if (!symlinkat(text, to, name))
		return 0;
	if (errno == EPERM || errno == EOPNOTSUPP || errno == ENOSYS) {
		copy_problem(r, "a link to %.200s, which the target cannot hold", text);
		return 0;
	}
	return copy_target_failed(r, errno, err);
}

static int walk_file(struct copy_run *r, int fd, const struct stat *st, int to, const char *name,
		     struct sv_err *err)
{
	int rc = 0;
	if (r->counting)
		r->total += (uint64_t)st->st_size;
	else
		rc = copy_file(r, fd, st, to, name, err);
	close(fd);
	return rc;
}

/* Opened first and looked at then: what the name stands for must not change in between. */
static int walk(struct copy_run *r, int from, int to, const char *name, unsigned int depth,
		struct sv_err *err)
{
	struct stat st;
	if (atomic_load(&r->job->stop))
		return sv_fail_stopped(err, r->p->to);
	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW)) {
		copy_problem(r, "it cannot be looked at (%s)", strerror(errno));
		return 0;
	}
	if (S_ISLNK(st.st_mode))
		return walk_link(r, from, to, name, err);
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode)) {
		copy_problem(r, "no file: a device, pipe or socket");
		return 0;
	}
	int fd = openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st)) {
		copy_problem(r, "it cannot be opened (%s)", strerror(errno));
		if (fd >= 0)
			close(fd);
		return 0;
	}
	if (S_ISDIR(st.st_mode))
		return walk_folder(r, fd, &st, to, name, depth, err);
	if (S_ISREG(st.st_mode))
		return walk_file(r, fd, &st, to, name, err);
	close(fd);
	return 0;
}

/* Folders that lead to a name: PATH up to its last slash, made below `to`; the last one's
 * descriptor. */
static int make_parents(struct copy_run *r, const char *path, int *into, struct sv_err *err)
{
	char name[NAME_MAX + 1];
	int rc = 0, at = r->counting ? -1 : fcntl(r->to, F_DUPFD_CLOEXEC, 0);
	const char *slash;
	*into = at;
	if (!r->counting && at < 0)
		return copy_target_failed(r, errno, err);
	while (at >= 0 && (slash = strchr(path, '/'))) {
		snprintf(name, sizeof(name), "%.*s", (int)(slash - path), path);
		int next = target_folder(r, at, name, &rc, err);
		close(at);
		*into = at = next;
		path = slash + 1;
	}
	return rc;
}

/* "a/b" below the folder; nothing that leads out of it, and no link on the way. */
static int open_parents(struct copy_run *r, const char *path)
{
	char name[NAME_MAX + 1];
	int at = fcntl(r->from, F_DUPFD_CLOEXEC, 0);
	const char *slash;
	while (at >= 0 && (slash = strchr(path, '/'))) {
		snprintf(name, sizeof(name), "%.*s", (int)(slash - path), path);
		int next = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		close(at);
		at = next;
		path = slash + 1;
	}
	return at;
}

static int copy_name(struct copy_run *r, const char *path, struct sv_err *err)
{
	const char *slash = strrchr(path, '/');
	int into = -1;
	snprintf(r->path, sizeof(r->path), "%s", path);
	int from = open_parents(r, path);
	if (from < 0) {
		copy_problem(r, "it cannot be opened (%s)", strerror(errno));
		return 0;
	}
	int rc = make_parents(r, path, &into, err);
	if (!rc && (r->counting || into >= 0))
		rc = walk(r, from, into, slash ? slash + 1 : path, 0, err);
	close(from);
	if (into >= 0)
		close(into);
	return rc;
}

int copy_names(struct copy_run *r, struct sv_err *err)
{
	int rc = 0;
	for (size_t i = 0; !rc && i < r->p->n_names; i++)
		rc = copy_name(r, r->p->names[i], err);
	return rc;
}
