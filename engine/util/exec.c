/* exec.c - starting a helper program and hearing what it says */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/util/exec.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

/* A session of its own: the ^C of a terminal is for us, who unmount then. */
static int set_attributes(posix_spawnattr_t *attr)
{
	sigset_t none, all;
	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_setsigmask(attr, &none);
	posix_spawnattr_setsigdefault(attr, &all);
	return posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK |
						      POSIX_SPAWN_SETSIGDEF);
}

static int spawn(char *const argv[], int in, int out, bool no_stderr, pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	int e = posix_spawn_file_actions_init(&actions);
	if (e)
		return e;
	e = posix_spawnattr_init(&attr);
	if (e) {
		posix_spawn_file_actions_destroy(&actions);
		return e;
	}
	e = set_attributes(&attr);
	if (!e)
		e = in >= 0 ? posix_spawn_file_actions_adddup2(&actions, in, 0)
			    : posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY,
							       0);
	if (!e)
		e = posix_spawn_file_actions_adddup2(&actions, out, 1);
	if (!e)
		e = no_stderr ? posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY,
								 0)
			      : posix_spawn_file_actions_adddup2(&actions, out, 2);
	if (!e)
		e = posix_spawnp(pid, argv[0], &actions, &attr, argv, environ);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	return e;
}

static void close_pair(const int pair[2])
{
	for (int i = 0; i < 2; i++)
		if (pair[i] >= 0)
			close(pair[i]);
}

int sv_spawn(char *const argv[], unsigned int flags, struct sv_program *program)
{
	int in[2] = {-1, -1}, out[2] = {-1, -1};
	*program = (struct sv_program){.in = -1, .out = -1};
	if (pipe2(out, O_CLOEXEC) ||
	    (flags & SV_SPAWN_IN && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, in))) {
		int e = errno;
		close_pair(out);
		return e;
	}
	int e = spawn(argv, in[0], out[1], flags & SV_SPAWN_NO_STDERR, &program->pid);
	if (!e) {
		program->in = in[1];
		program->out = out[0];
		in[1] = out[0] = -1;
	}
	close_pair(in);
	close_pair(out);
	return e;
}

bool sv_gather(const struct sv_program *program, int ms, char *text, size_t cap)
{
	char rest[256];
	struct pollfd pfd = {.fd = program->out, .events = POLLIN};
	if (poll(&pfd, 1, ms) <= 0)
		return false;
	size_t used = strlen(text);
	bool fits = used + 1 < cap;
	ssize_t n = fits ? read(program->out, text + used, cap - used - 1)
			 : read(program->out, rest, sizeof(rest));
	if (n < 0)
		return errno != EINTR;
	if (fits)
		text[used + (size_t)n] = '\0';
	return n == 0;
}

/* ---- to the end ---- */

static int64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Read until it closes its output. 0 or an errno. */
static int read_all(int fd, int64_t deadline, char *text, size_t cap, size_t *len)
{
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	for (*len = 0; *len < cap;) {
		int64_t left = deadline - now_ms();
		pfd.revents = 0;
		if (left <= 0 || !poll(&pfd, 1, (int)left))
			return ETIMEDOUT;
		ssize_t n = pfd.revents ? read(fd, text + *len, cap - *len) : 0;
		if (n < 0 && errno != EINTR)
			return errno;
		if (!n && pfd.revents)
			return 0;
		*len += n > 0 ? (size_t)n : 0;
	}
	return EFBIG;
}

/* true when it has ended by then. */
static bool ended_by(pid_t pid, int64_t deadline, int *status)
{
	const struct timespec pause = {.tv_nsec = 5000000};
	while (!waitpid(pid, status, WNOHANG)) {
		if (now_ms() >= deadline)
			return false;
		nanosleep(&pause, NULL);
	}
	return true;
}

#define KILL_MS 500 /* the kernel needs no more, unless a device holds it */

static int run(char *const argv[], int ms, char *text, size_t cap, size_t *len_ret, int *status)
{
	struct sv_program program;
	int64_t deadline = now_ms() + ms;
	text[0] = '\0';
	*len_ret = 0;
	int e = sv_spawn(argv, SV_SPAWN_NO_STDERR, &program);
	if (e)
		return e;
	e = read_all(program.out, deadline, text, cap, len_ret);
	close(program.out);
	if (!e && !ended_by(program.pid, deadline, status))
		e = ETIMEDOUT;
	if (e) {
		kill(-program.pid, SIGKILL);
		kill(program.pid, SIGKILL);
		ended_by(program.pid, now_ms() + KILL_MS, status);
		*len_ret = 0;
	}
	text[*len_ret] = '\0';
	return e;
}

int sv_run(char *const argv[], int ms, char *text, size_t cap, size_t *len_ret)
{
	int status;
	return run(argv, ms, text, cap, len_ret, &status);
}

int sv_do(char *const argv[], int ms, char *text, size_t cap, size_t *len_ret)
{
	int status = -1, e = run(argv, ms, text, cap, len_ret, &status);
	return e || !status ? e : EPROTO;
}

static bool have_in(const char *dir, size_t len, const char *name)
{
	char path[1024];
	int n = snprintf(path, sizeof(path), "%.*s/%s", (int)len, dir, name);
	return len && n > 0 && (size_t)n < sizeof(path) && access(path, X_OK) == 0;
}

bool sv_have_program(const char *name)
{
	const char *dir = getenv("PATH");
	while (dir && *dir) {
		size_t len = strcspn(dir, ":");
		if (have_in(dir, len, name))
			return true;
		dir += len + (dir[len] == ':');
	}
	return have_in("/usr/sbin", strlen("/usr/sbin"), name);
}
