/* trace.h - for tests: which page is shown, and how many events were dealt with before */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TUI_TRACE_H
#define TUI_TRACE_H

#include "tui/face.h"

/*
 * With SALVOR_TRACE=FILE in the environment each turn of the loop adds a line "PAGE KEYS SIZES":
 * the name of the page that has just been shown, and how many keys (in plain mode: answers) and
 * changes of the size came before it. Zero-initialised = off. One thread.
 */
struct trace {
	int fd; /* 0 = none */
	unsigned long keys, sizes;
};

void trace_begin(struct trace *trace);
void trace_event(struct trace *trace, enum face_event_kind kind);
void trace_shown(const struct trace *trace, const char *page);
void trace_end(struct trace *trace);

#endif
