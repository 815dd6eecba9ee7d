/* faultio.c - a preloaded library that makes chosen calls of a program fail, and logs them: its
 * rules */
/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * FAULTIO      rules, separated by blanks: PATH:OP:START:END:WHAT[:SKIP[:COUNT]]
 *              PATH is a part of the file's path, "!PART" a part it does not have; OP is one of the
 *              letters below; [START, END) in bytes, END 0 = no limit; WHAT is an errno number,
 *              K (SIGKILL), I (SIGINT, then go on), F (flip one bit of what passes), H (half of a
 *              transfer is done), L (a file may have START bytes: a pwrite goes that far, and
 *              then there is EFBIG) or Z (nothing is transferred and 0 returned; a size asked for
 *              is 0); SKIP matching operations pass first; COUNT fail, 0 = all.
 * FAULTIO_LOG  a file that gets a line "OP OFFSET LENGTH PATH" for each operation on a file whose
 *              path holds FAULTIO_LOG_PATH.
 *
 * r read   w write   s sync   b sync_file_range   c close   t truncate, allocate   i ioctl   l
 * flock o open   D read a directory   S stat   f statfs   n rename   u unlink   d mkdir g random
 * numbers   p thread   k fork   m memfd   q pipe (these have no path, but a word)
 */
#include "faultio.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAX_RULES 16
#define OPS	  "rwsbctiloDSfnudgpkmq"

static struct rule rules[MAX_RULES];
static int n_rules;
static const char *log_name, *log_path;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void parse_rule(char *text)
{
	struct rule *r = &rules[n_rules];
	char what[16] = "";
	unsigned long long start = 0, end = 0, skip = 0, count = 0;
	if (n_rules == MAX_RULES ||
	    sscanf(text, "%255[^:]:%c:%llu:%llu:%15[^:]:%llu:%llu", r->path, &r->op, &start, &end,
		   what, &skip, &count) < 5 ||
	    !strchr(OPS, r->op)) {
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
	unsetenv("LD_PRELOAD"); /* what the program starts is none of our business */
	log_path = getenv("FAULTIO_LOG_PATH");
	log_name = getenv("FAULTIO_LOG");
}

static bool wanted(void)
{
	pthread_once(&once, init);
	return n_rules || log_name;
}

void *next_call(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

static bool is_of(const char *path, const char *part)
{
	return *part == '!' ? !strstr(path, part + 1) : strstr(path, part) != NULL;
}

static bool matches(const struct rule *r, const char *path, char op, uint64_t off, size_t len)
{
	bool transfer = op == 'r' || op == 'w';
	return r->op == op && is_of(path, r->path) &&
	       (!transfer || (off < r->end && off + len > r->start));
}

/* Opened for each line: a child may close all descriptors, and use their numbers again. System
 * calls, because those of the library are our own. */
static void log_line(char op, uint64_t off, size_t len, const char *path)
{
	char line[4200];
	if (!log_name || (log_path && !strstr(path, log_path)))
		return;
	int n = snprintf(line, sizeof(line), "%c %llu %zu %s\n", op, (unsigned long long)off, len,
			 path);
	long fd = syscall(SYS_openat, AT_FDCWD, log_name, O_WRONLY | O_CREAT | O_APPEND, 0666);
	if (fd < 0 || syscall(SYS_write, fd, line, (size_t)n) != n)
		abort();
	syscall(SYS_close, fd);
}

/* Every decision under one lock, so that counts are exact. */
static const struct rule *strike(const char *path, char op, uint64_t off, size_t len)
{
	const struct rule *hit = NULL;
	pthread_mutex_lock(&lock);
	log_line(op, off, len, path);
	for (int i = 0; i < n_rules && !hit; i++) {
		struct rule *r = &rules[i];
		if (!matches(r, path, op, off, len))
			continue;
		if (r->skip) {
			r->skip--;
		} else if (r->count) {
			r->count--;
			hit = r;
		}
	}
	pthread_mutex_unlock(&lock);
	if (hit && hit->what == 'K')
		kill(getpid(), SIGKILL);
	if (hit && hit->what == 'I')
		kill(getpid(), SIGINT);
	return hit && hit->what == 'I' ? NULL : hit;
}

static void path_of(int fd, char *path, size_t cap)
{
	char link[64];
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, path, cap - 1);
	path[n > 0 ? n : 0] = '\0';
}

const struct rule *strike_fd(int fd, char op, uint64_t off, size_t len)
{
	char path[4096];
	if (!wanted())
		return NULL;
	path_of(fd, path, sizeof(path));
	return strike(path, op, off, len);
}

const struct rule *strike_name(int dirfd, const char *name, char op)
{
	char path[4096];
	if (!wanted())
		return NULL;
	if (*name == '/') {
		snprintf(path, sizeof(path), "%s", name);
	} else {
		if (dirfd == AT_FDCWD)
			path[0] = '\0';
		else
			path_of(dirfd, path, sizeof(path) / 2);
		size_t len = strlen(path);
		snprintf(path + len, sizeof(path) - len, "%s%s", len ? "/" : "", name);
	}
	return strike(path, op, 0, 0);
}

const struct rule *strike_word(const char *name, char op)
{
	return wanted() ? strike(name, op, 0, 0) : NULL;
}
