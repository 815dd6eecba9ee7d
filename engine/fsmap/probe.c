/* probe.c - what libblkid sees on a volume, through a sparse copy of what probes look at */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/fsmap.h"

#include "engine/util/bytes.h"

#include <blkid/blkid.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/*
 * libblkid 2.38 looks for superblocks up to 2 MiB from the start (VMFS) and, for RAID members, up
 * to 1 MiB from the end. A few types point to a structure elsewhere, which is copied as well.
 */
#define PROBE_HEAD (4 * SV_MIB)
#define PROBE_TAIL (2 * SV_MIB)
#define PROBE_HINT (64 * SV_KIB)
#define COPY_PIECE SV_MIB

struct prober {
	struct blk_dev *vol;
	int fd;	      /* the memfd */
	uint8_t *buf; /* COPY_PIECE bytes */
	struct sv_err *err;
};

static int write_all(struct prober *p, size_t len, uint64_t off)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = pwrite(p->fd, p->buf + done, len - done, (off_t)(off + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return sv_fail_nomem(p->err);
		done += (size_t)n;
	}
	return 0;
}

/* Copy what exists of [start, start + len); zeros stay holes. */
static int copy_area(struct prober *p, uint64_t start, uint64_t len)
{
	if (start >= p->vol->size)
		return 0;
	uint64_t end = start + SV_MIN(len, p->vol->size - start);
	while (start < end) {
		size_t n = (size_t)SV_MIN(end - start, COPY_PIECE);
		int rc = blk_pread(p->vol, p->buf, n, start, p->err);
		if (!rc && !sv_is_zero(p->buf, n))
			rc = write_all(p, n, start);
		if (rc)
			return rc;
		start += n;
	}
	return 0;
}

static int copy_hint(struct prober *p, uint64_t where, uint64_t unit)
{
	uint64_t off;
	return sv_mul_ok(where, unit, &off) ? copy_area(p, off, PROBE_HINT) : 0;
}

/* HFS+ names its volume in the first records of its catalog, right behind the tree's header. */
static int copy_catalog(struct prober *p)
{
	uint8_t header[512];
	if (p->vol->size < 1024 + sizeof(header))
		return 0;
	int rc = blk_pread(p->vol, header, sizeof(header), 1024, p->err);
	if (rc || (memcmp(header, "H+", 2) != 0 && memcmp(header, "HX", 2) != 0))
		return rc;
	return copy_hint(p, get_be32(header + 288), get_be32(header + 40));
}

/*
 * NTFS names its volume in the MFT, FAT32 in the root folder, exFAT in its root folder; BitLocker
 * is recognised only with its metadata block.
 */
static int copy_hints(struct prober *p)
{
	uint8_t boot[512];
	if (p->vol->size < sizeof(boot))
		return 0;
	int rc = blk_pread(p->vol, boot, sizeof(boot), 0, p->err);
	if (rc)
		return rc;
	uint32_t sector = get_le16(boot + 11);
	if (memcmp(boot + 3, "NTFS    ", 8) == 0) {
		uint32_t spc = boot[13] > 128 ? 1u << (256 - boot[13]) % 32 : boot[13];
		return copy_hint(p, get_le64(boot + 48), (uint64_t)sector * spc);
	}
	if (memcmp(boot + 3, "-FVE-FS-", 8) == 0)
		return copy_hint(p, get_le64(boot + 176), 1);
	if (memcmp(boot + 3, "EXFAT   ", 8) == 0 && boot[108] < 16 && boot[109] < 26) {
		uint64_t heap = (uint64_t)get_le32(boot + 88) << boot[108];
		uint64_t root = (uint64_t)get_le32(boot + 96) - 2;
		return copy_hint(p, heap + (root << boot[108] << boot[109]), 1);
	}
	if (memcmp(boot + 82, "FAT32   ", 8) == 0) {
		uint64_t data = get_le16(boot + 14) + (uint64_t)boot[16] * get_le32(boot + 36);
		uint64_t root = (uint64_t)get_le32(boot + 44) - 2;
		rc = copy_hint(p, data + root * boot[13], sector);
	}
	if (!rc && memcmp(boot + 3, "MSWIN4.1", 8) == 0 && get_le64(boot + 440))
		rc = copy_hint(p, get_le64(boot + 440), 1);
	return rc;
}

static int fill(struct prober *p)
{
	uint64_t size = p->vol->size, tail = SV_MIN(size, PROBE_TAIL);
	if (ftruncate(p->fd, (off_t)size))
		return sv_fail(p->err, SV_E_IO, errno, p->vol->name, "cannot probe %s",
			       p->vol->name);
	int rc = copy_area(p, 0, PROBE_HEAD);
	if (!rc && size > PROBE_HEAD)
		rc = copy_area(p, size - tail, tail);
	if (!rc)
		rc = copy_hints(p);
	return rc ? rc : copy_catalog(p);
}

static void take_value(blkid_probe pr, const char *name, char *out, size_t len)
{
	const char *value;
	if (blkid_probe_lookup_value(pr, name, &value, NULL) == 0)
		snprintf(out, len, "%s", value);
}

static int ask(struct prober *p, struct fsmap_probe *probe)
{
	blkid_probe pr = blkid_new_probe();
	if (!pr)
		return sv_fail_nomem(p->err);
	int rc = 0;
	if (blkid_probe_set_device(pr, p->fd, 0, (blkid_loff_t)p->vol->size) ||
	    blkid_probe_set_sectorsize(pr, p->vol->sector_size) ||
	    blkid_probe_enable_superblocks(pr, 1) ||
	    blkid_probe_set_superblocks_flags(pr, BLKID_SUBLKS_TYPE | BLKID_SUBLKS_LABEL |
							  BLKID_SUBLKS_UUID | BLKID_SUBLKS_MAGIC) ||
	    blkid_probe_enable_partitions(pr, 0)) {
		rc = sv_fail_nomem(p->err);
		goto out;
	}
	int found = blkid_do_safeprobe(pr);
	if (found == -2) {
		probe->ambivalent = true;
	} else if (found < 0) {
		rc = sv_fail(p->err, SV_E_IO, 0, p->vol->name, "cannot probe %s", p->vol->name);
	} else if (found == 0) {
		take_value(pr, "TYPE", probe->type, sizeof(probe->type));
		take_value(pr, "LABEL", probe->label, sizeof(probe->label));
		take_value(pr, "UUID", probe->uuid, sizeof(probe->uuid));
	}
out:
	blkid_free_probe(pr);
	return rc;
}

int fsmap_probe(struct blk_dev *vol, struct fsmap_probe *probe, struct sv_err *err)
{
	struct prober p = {.vol = vol, .fd = -1, .err = err};
	memset(probe, 0, sizeof(*probe));
	if (vol->size == 0)
		return 0;
	p.fd = memfd_create("salvor-probe", MFD_CLOEXEC);
	p.buf = malloc(COPY_PIECE);
	int rc = p.fd < 0 || !p.buf ? sv_fail_nomem(err) : fill(&p);
	if (!rc)
		rc = ask(&p, probe);
	free(p.buf);
	if (p.fd >= 0)
		close(p.fd);
	return rc;
}
