/* fuzz_owners.h - a search for owners in a hostile volume, and what files.h promises of its answer
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TESTS_FUZZ_OWNERS_H
#define TESTS_FUZZ_OWNERS_H

#include "tests/fuzz/fuzz.h"

#include "engine/fsmap/files.h"
#include "engine/fsmap/reader.h"
#include "engine/util/bytes.h"

/* `lost`: bytes of the volume that were; for a volume inside only how many of them are in areas. */
static inline void fuzz_check_files(const struct fsmap_files *f, uint64_t lost)
{
	uint64_t end = 0, areas = 0;
	size_t losses = 0;
	for (size_t i = 0; i < f->n_areas; i++) {
		must(f->areas[i].len && f->areas[i].start >= end);
		end = f->areas[i].start + f->areas[i].len;
		areas += f->areas[i].len;
	}
	must(areas == f->metadata + f->free + f->unknown);
	must(areas + f->in_files + f->in_inner == lost);
	for (size_t i = 0; i < f->n_files; i++) {
		must(f->files[i].n > 0 &&
		     sv_range_ok(f->files[i].first, f->files[i].n, f->n_losses));
		losses += f->files[i].n;
	}
	must(losses == f->n_losses);
	for (size_t i = 0; i < f->n_inner; i++) {
		const struct files_inner *in = &f->inner[i];
		must(in->lost && in->files && memchr(in->name, 0, sizeof(in->name)));
		/* one that was not put together has nothing but a reason */
		must(in->size ? in->lost <= in->size : *in->files->reason);
		fuzz_check_files(in->files, in->size ? in->lost : 0);
	}
}

static inline void fuzz_search(struct blk_dev *dev, const struct fsmap_ops *ops,
			       const struct fsmap_how *how, const struct sv_extents *lost)
{
	struct fsmap_files *files = NULL;
	if (!lost->n)
		return;
	must(!fsmap_files_read_with(dev, ops, ops->types[0], how, lost, &files));
	fuzz_check_files(files, sv_extents_total(lost));
	for (size_t i = 0; i < files->n_losses; i++)
		must(sv_extents_contain(lost, files->losses[i].at, files->losses[i].at_len));
	fsmap_files_destroy(files);
}

/* The same for a container: with sectors lost here and there, so that pieces anywhere are hit. */
static inline void fuzz_search_inside(struct blk_dev *dev, const struct fsmap_ops *ops,
				      const struct fsmap_how *how)
{
	struct sv_extents lost = {0};
	for (uint64_t at = 6 * SV_MIB - 512; at < dev->size && lost.n < 64; at += 5 * SV_MIB + 512)
		must(!sv_extents_add(&lost, at, SV_MIN(1536, dev->size - at)));
	sv_extents_normalise(&lost);
	fuzz_search(dev, ops, how, &lost);
	sv_extents_clear(&lost);
}

#endif
