/* fuzz_index.c - hostile disk.idx */
/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Input: a byte of flags, then the file. With FLAG_SEAL the checksums of all records are put right,
 * or the fuzzer would never get past them.
 */
#include "tests/fuzz/fuzz_image.h"

#include <sys/mman.h>

#define FLAG_SEAL 1

static void check_runs(const struct index *ix)
{
	const struct sv_runs *runs = &ix->runs;
	must(sv_runs_end(runs) == ix->head.geometry.size);
	for (size_t i = 0; i < runs->n; i++)
		must(runs->v[i].len > 0 && runs->v[i].kind >= SV_RUN_DATA &&
		     runs->v[i].kind <= SV_RUN_ABSENT);
}

static void check_digests(int fd, const struct index *ix)
{
	struct index_digests *d = NULL;
	const struct geometry *g = &ix->head.geometry;
	uint64_t per_frame = g->frame_size / IMAGE_GRANULE;
	must(!index_digests_create(fd, g, &d));
	for (uint64_t n = 0; n < SV_MIN(ix->frames.n, 64); n++)
		for (uint64_t k = 0; ix->frames.v[n].record && k < SV_MIN(per_frame, 8); k++) {
			struct sv_digest digest;
			bool has;
			must(!index_digest(d, n, ix->frames.v[n].record, n * per_frame + k, &digest,
					   &has));
		}
	index_digests_destroy(d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct index ix;
	struct index_head head;
	char *json = NULL;
	size_t json_len;
	if (size < 2)
		return 0;
	int fd = memfd_create("index", MFD_CLOEXEC);
	uint8_t *file = malloc(size - 1);
	must(file && fd >= 0);
	memcpy(file, data + 1, size - 1);
	if (data[0] & FLAG_SEAL)
		fuzz_seal_index(file, size - 1);
	must(write(fd, file, size - 1) == (ssize_t)(size - 1));
	if (!index_load(index_pread, &fd, size - 1, NULL, &ix)) {
		check_runs(&ix);
		check_digests(fd, &ix);
	}
	index_clear(&ix);
	(void)index_load_identity(index_pread, &fd, size - 1, &head, &json, &json_len);
	free(json);
	free(file);
	close(fd);
	return 0;
}
