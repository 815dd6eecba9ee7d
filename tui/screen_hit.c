/* screen_hit.c - which files a rescue has hit: a few lines of the result, and a page of its own */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/flow.h"
#include "tui/hit.h"
#include "tui/i18n.h"

#include <stdio.h>
#include <string.h>

/* Files that are named; all of them stand in the list on the disk. */
#define FEW  3
#define MANY 500

/* What a file has lost. */
struct loss {
	bool counts; /* more than space behind its end */
	uint64_t bytes;
	bool lost, holes, names, attrs; /* what else: all of it, unknown parts ... */
};

static struct loss loss_of(const struct fsmap_files *files, const struct files_file *f)
{
	struct loss l = {0};
	for (size_t i = f->first; i < f->first + f->n; i++) {
		const struct files_loss *one = &files->losses[i];
		l.counts |= one->kind != FILES_SLACK;
		l.bytes += one->kind == FILES_CONTENT ? one->len : 0;
		l.lost |= one->kind == FILES_RECORD;
		l.holes |= one->kind == FILES_MAP;
		l.names |= one->kind == FILES_ENTRIES;
		l.attrs |= one->kind == FILES_ATTRS;
	}
	return l;
}

static void fill_loss(const struct loss *l, const struct files_file *f, const char *path,
		      struct page *page)
{
	char bytes[SV_SIZE_TEXT], size[SV_SIZE_TEXT];
	if (l->lost)
		page_text(page, STYLE_NORMAL, _("  %s   all of it"), path);
	else if (l->holes)
		page_text(page, STYLE_NORMAL, _("  %s   parts that nobody knows"), path);
	else if (l->names)
		page_text(page, STYLE_NORMAL, _("  %s   names in this folder"), path);
	else if (l->bytes)
		page_text(page, STYLE_NORMAL, _("  %s   %s of %s"), path,
			  sv_text_size(bytes, l->bytes), sv_text_size(size, f->size));
	else
		page_text(page, STYLE_NORMAL, _("  %s   only attributes"), path);
}

/* The same path may stand in several volumes of a partition. */
static void fill_file(const struct loss *l, const struct sv_report_volume *v,
		      const struct files_file *f, struct page *page)
{
	char nameless[80], inside[1024];
	const char *path = f->n_paths ? f->paths[0] : nameless;
	snprintf(nameless, sizeof(nameless), _("a file without a name, number %llu"),
		 (unsigned long long)f->id);
	snprintf(inside, sizeof(inside), "%s:%s", v->name, path);
	fill_loss(l, f, *v->name ? inside : path, page);
}

/* At most `most` files of a volume; returns how many. */
static size_t fill_files(const struct sv_report_volume *v, size_t most, struct page *page)
{
	const struct fsmap_files *files = v->files;
	size_t n = 0;
	for (size_t i = 0; i < files->n_files && n < most; i++) {
		struct loss l = loss_of(files, &files->files[i]);
		if (!l.counts)
			continue;
		fill_file(&l, v, &files->files[i], page);
		n++;
	}
	return n;
}

static void fill_rest(size_t n, struct page *page)
{
	if (n)
		page_text(page, STYLE_NORMAL, _n("  and %zu more", "  and %zu more", n), n);
}

/* Bytes of lost areas by whose they were. */
static void fill_totals(const struct fsmap_files *sum, struct page *page)
{
	if (!sum->in_files && !sum->metadata && !sum->free && !sum->unknown)
		return;
	char files[SV_SIZE_TEXT], meta[SV_SIZE_TEXT], unused[SV_SIZE_TEXT], unknown[SV_SIZE_TEXT];
	page_text(page, STYLE_NORMAL, _("Hit   files %s  metadata %s  free %s  cannot tell %s"),
		  sv_text_size(files, sum->in_files), sv_text_size(meta, sum->metadata),
		  sv_text_size(unused, sum->free), sv_text_size(unknown, sum->unknown));
}

