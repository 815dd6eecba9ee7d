/* edges.c - the stored bytes of a stream that no frame covers: identity, result, tables */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/image/edges.h"

#include "engine/util/bytes.h"
#include "engine/util/crc.h"

#include <stdlib.h>

#define PIECE ((size_t)SV_MIB)

static int add_range(struct volumes_reader *stream, uint64_t from, uint64_t to, uint8_t *buf,
		     uint32_t *crc)
{
	int rc = 0;
	while (!rc && from < to) {
		size_t len = (size_t)SV_MIN(PIECE, to - from);
		rc = volumes_reader_pread(stream, buf, len, from, NULL);
		if (!rc)
			*crc = sv_crc32c(*crc, buf, len);
		from += len;
	}
	return rc;
}

int edges_crc(struct volumes_reader *stream, const struct codec_ops *codec,
	      const struct frame_table *frames, uint32_t *crc_ret)
{
	const struct frame_entry *first = frames->v,
				 *last = frames->n ? frames->v + frames->n - 1 : NULL;
	if (!last || !first->payload || !last->payload)
		return SV_E_DATA;
	uint8_t *buf = malloc(PIECE);
	uint32_t crc = ~0u;
	if (!buf)
		return SV_E_NOMEM;
	int rc = add_range(stream, 0, first->offset, buf, &crc);
	if (!rc)
		rc = add_range(stream, last->offset + frame_stored_len(codec, last),
			       volumes_reader_size(stream), buf, &crc);
	free(buf);
	*crc_ret = ~crc;
	return rc;
}
