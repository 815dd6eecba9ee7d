/* volumes_find.c - which files a stream lies in, and where those that are missing would be */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/io/io_errno.h"
#include "engine/io/volumes_priv.h"
#include "engine/util/bytes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Without a word of how many there are, a lone high number must not ask for memory. */
#define MISSING_MAX 1000u

unsigned int volumes_digits(uint64_t bytes, uint64_t volume_size)
{
	uint64_t volumes = volume_size ? bytes / volume_size + (bytes % volume_size != 0) : 1;
	unsigned int digits = 3;
	for (uint64_t most = 1000; volumes > most && digits < VOLUME_DIGITS_MAX; most *= 10)
		digits++;
	return digits;
}

void volume_name(char out[VOLUME_NAME_MAX], const char *base, unsigned int digits, size_t number)
{
	snprintf(out, VOLUME_NAME_MAX, "%.*s.%0*zu", VOLUME_BASE_MAX, base, (int)digits, number);
}

void volumes_file_name(const struct volumes_reader *r, size_t i, char name[VOLUME_NAME_MAX])
{
	if (r->digits)
		volume_name(name, r->base, r->digits, i);
	else
		snprintf(name, VOLUME_NAME_MAX, "%s", r->base);
}

/* ---- names ---- */

struct scan {
	size_t count;	     /* volumes seen */
	size_t highest;	     /* largest number among them */
	unsigned int digits; /* of the first one seen */
	bool mixed;	     /* another number of digits was seen too */
};

/* The number in BASE.NNN; false when the name is another one. */
static bool parse_name(const char *name, const char *base, size_t *number, unsigned int *digits)
{
	size_t base_len = strlen(base);
	if (strncmp(name, base, base_len) != 0 || name[base_len] != '.')
		return false;
	const char *p = name + base_len + 1;
	size_t n = strspn(p, "0123456789");
	if (n < 3 || n > VOLUME_DIGITS_MAX || p[n])
		return false;
	*digits = (unsigned int)n;
	*number = (size_t)strtoul(p, NULL, 10);
	return true;
}

static int scan_names(const struct volumes_reader *r, struct scan *scan, struct sv_err *err)
{
	int fd = openat(r->dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		int e = errno;
		if (fd >= 0)
			close(fd);
		return sv_fail(err, io_read_code(e), e, r->base, "cannot look for %s", r->base);
	}
	const struct dirent *entry;
	while ((entry = readdir(dir))) {
		size_t number;
		unsigned int digits;
		if (!parse_name(entry->d_name, r->base, &number, &digits))
			continue;
		if (scan->count++ == 0)
			scan->digits = digits;
		scan->mixed |= digits != scan->digits;
		scan->highest = SV_MAX(scan->highest, number);
	}
	closedir(dir);
	return 0;
}

/* ---- files ---- */

/* What there is of file i. */
static int look_at(const struct volumes_reader *r, size_t i, struct volume_file *f,
		   struct sv_err *err)
{
	char name[VOLUME_NAME_MAX];
	struct stat st = {.st_mode = S_IFREG};
	volumes_file_name(r, i, name);
	*f = (struct volume_file){.io = {.fd = -1, .direct_fd = -1}};
	f->missing = fstatat(r->dirfd, name, &st, 0) < 0;
	if (f->missing && errno != ENOENT)
		return sv_fail(err, io_read_code(errno), errno, name, "cannot look at %s", name);
	if (!S_ISREG(st.st_mode))
		return sv_fail(err, SV_E_DATA, 0, name, "%s is not a regular file", name);
	f->size = f->present = f->missing ? 0 : (uint64_t)st.st_size;
	return 0;
}

static int make_room(struct volumes_reader *r, size_t n, struct sv_err *err)
{
	r->f = calloc(n, sizeof(*r->f));
	if (!r->f)
		return sv_fail_nomem(err);
	r->n = n;
	for (size_t i = 0; i < n; i++)
		r->f[i].io.fd = r->f[i].io.direct_fd = -1;
	return 0;
}

static int fail_missing(const struct volumes_reader *r, size_t i, size_t highest,
			struct sv_err *err)
{
	char name[VOLUME_NAME_MAX];
	volumes_file_name(r, i, name);
	return sv_fail(err, SV_E_DATA, 0, name, "%s is missing, the volumes go on to number %zu",
		       name, highest);
}

static uint64_t volumes_for(const struct volumes_known *known)
{
	if (!known->total || !known->volume_size)
		return 0;
	return known->total / known->volume_size + (known->total % known->volume_size != 0);
}

