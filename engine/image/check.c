/* check.c - the stored files against their digests */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/image/reader_priv.h"
#include "engine/image/sidefiles.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE ((size_t)(2 * SV_MIB))

struct check {
	struct image_reader *r;
	image_found_fn found;
	bool (*progress)(void *arg, uint64_t bytes);
	void *arg;
	bool side_only; /* the stream is left to whoever decodes it */
	struct sv_sha256 *sha;
	uint8_t *buf;
	uint64_t differences;
	char first[256]; /* the first file that differs */
	struct sv_err *err;
};

static void differs(struct check *c, const char *file, const char *what)
{
	char sentence[400];
	snprintf(sentence, sizeof(sentence), "%s %s", file, what);
	if (!c->differences++)
		snprintf(c->first, sizeof(c->first), "%s", file);
	c->found(c->arg, file, 0, 0, sentence);
}

/* A file that cannot be read is a difference, unless the error says nothing about it. */
static int unreadable(struct check *c, const char *name, int e)
{
	int rc = store_read_code(e);
	if (image_cannot_tell(rc))
		return sv_fail(c->err, rc, e, name, "cannot read %s of %s", name, c->r->path);
	differs(c, name, rc == SV_E_NOT_FOUND ? "is missing" : "cannot be read");
	return 0;
}

/* Past the page cache where the store allows it: half of the CPU time of reading. */
static int open_direct(int dirfd, const char *name)
{
	int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;
	int fd = openat(dirfd, name, flags | O_DIRECT);
	return fd < 0 && errno == EINVAL ? openat(dirfd, name, flags) : fd;
}

/* The first read that is refused, often the one behind the end, makes the rest buffered. */
static ssize_t read_direct(int fd, void *buf, size_t len)
{
	ssize_t n = read(fd, buf, len);
	int flags = n < 0 && errno == EINVAL ? fcntl(fd, F_GETFL) : 0;
	if (flags <= 0 || !(flags & O_DIRECT))
		return n;
	return fcntl(fd, F_SETFL, flags & ~O_DIRECT) < 0 ? -1 : read(fd, buf, len);
}

/* Digest and size of a file; SV_E_STOPPED, or what image_cannot_tell(); else errors are differences
 * (*readable false). */
