/* types.c - what people call the types that libblkid knows, and which of them take a whole disk */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/fsmap.h"

#include "engine/util/bytes.h"

#include <string.h>

/*
 * Types whose libblkid name says it well enough (ext4, btrfs, squashfs) are not here. `member`:
 * what lies on the disk is not the disk's own, but of something that lies over it, or over several.
 */
static const struct {
	const char *type, *name;
	bool member;
} types[] = {
	{"linux_raid_member", "Linux RAID", true},
	{"isw_raid_member", "Intel firmware RAID (IMSM)", true},
	{"ddf_raid_member", "RAID with DDF metadata", true},
	{"lsi_mega_raid_member", "LSI MegaRAID firmware RAID", true},
	{"via_raid_member", "VIA firmware RAID", true},
	{"silicon_medley_raid_member", "Silicon Image firmware RAID (Medley)", true},
	{"nvidia_raid_member", "NVIDIA firmware RAID", true},
	{"promise_fasttrack_raid_member", "Promise FastTrak firmware RAID", true},
	{"hpt37x_raid_member", "HighPoint firmware RAID (HPT37x)", true},
	{"hpt45x_raid_member", "HighPoint firmware RAID (HPT45x)", true},
	{"adaptec_raid_member", "Adaptec firmware RAID", true},
	{"jmicron_raid_member", "JMicron firmware RAID", true},
	{"zfs_member", "ZFS", true},
	{"bcache", "bcache", true},
	{"drbd", "DRBD", true},
	{"drbdmanage_control_volume", "the control volume of DRBD Manage", true},
	{"drbdproxy_datalog", "the data log of DRBD Proxy", true},
	{"ceph_bluestore", "Ceph (BlueStore)", true},
	{"stratis", "Stratis", true},
	{"vdo", "VDO", true},
	{"oracleasm", "Oracle ASM", true},
	{"VMFS_volume_member", "VMware VMFS", true},
	{"VMFS", "VMware VMFS", false},
	{"LVM2_member", "LVM", false},
	{"LVM1_member", "LVM1", false},
	{"DM_snapshot_cow", "the changes of an LVM snapshot", false},
	{"DM_verity_hash", "the hashes of dm-verity", false},
	{"DM_integrity", "dm-integrity", false},
	{"crypto_LUKS", "LUKS", false},
	{"ubi", "UBI", false},
	{"ubifs", "UBIFS", false},
	{"ReFS", "Windows ReFS", false},
	{"ufs", "UFS (BSD, Solaris)", false},
	{"jfs", "JFS", false},
	{"reiserfs", "ReiserFS", false},
	{"reiser4", "Reiser4", false},
	{"nilfs2", "NILFS2", false},
	{"minix", "Minix", false},
	{"iso9660", "ISO 9660 (a CD, a DVD or its image)", false},
	{"udf", "UDF (a DVD, a Blu-ray or its image)", false},
	{"hfs", "HFS (Mac OS Standard)", false},
	{"hpfs", "HPFS (OS/2)", false},
	{"befs", "BeFS (BeOS, Haiku)", false},
	{"bfs", "BFS (UnixWare)", false},
	{"sysv", "System V", false},
	{"xenix", "Xenix", false},
	{"vxfs", "VxFS (Veritas)", false},
	{"nss", "NSS (Novell)", false},
	{"mpool", "mpool (HSE)", true},
	{"exfs", "EXFS (SGI)", false},
	{"ext4dev", "an early ext4 (ext4dev)", false},
	{"gfs", "GFS", false},
	{"gfs2", "GFS2", false},
	{"ocfs", "OCFS", false},
	{"ocfs2", "OCFS2", false},
	{"squashfs", "SquashFS", false},
	{"squashfs3", "SquashFS 3", false},
	{"cramfs", "cramfs", false},
	{"romfs", "romfs", false},
	{"erofs", "EROFS", false},
	{"zonefs", "zonefs", false},
	{"jbd", "the journal of an ext filesystem on another disk", false},
	{"xfs_external_log", "the log of an XFS on another disk", false},
};

const char *fsmap_type_name(const char *type)
{
	for (size_t i = 0; i < SV_ARRAY(types); i++)
		if (!strcmp(type, types[i].type))
			return types[i].name;
	return type;
}

bool fsmap_type_is_member(const char *type)
{
	for (size_t i = 0; i < SV_ARRAY(types); i++)
		if (!strcmp(type, types[i].type))
			return types[i].member;
	return false;
}
