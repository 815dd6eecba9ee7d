/* health_parse.c - the JSON of smartctl, from a disk that may be broken: hostile until checked */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/disk/health_int.h"
#include "engine/util/bytes.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

#define MAX_COUNT    4294967296.0 /* more sectors, errors or hours than that is no number */
#define MAX_CELSIUS  150
#define MAX_MESSAGES 32

void health_clear(struct health *health)
{
	*health = (struct health){
		.temperature = HEALTH_NONE,
		.power_on_hours = HEALTH_NONE,
		.reallocated = HEALTH_NONE,
		.pending = HEALTH_NONE,
		.uncorrectable = HEALTH_NONE,
		.lost = HEALTH_NONE,
		.crc_errors = HEALTH_NONE,
		.errors_logged = HEALTH_NONE,
		.percent_used = HEALTH_NONE,
		.spare = HEALTH_NONE,
		.spare_threshold = HEALTH_NONE,
		.critical_warning = HEALTH_NONE,
	};
}

/* ---- values ---- */

/* Whole, not negative, not absurd; else *out stays. Numbers are parsed as reals, because smartctl
 * prints some of 64 and 128 bits. */
static bool take(const json_t *v, uint64_t max, uint64_t *out)
{
	double d = json_number_value(v);
	if (!json_is_number(v) || !(d >= 0) || d > MAX_COUNT || d > (double)max || d != floor(d))
		return false;
	*out = (uint64_t)d;
	return true;
}

static bool take_key(const json_t *o, const char *key, uint64_t *out)
{
	return take(json_object_get(o, key), UINT32_MAX, out);
}

/* The larger of what is known. */
static void take_more(const json_t *o, const char *key, uint64_t *out)
{
	uint64_t n;
	if (take_key(o, key, &n) && (*out == HEALTH_NONE || n > *out))
		*out = n;
}

/* A text of our own, fit for comparing: "" when it is none. */
static const char *text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));
	return s ? s : "";
}

/* ---- ATA ---- */

/*
 * Makers give numbers other meanings, so the name must fit as well. It comes from smartctl's
 * database of drives.
 */
static const struct attribute {
	uint64_t id;
	size_t field; /* of struct health */
	const char *names[3];
} attributes[] = {
	{5, offsetof(struct health, reallocated), {"realloc", "retired", "bad_b"}},
	{187, offsetof(struct health, lost), {"uncorr"}},
	{197, offsetof(struct health, pending), {"pending"}},
	{198, offsetof(struct health, uncorrectable), {"uncorr"}},
	{199, offsetof(struct health, crc_errors), {"crc"}},
};

static bool named(const struct attribute *a, const char *name)
{
	for (size_t i = 0; i < SV_ARRAY(a->names) && a->names[i]; i++)
		if (strcasestr(name, a->names[i]))
			return true;
	return false;
}

/* "12 (3 4)": the raw number as smartctl shows it, which knows how the maker packs it. */
static bool raw_number(const json_t *row, uint64_t *out)
{
	const json_t *raw = json_object_get(row, "raw");
	const char *text = text_of(raw, "string");
	size_t digits = strspn(text, "0123456789");
	if (!digits || (text[digits] && text[digits] != ' '))
		return take_key(raw, "value", out);
	if (digits > 10)
		return false;
	*out = 0;
	for (size_t i = 0; i < digits; i++)
		*out = *out * 10 + (uint64_t)(text[i] - '0');
	return *out <= UINT32_MAX;
}

/* At or below the threshold of the maker, now or once; only those that foretell a failure count. */
static void read_threshold(const json_t *row, uint64_t id, struct health_answer *answer)
{
	const char *when = text_of(row, "when_failed");
	if (!json_is_true(json_object_get(json_object_get(row, "flags"), "prefailure")))
		return;
	if (!strcmp(when, "now") && !answer->below++)
		answer->below_id = id;
	if (!strcmp(when, "past") && !answer->was_below_id)
		answer->was_below_id = id;
}

static void read_attribute(const json_t *row, struct health *health, struct health_answer *answer)
{
	uint64_t id, n;
	if (!take(json_object_get(row, "id"), 255, &id) || !id)
		return;
	read_threshold(row, id, answer);
	for (size_t i = 0; i < SV_ARRAY(attributes); i++) {
		const struct attribute *a = &attributes[i];
		uint64_t *field = (uint64_t *)((char *)health + a->field);
		if (a->id == id && named(a, text_of(row, "name")) && raw_number(row, &n))
			*field = n;
	}
}

/* The newest self-test that came to an end; aborted ones have no "passed". */
static void read_test_log(const json_t *log, struct health *health)
{
	size_t i;
	const json_t *row, *table = json_object_get(log, "table");
	json_array_foreach(table, i, row)
	{
		const json_t *passed = json_object_get(json_object_get(row, "status"), "passed");
		if (!json_is_boolean(passed))
			continue;
		health->self_test = json_is_true(passed) ? HEALTH_TEST_PASSED : HEALTH_TEST_FAILED;
		return;
	}
}

