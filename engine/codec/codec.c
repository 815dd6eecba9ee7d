/* codec.c - the table of codecs and the presets */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/codec/ops.h"

#include "engine/util/bytes.h"

#include <string.h>

static const struct codec_ops *const codecs[] = {&codec_zstd, &codec_xz, &codec_none};

static const struct codec_preset presets[] = {
	{.name = "fast", .codec = "zstd", .level = 1, .frame_size = 1 * SV_MIB},
	{.name = "normal", .codec = "zstd", .level = 3, .frame_size = 4 * SV_MIB},
	{.name = "small", .codec = "zstd", .level = 9, .frame_size = 4 * SV_MIB},
	{.name = "smallest", .codec = "zstd", .level = 19, .frame_size = 4 * SV_MIB},
};

const struct codec_ops *codec_find(const char *name)
{
	for (size_t i = 0; i < SV_ARRAY(codecs); i++)
		if (!strcmp(codecs[i]->name, name))
			return codecs[i];
	return NULL;
}

const struct codec_preset *codec_preset_find(const char *name)
{
	for (size_t i = 0; i < SV_ARRAY(presets); i++)
		if (!strcmp(presets[i].name, name))
			return &presets[i];
	return NULL;
}
