/* guard.c - puts the terminal right when the program dies without doing so itself */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* In the child of a program with threads: system calls only. */
static void wait_and_mend(int end, const struct termios *sane, const char *reset)
{
	char word;
	ssize_t n;
	do
		n = read(end, &word, 1);
	while (n < 0 && errno == EINTR);
	if (n == 1)
		return;
	tcsetattr(STDIN_FILENO, TCSANOW, sane);
	if (write(STDOUT_FILENO, reset, strlen(reset)) < 0)
		return;
}

/* What ends the program, or is meant for the group in the foreground, must not end its guard. */
static void stand_apart(void)
{
	static const int none[] = {SIGTTOU, SIGTTIN, SIGTERM, SIGHUP, SIGINT, SIGPIPE};
	sigset_t set;
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		signal(none[i], SIG_IGN);
	sigemptyset(&set);
	sigprocmask(SIG_SETMASK, &set, NULL);
	setpgid(0, 0);
}

void guard_begin(struct guard *guard, const struct termios *sane, const char *reset)
{
	int ends[2];
	*guard = (struct guard){0};
	if (pipe2(ends, O_CLOEXEC))
		return;
	pid_t pid = fork();
	if (pid == 0) {
		close(ends[1]);
		stand_apart();
		wait_and_mend(ends[0], sane, reset);
		_exit(0);
	}
	close(ends[0]);
	if (pid > 0)
		*guard = (struct guard){.fd = ends[1], .pid = pid};
	else
		close(ends[1]);
}

void guard_end(struct guard *guard)
{
	char word = 0;
	if (!guard->pid)
		return;
	/* a guard that was killed itself is no reason to complain */
	if (write(guard->fd, &word, 1) == 1)
		waitpid(guard->pid, NULL, 0);
	close(guard->fd);
	guard->pid = 0;
}
