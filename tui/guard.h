/* guard.h - puts the terminal right when the program dies without doing so itself */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TUI_GUARD_H
#define TUI_GUARD_H

#include <sys/types.h>
#include <termios.h>

/*
 * A child that waits for the end of the program: killed or crashed, it cannot leave raw mode, the
 * other screen and the hidden cursor behind. guard_begin(): `sane` is how the terminal was, `reset`
 * what has to be written to it; without memory or processes left there is no guard. guard_end()
 * says that all is well, and waits for the child.
 */
struct guard {
	int fd;
	pid_t pid; /* 0 = none */
};
void guard_begin(struct guard *guard, const struct termios *sane, const char *reset);
void guard_end(struct guard *guard);

#endif
