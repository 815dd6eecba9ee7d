/* erase.c - what several screens say of a disk that will be overwritten, and the check that keeps
 * the wrong one safe */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/erase.h"
#include "tui/disks.h"
#include "tui/i18n.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

void erase_loss(const struct app *app, struct page *page, const struct disk *disk)
{
	struct content_view view;
	struct page_segment segments[64];
	char size[SV_SIZE_TEXT];
	content_get(app->content, disk, &view);
	if (view.blank) {
		page_text(page, STYLE_OK, "%s",
			  _("It is empty: its ends and hundreds of places between them are "
			    "zeros."));
	} else if (view.state == CONTENT_READY && view.n_parts) {
		page_bar(page, segments,
			 disks_segments(&view, disk->size, segments, SV_ARRAY(segments)));
		page_text(page, STYLE_DANGER,
			  _n("WILL BE LOST: %zu partition, %s in use",
			     "WILL BE LOST: %zu partitions, %s in use", view.n_parts),
			  view.n_parts, sv_text_size(size, view.used));
	} else if (view.state == CONTENT_READY) {
		page_text(page, STYLE_NORMAL, "%s",
			  _("No partitions are known on it. Whatever is there will be lost."));
	} else {
		page_text(page, STYLE_DANGER, _("WILL BE LOST: everything on it (%s)"),
			  view.state == CONTENT_FAILED ? view.sentence : _("being looked at ..."));
	}
	content_view_clear(&view);
}

/* A small disk without a serial number is told by MB, others by GB. */
static bool in_megabytes(const struct disk *disk)
{
	return disk->size < 10000000000;
}

void erase_check(struct page *page, const struct disk *disk, int id, const char *typed)
{
	bool small = in_megabytes(disk);
	if (*disk->serial) {
		page_text(page, STYLE_NORMAL, "%s",
			  _("To go on, type the last 4 characters of the serial number of the disk "
			    "that is overwritten:"));
		page_field(page, id, _("Serial ends"), typed, false);
		return;
	}
	page_text(page, STYLE_NORMAL, "%s",
		  small ? _("This disk has no serial number. To go on, type its size in MB, a "
			    "whole number:")
			: _("This disk has no serial number. To go on, type its size in GB, a "
			    "whole number:"));
	page_field(page, id, small ? _("MB") : _("GB"), typed, false);
}

/* What has to be typed: the end of the serial number; without one, the size as a whole number. */
static void expected(const struct disk *disk, char *out, size_t cap)
{
	size_t len = strlen(disk->serial);
	uint64_t unit = in_megabytes(disk) ? 1000000 : 1000000000;
	if (len)
		snprintf(out, cap, "%.15s", disk->serial + (len > 4 ? len - 4 : 0));
	else
		snprintf(out, cap, "%llu", (unsigned long long)(disk->size / unit));
}

bool erase_confirmed(const struct disk *disk, const char *typed)
{
	char want[16];
	expected(disk, want, sizeof(want));
	return !strcasecmp(typed, want);
}
