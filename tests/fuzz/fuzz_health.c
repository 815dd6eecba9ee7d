/* fuzz_health.c - hostile answers of smartctl: every number and every verdict must stay within its
 * bounds */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/fuzz/fuzz.h"

#include "engine/disk/health_int.h"

#include <string.h>

static bool at_most(uint64_t n, uint64_t max)
{
	return n == HEALTH_NONE || n <= max;
}

static void check_numbers(const struct health *h)
{
	must(at_most(h->temperature, 150) && at_most(h->power_on_hours, UINT32_MAX));
	must(at_most(h->reallocated, UINT32_MAX) && at_most(h->pending, UINT32_MAX));
	must(at_most(h->uncorrectable, UINT32_MAX) && at_most(h->lost, UINT32_MAX));
	must(at_most(h->crc_errors, UINT32_MAX) && at_most(h->errors_logged, UINT32_MAX));
	must(at_most(h->spare, 100) && at_most(h->spare_threshold, 100));
	must(at_most(h->critical_warning, 255) && at_most(h->percent_used, UINT32_MAX));
}

/* The worst reason comes first and is the verdict. */
static void check_reasons(const struct health *h)
{
	char text[HEALTH_TEXT];
	must(h->n_reasons <= HEALTH_MAX_REASONS);
	for (size_t i = 0; i < h->n_reasons; i++) {
		must(h->reasons[i].cause < HEALTH_CAUSES && h->reasons[i].level <= h->verdict);
		must(!i || h->reasons[i].level <= h->reasons[i - 1].level);
		must(*health_reason_text(&h->reasons[i], text) != '\0');
	}
	if (h->verdict > HEALTH_GOOD)
		must(h->n_reasons && h->reasons[0].level == h->verdict);
	if (h->verdict == HEALTH_UNKNOWN)
		must(h->n_reasons == 1);
}

static void check_scan(const char *text, size_t len)
{
	struct health_device devices[HEALTH_DEVICES];
	size_t n;
	health_parse_scan(text, len, devices, &n);
	must(n <= HEALTH_DEVICES);
	for (size_t i = 0; i < n; i++)
		must(!strncmp(devices[i].type, "megaraid,", 9) && devices[i].name[0] != '-' &&
		     !strpbrk(devices[i].name, " \n;'\"") && memchr(devices[i].type, 0, 64));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct health_answer answer;
	struct health health;
	int rc = health_parse((const char *)data, size, &health, &answer);
	if (!rc) {
		check_numbers(&health);
		health_judge(&health, &answer);
		check_numbers(&health);
		check_reasons(&health);
	}
	check_scan((const char *)data, size);
	return 0;
}
