/* ntfs_boot.c - the boot sector of NTFS */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/ntfs.h"

#include "engine/util/bytes.h"

#include <inttypes.h>
#include <string.h>

/* kernel fs/ntfs3/ntfs.h, struct NTFS_BOOT */
#define BOOT_OEM	 0x03
#define BOOT_SECTOR_SIZE 0x0b
#define BOOT_CLUSTER	 0x0d
#define BOOT_SECTORS	 0x28
#define BOOT_MFT_LCN	 0x30
#define BOOT_MIRROR_LCN	 0x38
#define BOOT_RECORD	 0x40
#define CLUSTER_MAX	 (2u * 1024 * 1024)

/* Sectors per cluster: up to 0x80 as it stands, above that 2^(256 - value). 0 = malformed. */
static uint64_t sectors_per_cluster(uint8_t raw)
{
	if (raw > 0x80)
		return 256 - raw < 32 ? 1ULL << (256 - raw) : 0;
	return raw;
}

/* Clusters per record, or as a negative number the power of two in bytes. 0 = malformed. */
static uint64_t record_bytes(uint8_t raw, uint64_t cluster)
{
	if (raw < 0x80)
		return raw * cluster;
	return 256 - raw < 32 ? 1ULL << (256 - raw) : 0;
}

static int take_geometry(struct ntfs_vol *v, const uint8_t *boot)
{
	uint64_t sector = get_le16(boot + BOOT_SECTOR_SIZE);
	uint64_t per_cluster = sectors_per_cluster(boot[BOOT_CLUSTER]);
	uint64_t cluster = sector * per_cluster, size;
	if (!sv_is_pow2(sector) || sector < NTFS_BLOCK || sector > 4096)
		return ntfs_doubt(v, "sectors of %" PRIu64 " bytes are not known", sector);
	if (!sv_is_pow2(cluster) || cluster > CLUSTER_MAX)
		return ntfs_doubt(v, "clusters of %" PRIu64 " bytes are not known", cluster);
	uint64_t record = record_bytes(boot[BOOT_RECORD], cluster);
	if (!sv_is_pow2(record) || record < NTFS_BLOCK || record > NTFS_RECORD_MAX)
		return ntfs_doubt(v, "MFT records of %" PRIu64 " bytes are not known", record);
	if (!sv_mul_ok(get_le64(boot + BOOT_SECTORS), sector, &size) || size > fsmap_size(v->r))
		return ntfs_doubt(v, "the filesystem is larger than its volume");
	v->cluster = (uint32_t)cluster;
	v->record = (uint32_t)record;
	v->clusters = size / cluster;
	fsmap_set_block_size(v->r, v->cluster);
	return 0;
}

int ntfs_boot_read(struct ntfs_vol *v, uint64_t at)
{
	uint8_t boot[NTFS_BLOCK];
	int rc = fsmap_read_meta(v->r, boot, sizeof(boot), at, "the boot sector");
	if (rc)
		return rc;
	if (memcmp(boot + BOOT_OEM, "NTFS    ", 8) != 0)
		return ntfs_doubt(v, "the boot sector is not that of NTFS");
	rc = take_geometry(v, boot);
	if (rc)
		return rc;
	v->mft_lcn = get_le64(boot + BOOT_MFT_LCN);
	v->mirror_lcn = get_le64(boot + BOOT_MIRROR_LCN);
	if (v->mft_lcn >= v->clusters)
		return ntfs_doubt(v, "$MFT would lie outside of the volume");
	return 0;
}
