/* copy_file.c - files copied off a volume: the content of one, and reading all back */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/job/copy.h"

#include "engine/util/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- copying ---- */

/* One file in hand. */
struct one {
	struct copy_run *r;
	int in, out;
	uint64_t size, at;
	uint64_t bad, bad_from; /* bytes that could not be read; where the first of them is */
};

/* A failing piece again in small steps: what cannot be read even so is zeros. */
static void read_around(struct one *f, size_t len)
{
	uint8_t *buffer = f->r->buffer;
	for (size_t done = 0; done < len;) {
		size_t want = SV_MIN(len - done, (size_t)COPY_SECTOR);
		ssize_t n = pread(f->in, buffer + done, want, (off_t)(f->at + done));
		if (n <= 0) {
			if (!f->bad)
				f->bad_from = f->at + done;
			f->bad += want;
			memset(buffer + done, 0, want);
			n = (ssize_t)want;
		}
		done += (size_t)n;
	}
}

/* `len` bytes into the buffer, whatever happens. */
static void read_piece(struct one *f, size_t len)
{
	size_t done = 0;
	while (done < len) {
		ssize_t n = pread(f->in, f->r->buffer + done, len - done, (off_t)(f->at + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	if (done < len)
		read_around(f, len);
}

/* Zeros are left out: the file gets its size at the end. */
static int write_piece(struct one *f, size_t len)
{
	const uint8_t *p = f->r->buffer;
	size_t done = sv_is_zero(p, len) ? len : 0;
	while (done < len) {
		ssize_t n = pwrite(f->out, p + done, len - done, (off_t)(f->at + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? errno : EIO;
		done += (size_t)n;
	}
	return 0;
}

/* 0, an errno of the target, or ECANCELED. */
static int copy_content(struct one *f)
{
	struct copy_run *r = f->r;
	for (f->at = 0; f->at < f->size;) {
		size_t len = (size_t)SV_MIN(f->size - f->at, (uint64_t)COPY_BUFFER);
		if (atomic_load(&r->job->stop))
			return ECANCELED;
		read_piece(f, len);
		int e = write_piece(f, len);
		if (e)
			return e;
		sv_sha256_update(r->sha, r->buffer, len);
		job_advance(r->job, len, len);
		f->at += len;
	}
	return ftruncate(f->out, (off_t)f->size) ? errno : 0;
}

/* As sha256sum writes and reads it: a name with a backslash or a line end in it is escaped, and the
 * line begins with a backslash. */
static void add_sum(FILE *sums, const uint8_t digest[SV_SHA256_LEN], const char *path)
{
	if (strpbrk(path, "\\\n\r"))
		fputc('\\', sums);
	for (int i = 0; i < SV_SHA256_LEN; i++)
		fprintf(sums, "%02x", digest[i]);
	fputs("  files/", sums);
	for (; *path; path++)
		if (*path == '\\' || *path == '\n' || *path == '\r')
			fprintf(sums, "\\%c", *path == '\\' ? '\\' : *path == '\n' ? 'n' : 'r');
		else
			fputc(*path, sums);
	fputc('\n', sums);
}

static void tell_bad(struct one *f)
{
	struct copy_run *r = f->r;
	copy_problem(
		r,
		"%llu of %llu bytes cannot be read, the first at %llu; they are zeros in the copy",
		(unsigned long long)f->bad, (unsigned long long)f->size,
		(unsigned long long)f->bad_from);
	job_bad(r->job, f->bad);
}

static void keep_attributes(int out, const struct stat *st)
{
	const struct timespec times[2] = {st->st_atim, st->st_mtim};
	/* where the target has none of this, the content is what counts */
	if (fchown(out, st->st_uid, st->st_gid) == 0)
		fchmod(out, st->st_mode & 0777);
	futimens(out, times);
}

int copy_file(struct copy_run *r, int in, const struct stat *st, int to, const char *name,
	      struct sv_err *err)
{
	uint8_t digest[SV_SHA256_LEN];
	struct one f = {.r = r, .in = in, .size = (uint64_t)st->st_size};
	f.out = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (f.out < 0)
		return copy_target_failed(r, errno, err);
	int e = copy_content(&f);
	sv_sha256_finish(r->sha, digest);
	if (!e)
		keep_attributes(f.out, st);
	if (close(f.out) && !e)
		e = errno;
	if (e) {
		unlinkat(to, name, 0);
		return e == ECANCELED ? sv_fail_stopped(err, r->p->to)
				      : copy_target_failed(r, e, err);
	}
	r->files++;
	r->bytes += f.size;
	add_sum(r->sums, digest, r->path);
	if (f.bad)
		tell_bad(&f);
	return 0;
}

/* ---- reading back ---- */

static int hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A line of add_sum(), in place: the digest, and the name behind it. NULL: no such line. */
static char *parse_sum(char *line, uint8_t digest[SV_SHA256_LEN])
{
	bool escaped = *line == '\\';
	line += escaped;
	for (size_t i = 0; i < SV_SHA256_LEN; i++, line += 2) {
		int high = hex(line[0]), low = high < 0 ? -1 : hex(line[1]);
		if (low < 0)
			return NULL;
		digest[i] = (uint8_t)(high << 4 | low);
	}
	if (line[0] != ' ' || line[1] != ' ')
		return NULL;
	char *name = line + 2, *out = name;
	for (const char *p = name; *p && *p != '\n'; p++)
		if (escaped && *p == '\\' && p[1])
			*out++ = *++p == 'n' ? '\n' : *p == 'r' ? '\r' : '\\';
		else
			*out++ = *p;
	*out = '\0';
	return name;
}

static int read_back(struct copy_run *r, int fd, struct sv_err *err)
{
	ssize_t n;
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	while ((n = read(fd, r->buffer, COPY_BUFFER)) > 0 || (n < 0 && errno == EINTR)) {
		if (atomic_load(&r->job->stop))
			return sv_fail_stopped(err, r->p->to);
		if (n < 0)
			continue;
		sv_sha256_update(r->sha, r->buffer, (size_t)n);
		job_advance(r->job, (uint64_t)n, 0);
	}
	return n < 0 ? sv_fail(err, SV_E_STORE, errno, r->path, "cannot read %s back", r->path) : 0;
}

static int check_one(struct copy_run *r, int dir, const uint8_t digest[SV_SHA256_LEN],
		     uint64_t *wrong, struct sv_err *err)
{
	uint8_t found[SV_SHA256_LEN];
	int fd = openat(dir, r->path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return sv_fail(err, SV_E_STORE, errno, r->path, "cannot read %s back", r->path);
	int rc = read_back(r, fd, err);
	sv_sha256_finish(r->sha, found);
	close(fd);
	if (rc || !memcmp(found, digest, sizeof(found)))
		return rc;
	++*wrong;
	fprintf(r->notes, "%s: the copy is not what was written\n", r->path);
	job_event(r->job, &(struct sv_event){.kind = SV_EVENT_DAMAGE,
					     .sentence = "a file is not what was written",
					     .object = r->path});
	return 0;
}

int copy_verify(struct copy_run *r, int dir, struct sv_err *err)
{
	uint8_t digest[SV_SHA256_LEN];
	char *line = NULL;
	size_t cap = 0;
	uint64_t wrong = 0;
	int rc = 0;
	rewind(r->sums);
	job_phase(r->job, SV_PHASE_VERIFY, r->bytes);
	while (!rc && getline(&line, &cap, r->sums) > 0) {
		const char *name = parse_sum(line, digest);
		snprintf(r->path, sizeof(r->path), "%s", name ? name : "SHA256SUMS");
		rc = name ? check_one(r, dir, digest, &wrong, err)
			  : sv_fail(err, SV_E_STORE, 0, r->p->to,
				    "SHA256SUMS is not what was written");
	}
	if (!rc && ferror(r->sums))
		rc = sv_fail(err, SV_E_STORE, errno, r->p->to, "cannot read SHA256SUMS back");
	free(line);
	if (!rc && wrong)
		rc = sv_fail(err, SV_E_DIFFERS, 0, r->p->to,
			     "%llu files are not what was written to %s", (unsigned long long)wrong,
			     r->p->to);
	return rc;
}
