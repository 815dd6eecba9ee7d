/* edges.h - the stored bytes of a stream that no frame covers; private to engine/image */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_IMAGE_EDGES_H
#define SV_IMAGE_EDGES_H

#include "engine/image/frames.h"
#include "engine/io/volumes.h"

/*
 * CRC32C over everything before the first frame and behind the last: identity, result, seek table
 * or xz index. Frames carry checksums of their own, so that with this no byte of a stream is
 * unchecked. SV_E_DATA when first or last frame are not known, SV_E_NOMEM, or what reading failed
 * with.
 */
int edges_crc(struct volumes_reader *stream, const struct codec_ops *codec,
	      const struct frame_table *frames, uint32_t *crc_ret);

#endif
