/* ops.h - the codecs there are; private to engine/codec */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_CODEC_OPS_H
#define SV_CODEC_OPS_H

#include "engine/codec/codec.h"

extern const struct codec_ops codec_zstd;
extern const struct codec_ops codec_xz;
extern const struct codec_ops codec_none;

#endif