static void read_ata_tests(const json_t *root, struct health *health)
{
	const json_t *log = json_object_get(root, "ata_smart_self_test_log"), *status;
	read_test_log(json_object_get(log, "standard"), health);
	if (!health->self_test)
		read_test_log(json_object_get(log, "extended"), health);
	status = json_object_get(
		json_object_get(json_object_get(root, "ata_smart_data"), "self_test"), "status");
	if (json_object_get(status, "remaining_percent") && health->self_test != HEALTH_TEST_FAILED)
		health->self_test = HEALTH_TEST_RUNNING;
}

/* Page 7 at 8: percentage used endurance indicator (ACS-4, 9.5.10.3). */
static void read_statistics(const json_t *root, struct health *health)
{
	size_t i, k;
	uint64_t n;
	const json_t *page, *row;
	const json_t *pages =
		json_object_get(json_object_get(root, "ata_device_statistics"), "pages");
	json_array_foreach(pages, i, page)
	{
		if (!take_key(page, "number", &n) || n != 7)
			continue;
		json_array_foreach(json_object_get(page, "table"), k, row)
		{
			const json_t *valid =
				json_object_get(json_object_get(row, "flags"), "valid");
			if (take_key(row, "offset", &n) && n == 8 && json_is_true(valid))
				take_key(row, "value", &health->percent_used);
		}
	}
}

/* The state is word 128 of IDENTIFY DEVICE (ACS-4): bit 1 enabled, bit 2 locked. */
static bool is_locked(const json_t *root)
{
	const json_t *security = json_object_get(root, "ata_security");
	uint64_t state = 0;
	return json_is_true(json_object_get(security, "locked")) ||
	       (take(json_object_get(security, "state"), UINT16_MAX, &state) && (state & 6) == 6);
}

static void read_ata(const json_t *root, struct health *health, struct health_answer *answer)
{
	size_t i;
	const json_t *row, *log = json_object_get(root, "ata_smart_error_log");
	const json_t *list = json_object_get(root, "ata_smart_attributes");
	json_array_foreach(json_object_get(list, "table"), i, row)
	{
		read_attribute(row, health, answer);
	}
	take_more(json_object_get(root, "ata_pending_defects_log"), "count", &health->pending);
	take_more(json_object_get(log, "summary"), "count", &health->errors_logged);
	take_more(json_object_get(log, "extended"), "count", &health->errors_logged);
	read_ata_tests(root, health);
	read_statistics(root, health);
	answer->locked = is_locked(root);
}

/* ---- NVMe ---- */

/* NVM Express 1.4, figure 197: results 5, 6 and 7 of a self-test are failures, 0 is none. */
static void read_nvme_tests(const json_t *root, struct health *health)
{
	size_t i;
	uint64_t result;
	const json_t *row, *log = json_object_get(root, "nvme_self_test_log");
	json_array_foreach(json_object_get(log, "table"), i, row)
	{
		if (!take_key(json_object_get(row, "self_test_result"), "value", &result) ||
		    (result && (result < 5 || result > 7)))
			continue;
		health->self_test = result ? HEALTH_TEST_FAILED : HEALTH_TEST_PASSED;
		return;
	}
}

static void read_nvme(const json_t *root, struct health *health)
{
	const json_t *log = json_object_get(root, "nvme_smart_health_information_log");
	take(json_object_get(log, "critical_warning"), 255, &health->critical_warning);
	take(json_object_get(log, "temperature"), MAX_CELSIUS, &health->temperature);
	take(json_object_get(log, "available_spare"), 100, &health->spare);
	take(json_object_get(log, "available_spare_threshold"), 100, &health->spare_threshold);
	take(json_object_get(log, "percentage_used"), 255, &health->percent_used);
	take_key(log, "power_on_hours", &health->power_on_hours);
	take_key(log, "media_errors", &health->lost);
	take_key(log, "num_err_log_entries", &health->errors_logged);
	read_nvme_tests(root, health);
}

/* ---- SCSI ---- */

static void read_scsi(const json_t *root, struct health *health)
{
	const json_t *counters = json_object_get(root, "scsi_error_counter_log");
	take_key(root, "scsi_grown_defect_list", &health->reallocated);
	take_more(json_object_get(root, "scsi_pending_defects"), "count", &health->pending);
	take_more(json_object_get(counters, "read"), "total_uncorrected_errors", &health->lost);
	take_more(root, "scsi_percentage_used_endurance_indicator", &health->percent_used);
}

/* ---- all of them ---- */