static struct fsmap_files sum_of(const struct sv_report *r)
{
	struct fsmap_files sum = {.unknown = sv_extents_total(&r->outside)};
	for (size_t i = 0; i < r->n_volumes; i++) {
		const struct fsmap_files *f = r->volumes[i].files;
		sum.in_files += f->in_files;
		sum.metadata += f->metadata;
		sum.free += f->free;
		sum.unknown += f->unknown;
	}
	return sum;
}

void hit_summary(const struct app *app, struct page *page)
{
	const struct sv_report *r = app->work->report;
	const struct fsmap_files sum = sum_of(r);
	size_t n = sv_report_files(r), named = 0;
	char list[1400];
	if (n)
		page_text(page, STYLE_WARN, _n("%zu file was hit:", "%zu files were hit:", n), n);
	else
		page_text(page, sum.unknown || sum.metadata ? STYLE_WARN : STYLE_OK, "%s",
			  sum.unknown || sum.metadata ? _("No file is known to be hit.")
						      : _("No file was hit."));
	for (size_t i = 0; i < r->n_volumes; i++)
		named += fill_files(&r->volumes[i], FEW - named, page);
	fill_rest(n - named, page);
	fill_totals(&sum, page);
	flow_rescue_report(app, list, sizeof(list));
	page_text(page, STYLE_NORMAL,
		  flow_rescue_sealed(app) ? _("List  in the image: %s")
					  : _("List  beside the map: %s"),
		  strrchr(list, '/') + 1);
}

/* ---- the page ---- */

static void fill_head(const struct sv_report_volume *v, struct page *page)
{
	char lost[SV_SIZE_TEXT], what[640];
	const struct fsmap_files *f = v->files;
	snprintf(what, sizeof(what), "%s%s%s%s%.250s", v->name, *v->name ? ", " : "",
		 *f->fs ? f->fs : _("unknown"), *f->label ? " " : "", f->label);
	sv_text_size(lost, v->lost);
	if (v->number)
		page_head(page, _("Partition %d, %s: %s lost"), v->number, what, lost);
	else
		page_head(page, _("The whole disk, %s: %s lost"), what, lost);
}

static size_t fill_volume(const struct sv_report_volume *v, size_t most, struct page *page)
{
	const struct fsmap_files *f = v->files;
	fill_head(v, page);
	fill_totals(f, page);
	if (*f->reason)
		page_text(page, STYLE_WARN, _("Which files were hit cannot be told: %s"),
			  f->reason);
	if (*f->caution)
		page_text(page, STYLE_WARN, _("Something may be missing here: %s"), f->caution);
	return fill_files(v, most, page);
}

static void fill(const struct app *app, const struct screen *screen, struct page *page)
{
	const struct sv_report *r = app->work->report;
	char size[SV_SIZE_TEXT], list[1400];
	size_t named = 0;
	(void)screen;
	page_title(page, _("Which files were hit"));
	flow_rescue_report(app, list, sizeof(list));
	page_text(page, STYLE_NORMAL, _("List  %s"), list);
	if (r->table_lost)
		page_text(page, STYLE_WARN, "%s",
			  _("The partition table was hit or is in doubt: there may be more "
			    "partitions than are listed here."));
	for (size_t i = 0; i < r->n_volumes; i++)
		named += fill_volume(&r->volumes[i], MANY - named, page);
	fill_rest(sv_report_files(r) - named, page);
	if (r->outside.n)
		page_head(page, _("Outside of all partitions: %s lost"),
			  sv_text_size(size, sv_extents_total(&r->outside)));
}

const struct screen_ops screen_hit = {
	.name = "hit",
	.help = N_("Whose bytes could not be read. Files: they are there, with zeros in their "
		   "place. Metadata: what filesystems keep their files by; some of them may be "
		   "missing. Free: nothing is lost. The whole list, with the bytes of each "
		   "file, is in the file that is named first."),
	.fill = fill,
};
