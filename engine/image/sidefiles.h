/* sidefiles.h - the texts next to a stream: README.txt, report.txt, SHA256SUMS; private to
 * engine/image */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_IMAGE_SIDEFILES_H
#define SV_IMAGE_SIDEFILES_H

#include "engine/image/manifest.h"

/* All return malloc'ed text, NULL when out of memory. */

/* How to restore this very image with stock tools; m->files holds the volumes (first, in order). */
char *sidefile_readme(const struct manifest *m, size_t n_volumes);

struct report {
	const char *head, *tail; /* of the job; NULL fine */
	uint64_t resumed_from;	 /* 0: in one go */
	bool dir_sync_missing;
};
char *sidefile_report(const struct manifest *m, const struct report *report);

/* For `sha256sum -c`: the files of the manifest, and the manifest itself. */
char *sidefile_sums(const struct manifest *m, const uint8_t manifest_sha256[SV_SHA256_LEN]);

#endif
