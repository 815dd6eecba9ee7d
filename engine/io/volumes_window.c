/* volumes_window.c - a stream read forwards through a buffer of large direct reads */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/io/volumes_priv.h"
#include "engine/util/bytes.h"

#include <stdlib.h>
#include <string.h>

#define WINDOW_SIZE (4u << 20)

struct volumes_window {
	struct volumes_reader *r;
	uint8_t *buf;
	uint64_t off; /* of the stream; buf holds the `len` bytes from there on */
	size_t len;
};

struct volumes_window *volumes_window_create(struct volumes_reader *r)
{
	struct volumes_window *w = calloc(1, sizeof(*w));
	if (!w)
		return NULL;
	w->r = r;
	w->buf = aligned_alloc(DIO_ALIGN, WINDOW_SIZE);
	if (w->buf)
		return w;
	free(w);
	return NULL;
}

void volumes_window_destroy(struct volumes_window *w)
{
	if (!w)
		return;
	free(w->buf);
	free(w);
}

/* Put the window where byte `off` is; false when that cannot be read with all its neighbours. */
static bool move_to(struct volumes_window *w, uint64_t off)
{
	uint64_t size = volumes_reader_size(w->r);
	if (off >= w->off && off - w->off < w->len)
		return true;
	w->len = 0;
	if (off >= size)
		return false;
	w->off = sv_round_down(off, DIO_ALIGN);
	size_t len = (size_t)SV_MIN((uint64_t)WINDOW_SIZE, size - w->off);
	if (volumes_reader_pread(w->r, w->buf, len, w->off, NULL))
		return false;
	w->len = len;
	return true;
}

int volumes_window_pread(struct volumes_window *w, void *buf, size_t len, uint64_t off,
			 struct sv_err *err)
{
	uint8_t *p = buf;
	while (len > 0) {
		if (!move_to(w, off))
			return volumes_reader_pread(w->r, p, len, off, err);
		size_t at = (size_t)(off - w->off);
		size_t piece = SV_MIN(len, w->len - at);
		memcpy(p, w->buf + at, piece);
		p += piece;
		off += piece;
		len -= piece;
	}
	return 0;
}
