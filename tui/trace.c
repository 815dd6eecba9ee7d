/* trace.c - for tests: which page is shown, and how many events were dealt with before */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/trace.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void trace_begin(struct trace *trace)
{
	const char *file = getenv("SALVOR_TRACE");
	int fd = file ? open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
	*trace = (struct trace){.fd = fd > 0 ? fd : 0};
}

void trace_event(struct trace *trace, enum face_event_kind kind)
{
	trace->keys += kind == FACE_KEY || kind == FACE_CHOOSE || kind == FACE_REQUEST ||
		       kind == FACE_TEXT;
	trace->sizes += kind == FACE_RESIZE;
}

void trace_shown(const struct trace *trace, const char *page)
{
	if (trace->fd)
		dprintf(trace->fd, "%s %lu %lu\n", page, trace->keys, trace->sizes);
}

void trace_end(struct trace *trace)
{
	if (trace->fd)
		close(trace->fd);
	trace->fd = 0;
}