/* How many volumes there should be; 0: too many are missing to tell. */
static size_t count_volumes(const struct volumes_known *known, const struct scan *scan)
{
	size_t most = scan->count + MISSING_MAX;
	if (known->n && known->sizes)
		return known->n;
	uint64_t n = SV_MAX((uint64_t)scan->highest + 1, volumes_for(known));
	return n <= most ? (size_t)n : 0;
}

/* ---- sizes ---- */

/* Sizes that are told or follow from what is told. false: only the files themselves tell. */
static bool take_known_sizes(struct volumes_reader *r, const struct volumes_known *known)
{
	uint64_t sum = 0;
	bool told = known->n == r->n && known->sizes;
	for (size_t i = 0; i < r->n; i++)
		sum += r->f[i].present;
	/* a store may have ended a volume early, and then the files are right */
	if (!told && (volumes_for(known) != r->n || sum == known->total))
		return false;
	uint64_t before_last = (r->n - 1) * known->volume_size;
	for (size_t i = 0; i < r->n; i++)
		r->f[i].size = told	      ? known->sizes[i]
			       : i < r->n - 1 ? known->volume_size
					      : known->total - before_last;
	return true;
}

/* The size of volumes by those that are there: all but the last are alike. */
static uint64_t usual_size(const struct volumes_reader *r)
{
	for (size_t i = 0; i + 1 < r->n; i++)
		if (!r->f[i].missing)
			return r->f[i].present;
	return 0;
}

static int guess_sizes(struct volumes_reader *r, const struct volumes_known *known, size_t highest,
		       struct sv_err *err)
{
	uint64_t sum = 0, usual = known->volume_size ? known->volume_size : usual_size(r);
	size_t missing = 0, last = 0;
	for (size_t i = 0; i < r->n; i++) {
		sum += r->f[i].present;
		missing += r->f[i].missing;
		last = r->f[i].missing ? i : last;
	}
	if (missing == 1 && known->total > sum)
		usual = known->total - sum;
	if (missing && !usual)
		return fail_missing(r, last, highest, err);
	for (size_t i = 0; i < r->n; i++)
		if (r->f[i].missing)
			r->f[i].size = usual;
	return 0;
}

/* Where each file begins in the stream. */
static int place(struct volumes_reader *r, struct sv_err *err)
{
	r->size = 0;
	for (size_t i = 0; i < r->n; i++) {
		r->f[i].start = r->size;
		if (!sv_add_ok(r->size, r->f[i].size, &r->size) || r->size > INT64_MAX)
			return sv_fail(err, SV_E_DATA, 0, r->base, "%s is too long", r->base);
	}
	return 0;
}

/* ---- all together ---- */

static int find_numbered(struct volumes_reader *r, const struct volumes_known *known,
			 const struct scan *scan, struct sv_err *err)
{
	size_t n = known ? count_volumes(known, scan) : scan->count;
	r->digits = scan->digits;
	if (scan->mixed)
		return sv_fail(err, SV_E_DATA, 0, r->base,
			       "the volumes of %s have numbers of different length", r->base);
	if (!n)
		return sv_fail(err, SV_E_DATA, 0, r->base, "most volumes of %s are missing",
			       r->base);
	int rc = make_room(r, n, err);
	for (size_t i = 0; !rc && i < n; i++) {
		rc = look_at(r, i, &r->f[i], err);
		if (!rc && r->f[i].missing && !known)
			rc = fail_missing(r, i, scan->highest, err);
	}
	if (!rc && known && !take_known_sizes(r, known))
		rc = guess_sizes(r, known, scan->highest, err);
	if (!rc && scan->highest >= n)
		volumes_file_name(r, scan->highest, r->stray);
	return rc;
}

/* One file of the plain name. */
static int take_single(struct volumes_reader *r, const struct volume_file *single,
		       const struct volumes_known *known, const struct scan *scan,
		       struct sv_err *err)
{
	int rc = make_room(r, 1, err);
	if (rc)
		return rc;
	r->f[0] = *single;
	if (known && known->n == 1 && known->sizes)
		r->f[0].size = known->sizes[0];
	if (scan->count)
		volume_name(r->stray, r->base, scan->digits, scan->highest);
	return 0;
}

int volumes_find(struct volumes_reader *r, const struct volumes_known *known, struct sv_err *err)
{
	struct volume_file single;
	struct scan scan = {0};
	int rc = look_at(r, 0, &single, err);
	if (!rc)
		rc = scan_names(r, &scan, err);
	if (rc)
		return rc;
	if (single.missing && scan.count == 0)
		return sv_fail(err, SV_E_NOT_FOUND, 0, r->base, "there is no %s here", r->base);
	rc = single.missing ? find_numbered(r, known, &scan, err)
			    : take_single(r, &single, known, &scan, err);
	return rc ? rc : place(r, err);
}
