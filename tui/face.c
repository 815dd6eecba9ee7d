/* face.c - what both faces need: waiting for input and for the signals that end the program */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/face.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

int face_signals(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int face_poll(int signals, int ms)
{
	struct pollfd fds[2] = {{.fd = STDIN_FILENO, .events = POLLIN},
				{.fd = signals, .events = POLLIN}};
	int n = poll(fds, 2, ms);
	if (n <= 0)
		return 0;
	if (fds[1].revents)
		return -1;
	return 1;
}
