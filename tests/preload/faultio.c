/* faultio.c - a preloaded library that makes chosen calls of a program fail, and logs them: its
 * rules */
/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * FAULTIO      rules, separated by blanks: PATH:OP:START:END:WHAT[:SKIP[:COUNT[:PLACE]]]
 *              PATH is a part of the file's path, "!PART!PART" parts it does not have; OP is one of
 *              the letters below; [START, END) in bytes, END 0 = no limit; WHAT is an errno number,
 *              K (SIGKILL), I (SIGINT, then go on), F (flip one bit of what passes), H (half of a
 *              transfer is done), L (a file may have START bytes: a pwrite goes that far, and
 *              then there is EFBIG), Z (nothing is transferred and 0 returned; a size asked for
 *              is 0) or W (it waits until the file FAULTIO_GATE is there, and goes on); SKIP
 *              matching operations pass first; COUNT fail, 0 = all. With a PLACE (of the log) only
 *              operations from there are counted; once they fail for good, so do those from
 *              anywhere else.
 * FAULTIO_LOG  a file that gets a line "OP OFFSET LENGTH PATH" for each operation on a file whose
 *              path holds FAULTIO_LOG_PATH. With FAULTIO_PLACES=1 it begins "OP:PLACE".
 * FAULT_STRUCK see place.h
 *
 * r read   w write   s sync   b sync_file_range   c close   t truncate, allocate   i ioctl   l
 * flock o open   D read a directory   S stat   f statfs   n rename   u unlink   d mkdir g random
 * numbers   p thread   k fork   m memfd   q pipe (these have no path, but a word)   M mount, umount
 */
#include "faultio.h"

#include "place.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define MAX_RULES 64
#define OPS	  "rwsbctiloDSfnudgpkmqM"

static struct rule rules[MAX_RULES];
static int n_rules;
static const char *log_name, *log_path, *gate;
static bool log_places, places, struck;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void parse_rule(char *text)
{
	struct rule *r = &rules[n_rules];
	char what[16] = "";
	unsigned long long start = 0, end = 0, skip = 0, count = 0, place = 0;
	if (n_rules == MAX_RULES ||
	    sscanf(text, "%511[^:]:%c:%llu:%llu:%15[^:]:%llu:%llu:%llx", r->path, &r->op, &start,
		   &end, what, &skip, &count, &place) < 5 ||
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
	r->place = place;
	places |= place;
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
	log_places = getenv("FAULTIO_PLACES");
	places |= log_places;
	log_name = getenv("FAULTIO_LOG");
	gate = getenv("FAULTIO_GATE");
	place_prepare();
}

static bool begun;

__attribute__((constructor)) static void begin(void)
{
	begun = true;
}

/* What is called before that is a sanitizer's, which cannot bear that its own functions are called
 * so early. */
static bool wanted(void)
{
	if (!begun)
		return false;
	pthread_once(&once, init);
	return n_rules || log_name;
}

void *next_call(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

static bool has_none_of(const char *path, const char *parts)
{
	char part[sizeof(rules[0].path)];
	while (*parts == '!') {
		size_t len = strcspn(parts + 1, "!");
		snprintf(part, sizeof(part), "%.*s", (int)len, parts + 1);
		if (strstr(path, part))
			return false;
		parts += 1 + len;
	}
	return true;
}

static bool is_of(const char *path, const char *part)
{
	return *part == '!' ? has_none_of(path, part) : strstr(path, part) != NULL;
}

static bool matches(const struct rule *r, const char *path, char op, uint64_t off, size_t len)
{
	bool transfer = op == 'r' || op == 'w';
	return r->op == op && is_of(path, r->path) &&
	       (!transfer || (off < r->end && off + len > r->start));
}

/* Opened for each line: a child may close all descriptors, and use their numbers again. System
 * calls, because those of the library are our own. */
static void log_line(char op, uint64_t off, size_t len, const char *path, uint64_t from)
{
	char line[4200], place[20] = "";
	if (!log_name || (log_path && !strstr(path, log_path)))
		return;
	if (log_places)
		snprintf(place, sizeof(place), ":%llx", (unsigned long long)from);
	int n = snprintf(line, sizeof(line), "%c%s %llu %zu %s\n", op, place,
			 (unsigned long long)off, len, path);
	long fd = syscall(SYS_openat, AT_FDCWD, log_name, O_WRONLY | O_CREAT | O_APPEND, 0666);
	if (fd < 0 || syscall(SYS_write, fd, line, (size_t)n) != n)
		abort();
	syscall(SYS_close, fd);
}

static void wait_for_gate(void)
{
	const struct timespec pause = {.tv_nsec = 10000000};
	int e = errno; /* readdir() tells its end by it */
	while (gate && syscall(SYS_faccessat, AT_FDCWD, gate, F_OK))
		nanosleep(&pause, NULL);
	errno = e;
}

/* The rule that strikes, of those that change the call, else NULL; the others (I, W) are noted. */
static const struct rule *choose(const char *path, char op, uint64_t off, size_t len,
				 uint64_t place, bool *interrupt, bool *wait)
{
	for (int i = 0; i < n_rules; i++) {
		struct rule *r = &rules[i];
		if (!matches(r, path, op, off, len) || (r->place && r->place != place))
			continue;
		if (r->skip) {
			r->skip--;
			continue;
		}
		if (!r->count)
			continue;
		r->count--;
		r->place = 0;
		if (r->what != 'I' && r->what != 'W')
			return r;
		*interrupt = *interrupt || r->what == 'I';
		*wait = *wait || r->what == 'W';
	}
	return NULL;
}

/* Every decision under one lock, so that counts are exact. */
static const struct rule *strike(const char *path, char op, uint64_t off, size_t len)
{
	bool interrupt = false, wait = false;
	uint64_t place = places ? place_here() : 0;
	pthread_mutex_lock(&lock);
	log_line(op, off, len, path, place);
	const struct rule *hit = choose(path, op, off, len, place, &interrupt, &wait);
	bool first = hit && !struck;
	struck |= first;
	pthread_mutex_unlock(&lock);
	if (first)
		note_struck();
	if (hit && hit->what == 'K')
		kill(getpid(), SIGKILL);
	if (interrupt)
		kill(getpid(), SIGINT);
	if (wait)
		wait_for_gate();
	return hit;
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
