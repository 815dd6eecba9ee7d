/* disks.h - what several screens say about a disk */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TUI_DISKS_H
#define TUI_DISKS_H

#include "tui/app.h"

#define DISKS_WHERE_TEXT   200
#define DISKS_SUMMARY_TEXT 300
#define DISKS_HEALTH_TEXT  300

/* "/dev/sda  sata" */
const char *disks_where(const struct disk *disk, char out[DISKS_WHERE_TEXT]);
/* "/dev/sda1", "/dev/nvme0n1p1"; number 0: the disk itself. */
void disks_part_node(const struct disk *disk, int number, char *out, size_t cap);
/* "4 partitions, 313 GB used", or why that is not known. */
const char *disks_summary(const struct app *app, const struct disk *disk,
			  char out[DISKS_SUMMARY_TEXT]);
/* "health: good, 34 C", "health: FAILING", or that it is not known. */
const char *disks_health(const struct app *app, const struct disk *disk,
			 char out[DISKS_HEALTH_TEXT]);
enum page_style disks_health_style(const struct health *health);
enum page_style disks_reason_style(const struct health_reason *reason);
/* One line of the worst it says, when it is worn or failing. */
void disks_alarm(const struct app *app, struct page *page, const struct disk *disk);
/* What must be read before the disk is used: that it is failing or worn, and why; that it is locked
 * or keeps something back. */
void disks_warning(const struct app *app, struct page *page, const struct disk *disk, bool target);
/* It says of itself that it is failing. */
bool disks_is_failing(const struct app *app, const struct disk *disk);
/* What about the machine explains missing disks (battery = false), or that it runs on its battery.
 */
void disks_remarks(const struct app *app, struct page *page, bool battery);
/* The very disk, not plugged in anew meanwhile, under the same name. */
bool disks_is_there(const struct app *app, const struct disk *disk);
/* The disk with that number of the session, NULL when it is gone. */
const struct disk *disks_by_number(const struct app *app, int number);
/* A disk as a thing to choose, with its bar and partitions. `reason`: why it cannot be chosen. */
void disks_item(const struct app *app, struct page *page, int id, const struct disk *disk,
		const char *reason);
/* Partitions and gaps to scale; returns how many. */
size_t disks_segments(const struct content_view *view, uint64_t size, struct page_segment *out,
		      size_t cap);

#endif
