/* fuzz_manifest.c - hostile manifests; what is accepted survives being written and read again */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/fuzz/fuzz.h"

#include "engine/image/format.h"
#include "engine/image/manifest.h"

#include <string.h>

static void check(const struct manifest *m)
{
	const struct geometry g = {m->info.size, m->info.frame_size};
	must(geometry_ok(&g));
	for (size_t i = 0; i < m->info.n_parts; i++)
		must(sv_range_ok(m->info.parts[i].start, m->info.parts[i].size, m->info.size));
	for (size_t i = 0; i < m->n_files; i++)
		must(!strchr(m->files[i].name, '/') && strcmp(m->files[i].name, "..") != 0);
	for (size_t i = 0; i < m->bad.n; i++)
		must(sv_range_ok(m->bad.v[i].start, m->bad.v[i].len, m->info.size));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct manifest m, again;
	if (manifest_decode((const char *)data, size, &m))
		return 0;
	check(&m);
	char *json = manifest_encode(&m);
	must(json);
	must(!manifest_decode(json, strlen(json), &again));
	must(again.role == m.role && again.info.size == m.info.size);
	must(again.info.n_parts == m.info.n_parts && again.n_files == m.n_files);
	must(!memcmp(again.info.set_uuid, m.info.set_uuid, 16));
	free(json);
	manifest_clear(&again);
	manifest_clear(&m);
	return 0;
}
