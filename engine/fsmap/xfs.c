/* xfs.c - used-block map of XFS */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/xfs_files.h"

#include "engine/util/bytes.h"
#include "engine/util/crc.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAMED_MAX 6 /* touched groups named by number */

bool xfs_crc_ok(const uint8_t *buf, size_t len, size_t at)
{
	static const uint8_t zero[4];
	uint32_t crc = sv_crc32c(~0u, buf, at);
	crc = sv_crc32c(crc, zero, sizeof(zero));
	crc = sv_crc32c(crc, buf + at + 4, len - at - 4);
	return ~crc == get_le32(buf + at);
}

bool xfs_sealed(const struct xfs_fs *fs, const uint8_t *buf, size_t len, size_t crc, size_t uuid)
{
	return !fs->v5 ||
	       (xfs_crc_ok(buf, len, crc) && memcmp(buf + uuid, fs->uuid, sizeof(fs->uuid)) == 0);
}

/* "0", "0 and 2", "0, 2 and 3" */
static void name_groups(const struct xfs_fs *fs, char *text, size_t size)
{
	uint32_t named = 0;
	size_t len = 0;
	for (uint32_t ag = 0; ag < fs->ags && len < size; ag++) {
		if (!xfs_is_touched(fs, ag))
			continue;
		const char *before = !named ? "" : named + 1 == fs->touched_n ? " and " : ", ";
		len += (size_t)snprintf(text + len, size - len, "%s%" PRIu32, before, ag);
		named++;
	}
}

static int name_state(struct xfs_fs *fs)
{
	char text[100] = "";
	if (!fs->dirty)
		return 0;
	if (fs->touched_n == fs->ags)
		return fsmap_whole(fs->r, "it was not shut down cleanly while all its groups were "
					  "written to");
	if (fs->touched_n == 0) {
		fsmap_union(fs->r, "it was not shut down cleanly, but its log changes no free "
				   "space");
	} else if (fs->touched_n > NAMED_MAX) {
		fsmap_union(fs->r,
			    "it was not shut down cleanly: %" PRIu32 " of %" PRIu32
			    " groups are read whole",
			    fs->touched_n, fs->ags);
	} else {
		name_groups(fs, text, sizeof(text));
		fsmap_union(fs->r,
			    "it was not shut down cleanly: group%s %s of %" PRIu32 " %s read whole",
			    fs->touched_n > 1 ? "s" : "", text, fs->ags,
			    fs->touched_n > 1 ? "are" : "is");
	}
	return 0;
}

static int map(struct xfs_fs *fs)
{
	int ret = xfs_super_read(fs);
	if (ret)
		return ret;
	fs->block = malloc(fs->block_size);
	if (!fs->block)
		return SV_E_NOMEM;
	ret = xfs_log_check(fs);
	if (!ret)
		ret = xfs_ags_map(fs);
	return ret ? ret : name_state(fs);
}

static int read_xfs(struct fsmap_reader *r)
{
	struct xfs_fs *fs = calloc(1, sizeof(*fs));
	if (!fs)
		return SV_E_NOMEM;
	fs->r = r;
	int ret = map(fs);
	free(fs->touched);
	free(fs->block);
	free(fs);
	return ret;
}

const struct fsmap_ops fsmap_xfs_ops = {
	.name = "xfs",
	.types = (const char *const[]){"xfs", NULL},
	.read = read_xfs,
	.files = xfs_files_find,
};