static int digest_file(struct check *c, const char *name, uint8_t sha256[SV_SHA256_LEN],
		       uint64_t *size, bool *readable)
{
	struct stat st;
	int fd = open_direct(c->r->dirfd, name);
	bool stopped = false;
	ssize_t n = 1;
	int rc = 0;
	*size = 0;
	*readable = false;
	if (fd < 0 || fstat(fd, &st)) {
		rc = unreadable(c, name, errno);
	} else if (!S_ISREG(st.st_mode)) {
		differs(c, name, "cannot be read");
	} else {
		(void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
		while (n > 0 && !stopped) {
			n = read_direct(fd, c->buf, PIECE);
			if (n < 0 && errno == EINTR) {
				n = 1;
				continue;
			}
			if (n <= 0)
				break;
			sv_sha256_update(c->sha, c->buf, (size_t)n);
			/* what was read leaves no trace in the page cache */
			(void)posix_fadvise(fd, (off_t)*size, n, POSIX_FADV_DONTNEED);
			*size += (uint64_t)n;
			stopped = c->progress && !c->progress(c->arg, (uint64_t)n);
		}
		if (n < 0)
			rc = unreadable(c, name, errno);
		*readable = n == 0;
	}
	sv_sha256_finish(c->sha, sha256);
	if (fd >= 0)
		close(fd);
	return stopped ? SV_E_STOPPED : rc;
}

/* Side files never match disk.img.* (DESIGN: names of an image). */
static bool is_stream_file(const char *name)
{
	return !strncmp(name, "disk.img", 8);
}

static int check_file(struct check *c, const struct manifest_file *f)
{
	uint8_t is[SV_SHA256_LEN];
	char what[120];
	uint64_t size;
	bool readable;
	int rc = digest_file(c, f->name, is, &size, &readable);
	if (rc || !readable)
		return rc;
	if (size != f->size) {
		snprintf(what, sizeof(what), "has %llu bytes instead of %llu",
			 (unsigned long long)size, (unsigned long long)f->size);
		differs(c, f->name, what);
	} else if (memcmp(is, f->sha256, sizeof(is)) != 0) {
		differs(c, f->name, "is not what was stored: its SHA-256 differs");
	}
	return 0;
}

/* Two texts of the same length: do they differ in nothing but the digest of the manifest? */
static bool manifest_line_differs(const char *is, const char *want)
{
	const char *name = strstr(want, "  " NAME_MANIFEST "\n");
	size_t digest = 2 * SV_SHA256_LEN, end = name ? (size_t)(name - want) : 0;
	return end >= digest && !memcmp(is, want, end - digest) && !strcmp(is + end, want + end);
}

/* SHA256SUMS as the manifest and its digest say it must be. */
static int check_sums(struct check *c)
{
	uint8_t digest[SV_SHA256_LEN];
	struct sv_err why = {0};
	uint64_t size;
	size_t len;
	char *is = NULL;
	bool readable;
	int rc = digest_file(c, NAME_MANIFEST, digest, &size, &readable);
	if (rc || !readable)
		return rc;
	char *want = sidefile_sums(&c->r->m, digest);
	if (!want)
		return SV_E_NOMEM;
	rc = store_read_file(c->r->dirfd, NAME_SUMS, MAX_JSON * 4, &is, &len, &why);
	if (rc == SV_E_NOT_FOUND)
		differs(c, NAME_SUMS, "is missing");
	else if (image_cannot_tell(rc))
		sv_fail(c->err, rc, 0, c->r->path, "%s", why.text);
	else if (rc || len != strlen(want))
		differs(c, NAME_SUMS, "is not as it was stored");
	else if (memcmp(is, want, len) != 0)
		differs(c, manifest_line_differs(is, want) ? NAME_MANIFEST : NAME_SUMS,
			"was changed: " NAME_SUMS " and " NAME_MANIFEST " do not fit each other");
	free(is);
	free(want);
	return image_cannot_tell(rc) ? rc : 0;
}

/* Without a manifest: the files SHA256SUMS names. */
static int check_by_sums(struct check *c)
{
	size_t len;
	char *sums = NULL, *rest = NULL;
	struct sv_err why = {0};
	differs(c, NAME_MANIFEST, "is missing or damaged: files are checked by SHA256SUMS");
	int rc = store_read_file(c->r->dirfd, NAME_SUMS, MAX_JSON, &sums, &len, &why);
	if (image_cannot_tell(rc))
		return sv_fail(c->err, rc, 0, c->r->path, "%s", why.text);
	if (rc) {
		differs(c, NAME_SUMS, "is missing or damaged");
		return 0;
	}
	char *line = strtok_r(sums, "\n", &rest);
	for (; !rc && line; line = strtok_r(NULL, "\n", &rest)) {
		uint8_t want[SV_SHA256_LEN], is[SV_SHA256_LEN];
		char hex[2 * SV_SHA256_LEN + 1];
		uint64_t size;
		bool readable;
		const char *name = line + sizeof(hex) + 1;
		snprintf(hex, sizeof(hex), "%s", line);
		if (strlen(line) < sizeof(hex) + 2 || !sv_unhex(want, sizeof(want), hex) ||
		    strchr(name, '/') || strlen(name) > 255) {
			differs(c, NAME_SUMS, "is damaged");
			continue;
		}
		if (!strcmp(name, NAME_MANIFEST) || (c->side_only && is_stream_file(name)))
			continue;
		rc = digest_file(c, name, is, &size, &readable);
		if (!rc && readable && memcmp(is, want, sizeof(is)) != 0)
			differs(c, name, "is not what was stored: its SHA-256 differs");
	}
	free(sums);
	return rc;
}

static int check_all(struct check *c)
{
	const struct manifest *m = &c->r->m;
	if (c->r->lone || c->r->flags & IMAGE_OPEN_PART)
		return 0; /* digests are made last */
	if (!c->r->has_manifest)
		return check_by_sums(c);
	int rc = 0;
	for (size_t i = 0; !rc && i < m->n_files; i++)
		if (!c->side_only || !is_stream_file(m->files[i].name))
			rc = check_file(c, &m->files[i]);
	return rc ? rc : check_sums(c);
}

int image_check_files(struct image_reader *r, enum image_check_what what, image_found_fn found,
		      bool (*progress)(void *arg, uint64_t bytes), void *arg, struct sv_err *err)
{
	struct check c = {.r = r,
			  .found = found,
			  .progress = progress,
			  .arg = arg,
			  .err = err,
			  .side_only = what == IMAGE_CHECK_SIDE_FILES};
	c.sha = sv_sha256_create();
	c.buf = aligned_alloc(4096, PIECE);
	int rc = c.sha && c.buf ? check_all(&c) : SV_E_NOMEM;
	free(c.buf);
	sv_sha256_destroy(c.sha);
	if (rc == SV_E_NOMEM)
		return sv_fail_nomem(err);
	if (rc == SV_E_STOPPED)
		return sv_fail_stopped(err, r->path);
	if (c.differences)
		rc = reader_store_gone(r, rc, err);
	if (!rc && c.differences)
		return sv_fail(err, SV_E_DIFFERS, 0, r->path,
			       "%s is damaged: %s is not as it was stored (%llu in all)", r->path,
			       c.first, (unsigned long long)c.differences);
	return rc;
}
