/* exec.c - starting a helper program and hearing what it says */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/share/share_int.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/socket.h>
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

static int spawn(char *const argv[], int in, int out, pid_t *pid)
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
		e = posix_spawn_file_actions_adddup2(&actions, out, 2);
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

int share_spawn(char *const argv[], bool want_in, struct share_program *program)
{
	int in[2] = {-1, -1}, out[2] = {-1, -1};
	*program = (struct share_program){.in = -1, .out = -1};
	if (pipe2(out, O_CLOEXEC) ||
	    (want_in && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, in))) {
		int e = errno;
		close_pair(out);
		return e;
	}
	int e = spawn(argv, in[0], out[1], &program->pid);
	if (!e) {
		program->in = in[1];
		program->out = out[0];
		in[1] = out[0] = -1;
	}
	close_pair(in);
	close_pair(out);
	return e;
}

bool share_gather(const struct share_program *program, int ms, char *text, size_t cap)
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
