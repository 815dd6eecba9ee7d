/* ntfs.c - used-block map of NTFS: $Bitmap, believed only where everything else agrees */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/ntfs.h"

#include "engine/util/bytes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

int ntfs_doubt(struct ntfs_vol *v, const char *fmt, ...)
{
	if (v->doubt[0])
		return FSMAP_IS_WHOLE;
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(v->doubt, sizeof(v->doubt), fmt, ap);
	va_end(ap);
	return FSMAP_IS_WHOLE;
}

int ntfs_unclean(struct ntfs_vol *v, const char *why)
{
	if (!v->unite)
		return ntfs_doubt(v, "%s (%s)", why, FSMAP_NTFS_HINT);
	if (!v->unclean[0])
		snprintf(v->unclean, sizeof(v->unclean), "%s", why);
	return 0;
}

static int load_bitmap(struct ntfs_vol *v)
{
	int rc = ntfs_stream_load(v, &v->bitmap, NTFS_REC_BITMAP, NTFS_AT_DATA, "");
	if (rc)
		return rc;
	if (v->bitmap.valid < (v->clusters + 7) / 8)
		return ntfs_doubt(v, "$Bitmap is too short for the volume");
	return 0;
}

static int mark_free(struct ntfs_vol *v)
{
	struct ntfs_window w = {.stream = &v->bitmap};
	int rc = 0;
	for (uint64_t at = 0; !rc && at < v->clusters; at += (uint64_t)NTFS_PIECE * 8) {
		rc = ntfs_window_seek(v, &w, at / 8);
		if (!rc)
			rc = fsmap_mark_bitmap(v->r, w.buf, 0,
					       SV_MIN(v->clusters - at, (uint64_t)NTFS_PIECE * 8),
					       at * v->cluster, v->cluster);
	}
	free(w.buf);
	return rc;
}

/* Each step is taken even when another one found a reason to doubt, as long as the MFT is there. */
static int examine(struct ntfs_vol *v)
{
	int (*const steps[])(struct ntfs_vol *) = {
		ntfs_volume_check,   ntfs_log_check, load_bitmap,      ntfs_walk,
		ntfs_hiberfil_check, ntfs_log_unite, ntfs_shadow_keep,
	};
	int all = 0;
	for (size_t i = 0; i < SV_ARRAY(steps); i++) {
		int rc = steps[i](v);
		if (rc < 0)
			return rc;
		all |= rc;
	}
	return all;
}

static int decide(struct ntfs_vol *v, int rc)
{
	if (rc < 0)
		return rc;
	if (v->hibernated) {
		fsmap_set_hibernated(v->r);
		return fsmap_whole(v->r, "Windows is hibernated (Fast Startup)");
	}
	if (v->doubt[0])
		return fsmap_whole(v->r, "%s", v->doubt);
	if (!rc && v->unclean[0])
		fsmap_union(v->r, "%s; %s, what $Bitmap, $MFT or its log names is read", v->unclean,
			    FSMAP_NTFS_UNITED);
	return rc ? rc : mark_free(v);
}

static int ntfs_read(struct fsmap_reader *r)
{
	struct ntfs_vol v = {
		.r = r,
		.unite = fsmap_wants_ntfs_union(r),
		.mft.what = "$MFT",
		.mft_bitmap.what = "the bitmap of $MFT",
		.bitmap.what = "$Bitmap",
	};
	int rc = ntfs_boot_read(&v, 0);
	if (!rc)
		rc = ntfs_mft_load(&v);
	if (!rc)
		rc = examine(&v);
	rc = decide(&v, rc);
	ntfs_stream_clear(&v.mft);
	ntfs_stream_clear(&v.mft_bitmap);
	ntfs_stream_clear(&v.bitmap);
	free(v.record0);
	return rc;
}

static const char *const ntfs_types[] = {"ntfs", NULL};

const struct fsmap_ops fsmap_ntfs_ops = {
	.name = "ntfs",
	.types = ntfs_types,
	.read = ntfs_read,
	.files = ntfs_files_find,
};
