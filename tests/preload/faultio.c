/* faultio.c - a preloaded library that makes chosen reads and writes of a program fail, and logs
 * them */
/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * FAULTIO      rules, separated by blanks: PATH:OP:START:END:WHAT[:SKIP[:COUNT]]
 *              PATH is a part of the file's path; OP is r (read), w (write) or s (sync); [START,
 * END) in bytes, END 0 = no limit; WHAT is an errno number, K (SIGKILL), I (SIGINT, then go on) or
 * F (flip one bit of what passes); SKIP matching operations pass first; COUNT fail, 0 = all.
 * FAULTIO_LOG  a file that gets a line "OP OFFSET LENGTH PATH" for each operation on a file whose
 * path holds FAULTIO_LOG_PATH.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_RULES 16

struct rule {
	char path[256];
	char op, what;
	int err;
	uint64_t start, end, skip, count;
};

static struct rule rules[MAX_RULES];
static int n_rules;
static FILE *log_file;
static const char *log_path;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void parse_rule(char *text)
{
	struct rule *r = &rules[n_rules];
	char what[16] = "";
	unsigned long long start = 0, end = 0, skip = 0, count = 0;
	if (n_rules == MAX_RULES || sscanf(text, "%255[^:]:%c:%llu:%llu:%15[^:]:%llu:%llu", r->path,
					   &r->op, &start, &end, what, &skip, &count) < 5) {
		fprintf(stderr, "faultio: bad rule %s\n", text);
		abort();
	}
	r->what = what[0];
	r->err = atoi(what);
	r->start = start;
	r->end = end ? end : UINT64_MAX;
	r->skip = skip;
	r->count = count ? count : UINT64_MAX;
	n_rules++;
}

static void init(void)
{
	const char *spec = getenv("FAULTIO");
	char *copy = spec ? strdup(spec) : NULL, *save = NULL;
	for (char *r = copy ? strtok_r(copy, " ", &save) : NULL; r; r = strtok_r(NULL, " ", &save))
		parse_rule(r);
	free(copy);
	log_path = getenv("FAULTIO_LOG_PATH");
	if (getenv("FAULTIO_LOG"))
		log_file = fopen(getenv("FAULTIO_LOG"), "ae");
}

static void *next(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

static void path_of(int fd, char *path, size_t cap)
{
	char link[64];
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, path, cap - 1);
	path[n > 0 ? n : 0] = '\0';
}

/* The rule that strikes, or NULL. Every decision under one lock, so that counts are exact. */
static const struct rule *strike(int fd, char op, uint64_t off, size_t len)
{
	char path[4096];
	const struct rule *hit = NULL;
	pthread_once(&once, init);
	if (!n_rules && !log_file)
		return NULL;
	path_of(fd, path, sizeof(path));
	pthread_mutex_lock(&lock);
	if (log_file && (!log_path || strstr(path, log_path))) {
		fprintf(log_file, "%c %llu %zu %s\n", op, (unsigned long long)off, len, path);
		fflush(log_file);
	}
	for (int i = 0; i < n_rules && !hit; i++) {
		struct rule *r = &rules[i];
		if (r->op != op || !strstr(path, r->path) ||
		    (op != 's' && (off >= r->end || off + len <= r->start)))
			continue;
		if (r->skip) {
			r->skip--;
			continue;
		}
		if (!r->count)
			continue;
		r->count--;
		hit = r;
	}
	pthread_mutex_unlock(&lock);
	if (hit && hit->what == 'K')
		kill(getpid(), SIGKILL);
	if (hit && hit->what == 'I')
		kill(getpid(), SIGINT);
	return hit && hit->what == 'I' ? NULL : hit;
}

static void flip(const struct rule *r, char *buf, uint64_t off, size_t len)
{
	uint64_t at = r->start > off && r->start < off + len ? r->start - off : 0;
	if (len)
		buf[at] ^= 1;
}

ssize_t pread(int fd, void *buf, size_t len, off_t off)
{
	ssize_t (*real)(int, void *, size_t, off_t) = next("pread");
	const struct rule *r = strike(fd, 'r', (uint64_t)off, len);
	if (r && r->what != 'F') {
		errno = r->err;
		return -1;
	}
	ssize_t n = real(fd, buf, len, off);
	if (r && n > 0)
		flip(r, buf, (uint64_t)off, (size_t)n);
	return n;
}

static ssize_t write_at(int fd, const void *buf, size_t len, off_t off)
{
	ssize_t (*real)(int, const void *, size_t, off_t) = next("pwrite");
	const struct rule *r = strike(fd, 'w', (uint64_t)off, len);
	if (!r)
		return real(fd, buf, len, off);
	if (r->what != 'F') {
		errno = r->err;
		return -1;
	}
	char *copy = aligned_alloc(4096, (len + 4095) / 4096 * 4096);
	if (!copy)
		abort();
	memcpy(copy, buf, len);
	flip(r, copy, (uint64_t)off, len);
	ssize_t n = real(fd, copy, len, off);
	free(copy);
	return n;
}

ssize_t pwrite(int fd, const void *buf, size_t len, off_t off)
{
	return write_at(fd, buf, len, off);
}

ssize_t write(int fd, const void *buf, size_t len)
{
	ssize_t (*real)(int, const void *, size_t) = next("write");
	off_t at = lseek(fd, 0, SEEK_CUR);
	const struct rule *r = fd > 2 ? strike(fd, 'w', at > 0 ? (uint64_t)at : 0, len) : NULL;
	if (r && r->what != 'F') {
		errno = r->err;
		return -1;
	}
	return real(fd, buf, len);
}

static int sync_call(int fd, const char *name)
{
	int (*real)(int) = next(name);
	const struct rule *r = strike(fd, 's', 0, 0);
	if (r && r->what != 'F') {
		errno = r->err;
		return -1;
	}
	return real(fd);
}

int fsync(int fd)
{
	return sync_call(fd, "fsync");
}

int fdatasync(int fd)
{
	return sync_call(fd, "fdatasync");
}

ssize_t pread64(int fd, void *buf, size_t len, off_t off) __attribute__((alias("pread")));
ssize_t pwrite64(int fd, const void *buf, size_t len, off_t off) __attribute__((alias("pwrite")));
