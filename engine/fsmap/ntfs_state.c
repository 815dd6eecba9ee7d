/* ntfs_state.c - was this NTFS shut down cleanly: $Volume, $LogFile, hiberfil.sys */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/ntfs.h"

#include "engine/util/bytes.h"

#include <stdlib.h>
#include <string.h>

/* kernel fs/ntfs3/ntfs.h, struct VOLUME_INFO */
#define VOLUME_MAJOR	 8
#define VOLUME_MINOR	 9
#define VOLUME_FLAGS	 10
#define VOLUME_INFO_LEN	 12
#define VOLUME_DIRTY	 0x0001
#define VOLUME_IN_CHKDSK 0x4000

/* kernel fs/ntfs3/fslog.c, struct RESTART_HDR and RESTART_AREA */
#define RESTART_PAGE_SIZE 0x10
#define RESTART_AREA_OFF  0x18
#define RESTART_MINOR	  0x1a
#define RESTART_MAJOR	  0x1c
#define AREA_LSN	  0x00
#define AREA_IN_USE	  0x0c
#define AREA_FLAGS	  0x0e
#define AREA_MIN	  0x30
#define AREA_NO_CLIENT	  0xffff
#define AREA_CLEAN	  2
#define PAGE_MAX	  65536u

struct restart {
	uint32_t page; /* bytes */
	uint64_t lsn;
	bool clean;
};

static int check_volume_info(struct ntfs_vol *v, const struct ntfs_attr *a)
{
	if (!a->resident || a->value_len < VOLUME_INFO_LEN)
		return ntfs_doubt(v, "$Volume is damaged");
	unsigned int major = a->value[VOLUME_MAJOR], minor = a->value[VOLUME_MINOR];
	unsigned int flags = get_le16(a->value + VOLUME_FLAGS);
	int rc = 0;
	if (flags & VOLUME_DIRTY)
		rc = ntfs_unclean(v, "it is marked dirty");
	if (flags & VOLUME_IN_CHKDSK)
		return ntfs_doubt(v, "chkdsk was at work on it");
	if (!(major == 1 && minor == 2) && !(major == 3 && minor <= 1))
		return ntfs_doubt(v, "NTFS version %u.%u is not known", major, minor);
	return rc;
}

int ntfs_volume_check(struct ntfs_vol *v)
{
	struct ntfs_attr a;
	uint32_t pos = 0;
	int more = 0, rc = SV_E_NOMEM;
	uint8_t *rec = malloc(v->record);
	if (!rec)
		return rc;
	rc = ntfs_record_read(v, NTFS_REC_VOLUME, rec);
	while (!rc && (more = ntfs_attr_next(rec, v->record, &pos, &a)) == 1)
		if (a.type == NTFS_AT_VOLUME_INFORMATION)
			break;
	if (!rc && more == 1)
		rc = check_volume_info(v, &a);
	else if (!rc)
		rc = ntfs_doubt(v, "$Volume is damaged");
	free(rec);
	return rc;
}

static bool all_ones(const uint8_t *buf, size_t len)
{
	return len == 0 || (buf[0] == 0xff && memcmp(buf, buf + 1, len - 1) == 0);
}

/* ntfs-3g and Linux empty the log: all of it is 0xff then. */
static int check_emptied(struct ntfs_vol *v, struct ntfs_stream *log)
{
	struct ntfs_window w = {.stream = log};
	int rc = 0;
	for (uint64_t at = 0; !rc && at < log->size; at += NTFS_PIECE) {
		rc = ntfs_window_seek(v, &w, at);
		if (rc > 0 && v->partly)
			rc = 0;
		else if (!rc && !all_ones(w.buf, w.len))
			rc = ntfs_doubt(v, "its log has lost its restart pages");
	}
	free(w.buf);
	return rc;
}

/* false when the page is torn, malformed or of an unknown version. Changes the page. */
static bool parse_restart(uint8_t *page, uint32_t size, struct restart *found)
{
	unsigned int area_off = get_le16(page + RESTART_AREA_OFF);
	unsigned int major = get_le16(page + RESTART_MAJOR);
	if (memcmp(page, "RSTR", 4) != 0 || get_le32(page + RESTART_PAGE_SIZE) != size ||
	    !ntfs_fixup(page, size) || area_off % 8 || !sv_range_ok(area_off, AREA_MIN, size) ||
	    major < 1 || major > 2)
		return false;
	const uint8_t *area = page + area_off;
	found->page = size;
	found->lsn = get_le64(area + AREA_LSN);
	found->clean = get_le16(area + AREA_IN_USE) == AREA_NO_CLIENT ||
		       (get_le16(area + AREA_FLAGS) & AREA_CLEAN);
	return true;
}

