/* face.h - how pages reach a person: curses on a screen, or plain sentences line by line */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TUI_FACE_H
#define TUI_FACE_H

#include "tui/page.h"

#include <stdbool.h>

enum face_event_kind {
	FACE_NOTHING, /* the time is over */
	FACE_KEY,     /* curses: a key, by code */
	FACE_CHOOSE,  /* plain: the block with this id */
	FACE_REQUEST, /* plain: a request by its letter */
	FACE_TEXT,    /* plain: a new text for the field with this id */
	FACE_RESIZE,
	FACE_CLOSED, /* the terminal is gone */
};

#define FACE_TEXT_MAX 520 /* bytes of a field with the final NUL: a passphrase fits */

struct face_event {
	enum face_event_kind kind;
	int key, id;
	enum request request;
	char text[FACE_TEXT_MAX];
};

/* Where the reader of a page is; kept by the screen, so that coming back finds it again. */
struct face_view {
	int focus;	    /* id of the chosen block */
	unsigned int top;   /* first line that should be shown: kept through a change of size */
	unsigned int shown; /* the one that is, as far as focus and size let it; by the face */
	unsigned int edit;  /* cursor in the text of a focused field, in characters */
};

struct face;

struct face_ops {
	const char *name;
	/* Show a page. `fresh`: another screen than before, or one that was acted upon. */
	void (*show)(struct face *face, const struct page *page, struct face_view *view,
		     bool fresh);
	/* Wait for an event, at most `ms` (-1 = for ever). */
	void (*wait)(struct face *face, const struct page *page, struct face_view *view, int ms,
		     struct face_event *event_ret);
	/* Give the terminal to another program, and take it back. */
	void (*leave)(struct face *face);
	void (*enter)(struct face *face);
	void (*destroy)(struct face *face);
};

/* Every face's struct begins with this. */
struct face {
	const struct face_ops *ops;
};

/*
 * Wait for input on stdin or for SIGTERM and SIGHUP, which face_signals() holds back: 1 = input, 0
 * = the time is over or the window changed, -1 = end the program.
 */
int face_signals(void); /* before any thread is made; a descriptor, -1 when it cannot be made */
int face_poll(int signals, int ms);

/* NULL when the terminal cannot do it, or out of memory. One at a time. */
struct face *face_curses_create(int signals, bool mono, bool ascii);
struct face *face_plain_create(int signals);

#endif
