/* mapfile.h - the mapfile of GNU ddrescue, read and written */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_RESCUE_MAPFILE_H
#define SV_RESCUE_MAPFILE_H

#include "engine/io/store.h"
#include "engine/rescue/rmap.h"

/* Source of the grammar: GNU ddrescue 1.27, mapfile.cc and its manual, "Mapfile structure". */

/* What a run is doing: the status line. ddrescue continues there; we only look at the blocks. */
struct mapfile_head {
	uint64_t pos; /* start of what is tried, its end when read backwards */
	char status;  /* one of ? * / - F G + */
	int pass;     /* 1.. */
};

/* Largest mapfile that is read, in bytes: some ten million blocks. */
#define MAPFILE_LIMIT ((size_t)256 << 20)

/*
 * Read the text of a mapfile (it need not end in a NUL). `name` is for sentences.
 * size > 0: of the source. What the map does not cover is untried; a last block that was not read
 * is cut at the end of the source; one that was, and any that begins there, is a map of something
 * larger. size 0: a map as long as its blocks (SV_E_DATA when there are none).
 * unit: the sector size; a sector of several states gets the one that knows least. 1 = bytes.
 * SV_E_DATA with the number of the line, SV_E_NOMEM.
 */
int mapfile_parse(const char *name, const char *text, size_t len, uint64_t size, uint32_t unit,
		  struct rmap **map_ret, struct mapfile_head *head_ret, struct sv_err *err);

/* Comments of a mapfile; one line each, what is not printable becomes '?'. */
struct mapfile_notes {
	const char *command;	/* what the user typed */
	const char *start_time; /* "2026-11-26 05:47:40", local, as ddrescue has it */
	const char *now;
	const char *phase; /* "Copying non-tried blocks... Pass 1 (forwards)" */
};

/* The text, which the caller frees; NULL when out of memory. */
char *mapfile_format(const struct rmap *map, const struct mapfile_head *head,
		     const struct mapfile_notes *notes, size_t *len_ret);

#endif