static void read_common(const json_t *root, struct health *health)
{
	const json_t *passed = json_object_get(json_object_get(root, "smart_status"), "passed");
	const char *protocol = text_of(json_object_get(root, "device"), "protocol");
	uint64_t rpm = 0;
	if (!strcmp(protocol, "ATA") || !strcmp(protocol, "NVMe") || !strcmp(protocol, "SCSI"))
		strcpy(health->protocol, protocol);
	if (json_is_boolean(passed))
		health->says = json_is_true(passed) ? HEALTH_SAYS_PASSED : HEALTH_SAYS_FAILED;
	take(json_object_get(json_object_get(root, "temperature"), "current"), MAX_CELSIUS,
	     &health->temperature);
	take_key(json_object_get(root, "power_on_time"), "hours", &health->power_on_hours);
	health->spins = take_key(root, "rotation_rate", &rpm) && rpm > 0;
	/* virtual disks tell a temperature of nothing */
	if (!health->temperature)
		health->temperature = HEALTH_NONE;
}

/* Words that smartctl has had for many years; where they change, only the reason is less exact. */
static void read_messages(const json_t *tool, struct health_answer *answer)
{
	size_t i;
	const json_t *row, *messages = json_object_get(tool, "messages");
	json_array_foreach(messages, i, row)
	{
		const char *text = text_of(row, "string");
		if (i == MAX_MESSAGES)
			break;
		answer->bridge |= strcasestr(text, "unknown usb bridge") != NULL;
		answer->raid |= strcasestr(text, "megaraid") || strcasestr(text, "cciss") ||
				strcasestr(text, "3ware");
		answer->mute |= strstr(text, "in SLEEP mode") != NULL;
		answer->no_right |= strcasestr(text, "permission denied") != NULL ||
				    strcasestr(text, "operation not permitted") != NULL;
	}
}

/* A temperature alone says nothing about health. */
static bool tells_something(const struct health *h, const struct health_answer *answer)
{
	const uint64_t counters[] = {h->reallocated, h->pending,	 h->uncorrectable,
				     h->lost,	     h->crc_errors,	 h->percent_used,
				     h->spare,	     h->critical_warning};
	bool any = h->says != HEALTH_SAYS_NOTHING || answer->below || answer->was_below_id;
	for (size_t i = 0; i < SV_ARRAY(counters); i++)
		any |= counters[i] != HEALTH_NONE;
	return any;
}

static int read_root(const json_t *root, struct health *health, struct health_answer *answer)
{
	const json_t *tool = json_object_get(root, "smartctl");
	uint64_t status;
	if (!take(json_object_get(tool, "exit_status"), 255, &status))
		return SV_E_DATA;
	answer->status = (unsigned int)status;
	read_messages(tool, answer);
	read_common(root, health);
	read_ata(root, health, answer);
	read_nvme(root, health);
	read_scsi(root, health);
	answer->has_data = !json_is_false(json_object_get(json_object_get(root, "smart_support"),
							  "available")) &&
			   tells_something(health, answer);
	if (status & SMART_FAILING && answer->has_data)
		health->says = HEALTH_SAYS_FAILED;
	return 0;
}

static int load(const char *text, size_t len, json_t **root_ret)
{
	json_error_t why;
	*root_ret = len <= HEALTH_JSON_MAX ? json_loadb(text, len, JSON_DECODE_INT_AS_REAL, &why)
					   : NULL;
	/* jansson finds words for whatever is wrong with a text, and none for a lack of memory */
	if (!*root_ret && len <= HEALTH_JSON_MAX && !*why.text)
		return SV_E_NOMEM;
	return json_is_object(*root_ret) ? 0 : SV_E_DATA;
}

int health_parse(const char *text, size_t len, struct health *health, struct health_answer *answer)
{
	json_t *root;
	memset(answer, 0, sizeof(*answer));
	health_clear(health);
	int rc = load(text, len, &root);
	if (!rc)
		rc = read_root(root, health, answer);
	json_decref(root);
	return rc;
}

/* ---- --scan ---- */

/* Only names that can be given back to smartctl: they become words of a command line. */
static bool take_word(const json_t *row, const char *key, char *out, size_t cap)
{
	const char *text = text_of(row, key);
	size_t len = strlen(text);
	if (!len || len >= cap || *text == '-' ||
	    text[strspn(text,
			"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/_,+-")])
		return false;
	memcpy(out, text, len + 1);
	return true;
}

int health_parse_scan(const char *text, size_t len, struct health_device devices[HEALTH_DEVICES],
		      size_t *n_ret)
{
	json_t *root;
	size_t i;
	const json_t *row;
	int rc = load(text, len, &root);
	*n_ret = 0;
	json_array_foreach(rc ? NULL : json_object_get(root, "devices"), i, row)
	{
		struct health_device *device = &devices[*n_ret];
		if (*n_ret == HEALTH_DEVICES)
			break;
		if (take_word(row, "name", device->name, sizeof(device->name)) &&
		    take_word(row, "type", device->type, sizeof(device->type)) &&
		    !strncmp(device->type, "megaraid,", 9))
			++*n_ret;
	}
	json_decref(root);
	return rc;
}