/*
 * Two restart pages, the newer counts. A page that cannot be understood is a reason to doubt, even
 * the older one: it may have been torn while it was being written.
 */
static int check_restart(struct ntfs_vol *v, struct ntfs_stream *log, uint8_t *page, uint32_t size)
{
	struct restart copy[2];
	for (int i = 0; i < 2; i++) {
		int rc = ntfs_stream_read(v, log, page, size, (uint64_t)i * size, false);
		if (rc)
			return rc;
		if (memcmp(page, "CHKD", 4) == 0)
			return ntfs_doubt(v, "chkdsk was at work on it");
		if (!parse_restart(page, size, &copy[i]))
			return ntfs_doubt(v, "its log is damaged");
	}
	bool clean = copy[0].lsn == copy[1].lsn ? copy[0].clean && copy[1].clean
						: copy[copy[1].lsn > copy[0].lsn].clean;
	if (clean)
		return 0;
	v->log_in_use = true;
	return ntfs_unclean(v, "it was not shut down cleanly: its log holds changes that are not "
			       "in the map yet");
}

static int check_log_pages(struct ntfs_vol *v, struct ntfs_stream *log, uint8_t *page)
{
	if (log->valid < log->size || log->size < 2 * NTFS_BLOCK)
		return ntfs_doubt(v, "its log is too short");
	int rc = ntfs_stream_read(v, log, page, NTFS_BLOCK, 0, false);
	if (rc)
		return rc;
	if (all_ones(page, NTFS_BLOCK))
		return check_emptied(v, log);
	if (memcmp(page, "CHKD", 4) == 0)
		return ntfs_doubt(v, "chkdsk was at work on it");
	uint32_t size = get_le32(page + RESTART_PAGE_SIZE);
	if (!sv_is_pow2(size) || size < NTFS_BLOCK || size > PAGE_MAX || size > log->size / 2)
		return ntfs_doubt(v, "its log is damaged");
	return check_restart(v, log, page, size);
}

int ntfs_log_check(struct ntfs_vol *v)
{
	struct ntfs_stream log = {.what = "$LogFile"};
	uint8_t *page = malloc(PAGE_MAX);
	int rc = page ? ntfs_stream_load(v, &log, NTFS_REC_LOGFILE, NTFS_AT_DATA, "") : SV_E_NOMEM;
	if (!rc)
		rc = check_log_pages(v, &log, page);
	free(page);
	ntfs_stream_clear(&log);
	return rc;
}

/* Heads: "hibr" suspended, "RSTR" while it was resuming, "wake" after it had resumed, zeros never
 * used (libntfs-3g volume.c, ntfs_volume_check_hiberfile). */
static int judge_hiberfil(struct ntfs_vol *v, const uint8_t *head, size_t len)
{
	static const char *const asleep[] = {"hibr", "HIBR", "RSTR"};
	static const char *const awake[] = {"wake", "WAKE", "\0\0\0"};
	if (len < 4)
		return 0;
	for (size_t i = 0; i < SV_ARRAY(asleep); i++)
		if (memcmp(head, asleep[i], 4) == 0)
			v->hibernated = true;
	for (size_t i = 0; i < SV_ARRAY(awake); i++)
		if (memcmp(head, awake[i], 4) == 0)
			return 0;
	return ntfs_doubt(v, "hiberfil.sys begins with something unknown");
}

int ntfs_hiberfil_check(struct ntfs_vol *v)
{
	struct ntfs_stream s = {.what = "hiberfil.sys"};
	uint8_t head[NTFS_BLOCK];
	if (!v->hiberfil)
		return 0;
	int rc = ntfs_stream_load(v, &s, v->hiberfil, NTFS_AT_DATA, "");
	size_t len = (size_t)SV_MIN(s.valid, sizeof(head));
	if (!rc)
		rc = ntfs_stream_read(v, &s, head, len, 0, true);
	if (!rc)
		rc = judge_hiberfil(v, head, len);
	ntfs_stream_clear(&s);
	return rc;
}
