/* copy.c - files copied off a volume: a folder that is whole or called .part, with sums and a
 * report */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/job/copy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct copy_state {
	struct sv_copy_params params; /* with copies of all strings */
};

static void copy_destroy(void *state)
{
	struct copy_state *s = state;
	char **names = (char **)s->params.names;
	for (size_t i = 0; names && i < s->params.n_names; i++)
		free(names[i]);
	free(names);
	free((char *)s->params.from);
	free((char *)s->params.to);
	free((char *)s->params.folder);
	free(s);
}

static int open_folder(const char *path, enum sv_error code, int *fd, struct stat *st,
		       struct sv_err *err)
{
	*fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*fd < 0 || fstat(*fd, st))
		return sv_fail(err, errno == ENOENT ? SV_E_NOT_FOUND : code, errno, path,
			       "cannot open the folder %s", path);
	return 0;
}

static FILE *make_file(int dir, const char *name)
{
	int fd = openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w+");
	if (fd >= 0 && !f)
		close(fd);
	return f;
}

/* Written, synced, and still there to be read. */
static int settle(FILE *f)
{
	return fflush(f) || ferror(f) || fsync(fileno(f)) ? errno ? errno : EIO : 0;
}

static int store_failed(const struct copy_run *r, int e, struct sv_err *err)
{
	if (e == ENOSPC || e == EDQUOT)
		return sv_fail(err, SV_E_STORE_FULL, 0, r->p->to, "%s is full", r->p->to);
	return sv_fail(err, SV_E_STORE, e, r->p->to, "cannot write to %s", r->p->to);
}

