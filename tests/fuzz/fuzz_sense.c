/* fuzz_sense.c - hostile sense data and NVMe status: any of it means something, and within bounds
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/fuzz/fuzz.h"

#include "engine/disk/sense.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sense s;
	sense_parse(data, size, &s);
	must(s.has_info || s.info == 0);
	must(s.key <= 0x0f);
	int e = sense_errno(&s);
	must(e >= SENSE_UNSUPPORTED && (e != 0 || s.key == 1));
	must(nvme_status_errno(s.asc | (unsigned int)s.ascq << 8) >= SENSE_UNSUPPORTED);
	return 0;
}
