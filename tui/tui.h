/* tui.h - the interface on the screen, as the command starts it */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TUI_TUI_H
#define TUI_TUI_H

#include <stdbool.h>

enum tui_style {
	TUI_AUTO,  /* curses where the terminal can, else plain */
	TUI_FULL,  /* curses */
	TUI_PLAIN, /* numbered questions, line by line */
};

struct tui_params {
	const char *root; /* "" = the real machine */
	enum tui_style style;
	bool mono;  /* no colours */
	bool ascii; /* no line drawing, blocks or arrows */
};

/* Shows the home page until the user leaves. Returns an exit code; what went wrong has been told.
 */
int tui_run(const struct tui_params *params);

#endif
