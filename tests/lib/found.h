/* found.h - what holds for every search for the owners of lost bytes */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TESTS_FOUND_H
#define TESTS_FOUND_H

#include "engine/fsmap/files.h"

/* Every promise of files.h that holds for any content; `lost` (normal) is what was asked for. The
 * running test fails when one is broken. */
void found_promises(const struct fsmap_files *f, const struct sv_extents *lost);

#endif