/* FOLDER.part/{files,SHA256SUMS,report.txt} in the target. */
static int make_folder(struct copy_run *r, int to, const char *part, int *dir, struct sv_err *err)
{
	if (!faccessat(to, r->p->folder, F_OK, AT_SYMLINK_NOFOLLOW) ||
	    !faccessat(to, part, F_OK, AT_SYMLINK_NOFOLLOW))
		return sv_fail(err, SV_E_REFUSED, 0, r->p->folder, "%s is there already, in %s",
			       r->p->folder, r->p->to);
	if (mkdirat(to, part, 0777))
		return store_failed(r, errno, err);
	*dir = openat(to, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (*dir < 0 || mkdirat(*dir, "files", 0777))
		return store_failed(r, errno, err);
	r->to = openat(*dir, "files", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	r->sums = make_file(*dir, "SHA256SUMS");
	r->notes = make_file(*dir, "report.txt");
	return r->to < 0 || !r->sums || !r->notes ? store_failed(r, errno, err) : 0;
}

static void begin_report(const struct copy_run *r)
{
	fprintf(r->notes, "salvor %s: files copied from %s\n\n", sv_version(), r->p->from);
}

static void end_report(const struct copy_run *r)
{
	fprintf(r->notes, "%s%llu files, %llu bytes. %llu problems.\n", r->problems ? "\n" : "",
		(unsigned long long)r->files, (unsigned long long)r->bytes,
		(unsigned long long)r->problems);
}

static int copy_all(struct copy_run *r, int dir, struct sv_err *err)
{
	r->counting = true;
	int rc = copy_names(r, err);
	r->counting = false;
	if (rc)
		return rc;
	job_phase(r->job, SV_PHASE_COPY, r->total);
	begin_report(r);
	rc = copy_names(r, err);
	if (rc)
		return rc;
	job_phase(r->job, SV_PHASE_FLUSH, 0);
	int e = settle(r->sums);
	if (!e && syncfs(dir))
		e = errno;
	return e ? store_failed(r, e, err) : copy_verify(r, dir, err);
}

static int finish(struct copy_run *r, int to, const char *part, struct sv_err *err)
{
	job_phase(r->job, SV_PHASE_FINISH, 0);
	end_report(r);
	int e = settle(r->notes);
	if (!e && renameat(to, part, to, r->p->folder))
		e = errno;
	if (!e && fsync(to))
		e = errno;
	if (e)
		return store_failed(r, e, err);
	if (r->problems)
		return sv_fail(
			err, SV_E_UNREADABLE, 0, r->p->folder,
			"%llu files were copied, but there were %llu problems: %s/report.txt has "
			"them",
			(unsigned long long)r->files, (unsigned long long)r->problems,
			r->p->folder);
	return 0;
}

static int run_between(struct copy_run *r, int to, struct sv_err *err)
{
	char part[NAME_MAX + 8];
	int dir = -1;
	snprintf(part, sizeof(part), "%s.part", r->p->folder);
	r->buffer = malloc(COPY_BUFFER);
	r->sha = sv_sha256_create();
	int rc = r->buffer && r->sha ? 0 : SV_E_NOMEM;
	if (!rc)
		rc = make_folder(r, to, part, &dir, err);
	if (!rc)
		rc = copy_all(r, dir, err);
	if (!rc)
		rc = finish(r, to, part, err);
	if (r->sums)
		fclose(r->sums);
	if (r->notes)
		fclose(r->notes);
	if (r->to >= 0)
		close(r->to);
	if (dir >= 0)
		close(dir);
	sv_sha256_destroy(r->sha);
	free(r->buffer);
	return rc;
}

static int copy_run(struct sv_job *job, void *state, struct sv_err *err)
{
	const struct sv_copy_params *p = &((struct copy_state *)state)->params;
	struct copy_run r = {.job = job, .p = p, .from = -1, .to = -1};
	struct stat from, to;
	int fd = -1;
	int rc = open_folder(p->from, SV_E_SOURCE, &r.from, &from, err);
	if (!rc)
		rc = open_folder(p->to, SV_E_STORE, &fd, &to, err);
	if (!rc && from.st_dev == to.st_dev)
		rc = sv_fail(err, SV_E_REFUSED, 0, p->to,
			     "%s lies on the volume that the files come from", p->to);
	if (!rc) {
		r.dev = from.st_dev;
		job_event(job, &(struct sv_event){.kind = SV_EVENT_START,
						  .sentence = "files are copied",
						  .object = p->from});
		rc = run_between(&r, fd, err);
	}
	if (r.from >= 0)
		close(r.from);
	if (fd >= 0)
		close(fd);
	return rc;
}

static const struct job_ops copy_ops = {.run = copy_run, .destroy = copy_destroy};

/* Below the folder and nowhere else. */
static bool name_ok(const char *name)
{
	size_t len = strlen(name);
	if (!len || len >= PATH_MAX || name[0] == '/' || name[len - 1] == '/')
		return false;
	while (name) {
		size_t n = strcspn(name, "/");
		if (!n || n > NAME_MAX || (n == 1 && name[0] == '.') ||
		    (n == 2 && name[0] == '.' && name[1] == '.'))
			return false;
		name = name[n] ? name + n + 1 : NULL;
	}
	return true;
}

static int check_params(const struct sv_copy_params *p, struct sv_err *err)
{
	if (!p->from || !p->to || !p->folder || !p->n_names)
		return sv_fail(err, SV_E_USAGE, 0, "copy",
			       "files, and a folder for them are needed");
	if (!name_ok(p->folder) || strchr(p->folder, '/') || strlen(p->folder) > NAME_MAX - 5)
		return sv_fail(err, SV_E_USAGE, 0, p->folder, "%s is no name of a folder",
			       p->folder);
	for (size_t i = 0; i < p->n_names; i++)
		if (!name_ok(p->names[i]))
			return sv_fail(err, SV_E_USAGE, 0, p->names[i],
				       "%s is no name below a folder", p->names[i]);
	return 0;
}

/* A copy of the parameters; NULL = out of memory. */
static struct copy_state *keep(const struct sv_copy_params *params)
{
	struct copy_state *s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	struct sv_copy_params *p = &s->params;
	p->names = calloc(params->n_names, sizeof(*p->names));
	bool ok = p->names && job_copy_string((char **)&p->from, params->from) &&
		  job_copy_string((char **)&p->to, params->to) &&
		  job_copy_string((char **)&p->folder, params->folder);
	for (; ok && p->n_names < params->n_names; p->n_names++)
		ok = job_copy_string((char **)&p->names[p->n_names], params->names[p->n_names]);
	if (ok)
		return s;
	copy_destroy(s);
	return NULL;
}

int sv_job_create_copy(const struct sv_copy_params *params, sv_event_fn fn, void *arg,
		       struct sv_job **job_ret, struct sv_err *err)
{
	int rc = check_params(params, err);
	if (rc)
		return rc;
	struct copy_state *s = keep(params);
	return s ? job_create(&copy_ops, s, fn, arg, job_ret, err) : sv_fail_nomem(err);
}
