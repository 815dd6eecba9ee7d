/* test_health.c - answers of smartctl and what is made of them; a smartctl that hangs, lies or is
 * not there */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/disk/health_int.h"
#include "engine/util/bytes.h"
#include "engine/util/exec.h"
#include "tests/lib/scratch.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define NONE HEALTH_NONE

/* ---- the samples ---- */

static char *load(const char *name, size_t *len)
{
	char path[200];
	snprintf(path, sizeof(path), "tests/data/health/%s.json", name);
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	char *text = calloc(1, 65536);
	*len = fread(text, 1, 65535, f);
	fclose(f);
	assert_true(*len > 0);
	return text;
}

static void judge(const char *name, struct health *health)
{
	struct health_answer answer;
	size_t len;
	char *text = load(name, &len);
	if (health_parse(text, len, health, &answer))
		fail_msg("%s is not understood", name);
	health_judge(health, &answer);
	free(text);
}

#define LIST_END HEALTH_CAUSES

static const struct sample {
	const char *name;
	enum health_verdict verdict;
	enum health_cause causes[8]; /* in this order */
} samples[] = {
	{"ata-good", HEALTH_GOOD, {LIST_END}},
	{"ata-locked", HEALTH_GOOD, {HEALTH_LOCKED, LIST_END}},
	{"ata-pending",
	 HEALTH_FAILING,
	 {HEALTH_PENDING, HEALTH_UNCORRECTABLE, HEALTH_LOST, HEALTH_REALLOCATED, HEALTH_CRC,
	  LIST_END}},
	{"ata-failed",
	 HEALTH_FAILING,
	 {HEALTH_SAYS_FAILING, HEALTH_PENDING, HEALTH_REALLOCATED, HEALTH_BEYOND,
	  HEALTH_FAILED_TEST, LIST_END}},
	{"ata-worn",
	 HEALTH_WORN,
	 {HEALTH_REALLOCATED, HEALTH_WAS_BEYOND, HEALTH_HOT, HEALTH_CRC, LIST_END}},
	{"ata-ssd", HEALTH_WORN, {HEALTH_USED, HEALTH_REALLOCATED, LIST_END}},
	{"qemu-ata", HEALTH_GOOD, {LIST_END}},
	{"nvme-good", HEALTH_GOOD, {LIST_END}},
	{"nvme-worn", HEALTH_WORN, {HEALTH_LOST, HEALTH_USED, LIST_END}},
	{"nvme-dying",
	 HEALTH_FAILING,
	 {HEALTH_SAYS_FAILING, HEALTH_LOST, HEALTH_READ_ONLY, HEALTH_UNRELIABLE, HEALTH_SPARE,
	  HEALTH_BACKUP, HEALTH_USED, LIST_END}},
	{"nvme-warm", HEALTH_GOOD, {HEALTH_HOT, LIST_END}},
	{"scsi-worn", HEALTH_WORN, {HEALTH_LOST, HEALTH_REALLOCATED, LIST_END}},
	{"usb-unknown", HEALTH_UNKNOWN, {HEALTH_BRIDGE, LIST_END}},
	{"usb-refused", HEALTH_UNKNOWN, {HEALTH_NO_ACCESS, LIST_END}},
	{"usb-mute", HEALTH_UNKNOWN, {HEALTH_MUTE, LIST_END}},
	{"usb-stick", HEALTH_UNKNOWN, {HEALTH_NO_DATA, LIST_END}},
	{"standby", HEALTH_UNKNOWN, {HEALTH_ASLEEP, LIST_END}},
	{"denied", HEALTH_UNKNOWN, {HEALTH_NO_RIGHT, LIST_END}},
	{"raid", HEALTH_UNKNOWN, {HEALTH_RAID, LIST_END}},
	{"virtual", HEALTH_UNKNOWN, {HEALTH_NO_DATA, LIST_END}},
};

static void test_verdicts(void **state)
{
	(void)state;
	for (size_t i = 0; i < SV_ARRAY(samples); i++) {
		const struct sample *s = &samples[i];
		struct health h;
		size_t n = 0;
		judge(s->name, &h);
		if (h.verdict != s->verdict)
			fail_msg("%s: %s", s->name, health_verdict_name(h.verdict));
		for (; n < h.n_reasons; n++)
			if (h.reasons[n].cause != s->causes[n])
				fail_msg("%s: reason %zu is %s", s->name, n,
					 health_words[h.reasons[n].cause].name);
		if (s->causes[n] != LIST_END)
			fail_msg("%s: %s is missing", s->name, health_words[s->causes[n]].name);
	}
}

static void test_ata_numbers(void **state)
{
	struct health h;
	(void)state;
	judge("ata-pending", &h);
	assert_string_equal(h.protocol, "ATA");
	assert_int_equal(h.says, HEALTH_SAYS_PASSED);
	assert_int_equal(h.self_test, HEALTH_TEST_PASSED);
	assert_true(h.spins);
	assert_int_equal(h.temperature, 41);
	assert_int_equal(h.power_on_hours, 46310);
	assert_int_equal(h.reallocated, 17);
	assert_int_equal(h.pending, 42);
	assert_int_equal(h.uncorrectable, 8);
	assert_int_equal(h.lost, 5);
	assert_int_equal(h.crc_errors, 3);
	assert_int_equal(h.errors_logged, 213);
	assert_true(h.percent_used == NONE && h.spare == NONE && h.critical_warning == NONE);
	judge("ata-ssd", &h);
	assert_false(h.spins);
	assert_int_equal(h.percent_used, 97);
	/* the number 198 of this maker counts something else */
	assert_true(h.uncorrectable == NONE && h.pending == NONE);
	assert_int_equal(h.self_test, HEALTH_TEST_RUNNING);
}

static void test_other_numbers(void **state)
{
	struct health h;
	(void)state;
	judge("nvme-dying", &h);
	assert_string_equal(h.protocol, "NVMe");
	assert_int_equal(h.says, HEALTH_SAYS_FAILED);
	assert_int_equal(h.critical_warning, 0x1d);
	assert_int_equal(h.spare, 3);
	assert_int_equal(h.spare_threshold, 10);
	assert_int_equal(h.percent_used, 131);
	assert_int_equal(h.lost, 1204);
	assert_true(h.reallocated == NONE && h.pending == NONE);
	judge("scsi-worn", &h);
	assert_string_equal(h.protocol, "SCSI");
	assert_int_equal(h.reallocated, 7);
	assert_int_equal(h.lost, 2);
	assert_int_equal(h.power_on_hours, 40213);
}

static void test_words(void **state)
{
	const struct health_reason one = {HEALTH_PENDING, HEALTH_FAILING, 1},
				   many = {HEALTH_PENDING, HEALTH_FAILING, 42},
				   percent = {HEALTH_USED, HEALTH_WORN, 104};
	char text[HEALTH_TEXT];
	(void)state;
	assert_string_equal(health_reason_text(&one, text),
			    "1 sector could not be read and waits to be replaced: rescue it before "
			    "anything else");
	assert_string_equal(
		health_reason_text(&many, text),
		"42 sectors could not be read and wait to be replaced: rescue it before "
		"anything else");
	assert_string_equal(health_reason_text(&percent, text),
			    "104 % of the life planned by the maker is used");
	for (int i = 0; i < HEALTH_CAUSES; i++) {
		const struct health_reason reason = {(enum health_cause)i, HEALTH_GOOD, UINT32_MAX};
		assert_non_null(health_words[i].name);
		assert_true(strlen(health_reason_text(&reason, text)) < HEALTH_TEXT - 1);
	}
}

/* ---- hostile answers ---- */

static bool all_unknown(const struct health *h)
{
	struct health clear;
	health_clear(&clear);
	return !memcmp(&h->temperature, &clear.temperature,
		       offsetof(struct health, spins) - offsetof(struct health, temperature));
}

static void test_wrong_types(void **state)
{
	struct health h;
	(void)state;
	judge("wrong-types", &h);
	assert_true(all_unknown(&h));
	assert_int_equal(h.verdict, HEALTH_UNKNOWN);
	judge("wrong-numbers", &h);
	assert_true(all_unknown(&h));
}

static void refuse(const char *text, size_t len)
{
	struct health_device devices[HEALTH_DEVICES];
	struct health_answer answer;
	struct health h;
	size_t n;
	assert_int_equal(health_parse(text, len, &h, &answer), SV_E_DATA);
	assert_true(all_unknown(&h));
	assert_int_equal(h.verdict, HEALTH_UNKNOWN);
	assert_int_equal(health_parse_scan(text, len, devices, &n), SV_E_DATA);
	assert_int_equal(n, 0);
}

static void test_no_answers(void **state)
{
	static const char *const names[] = {"truncated", "garbage"};
	struct health_answer answer;
	struct health h;
	size_t len;
	(void)state;
	for (size_t i = 0; i < SV_ARRAY(names); i++) {
		char *text = load(names[i], &len);
		refuse(text, len);
		free(text);
	}
	char *text = load("no-status", &len);
	assert_int_equal(health_parse(text, len, &h, &answer), SV_E_DATA);
	free(text);
	text = load("nvme-good", &len);
	for (size_t cut = 0; cut + 1 < len; cut++)
		refuse(text, cut);
	free(text);
}

static void test_huge(void **state)
{
	size_t len = HEALTH_JSON_MAX + 1;
	char *text = malloc(len);
	(void)state;
	memset(text, '[', len);
	refuse(text, len);
	refuse(text, len - 1); /* too deep */
	memset(text, ' ', len);
	text[0] = '{';
	text[len - 1] = '}';
	refuse(text, len);
	free(text);
}

static void test_scan(void **state)
{
	static const char evil[] = "{\"devices\":[{\"name\":\"-x\",\"type\":\"megaraid,1\"},"
				   "{\"name\":\"/dev/bus/0;x\",\"type\":\"megaraid,1\"},"
				   "{\"name\":\"/dev/bus/0\",\"type\":\"megaraid,1 -s off\"},"
				   "{\"name\":7,\"type\":\"megaraid,1\"},{\"name\":\"/dev/bus/"
				   "0\",\"type\":\"sat\"},7]}";
	struct health_device devices[HEALTH_DEVICES];
	size_t n, len;
	(void)state;
	char *text = load("raid-scan", &len);
	assert_int_equal(health_parse_scan(text, len, devices, &n), 0);
	assert_int_equal(n, 3);
	assert_string_equal(devices[1].name, "/dev/bus/0");
	assert_string_equal(devices[1].type, "megaraid,9");
	free(text);
	assert_int_equal(health_parse_scan(evil, strlen(evil), devices, &n), 0);
	assert_int_equal(n, 0);
}

/* ---- asking, with a smartctl of our own ---- */

struct place {
	char dir[64], root[100];
	struct disk disk;
};

static void write_file(const struct place *p, const char *name, const char *text, size_t len)
{
	char path[300];
	FILE *f = fopen(scratch_path(path, sizeof(path), p->dir, name), "w");
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static void give(const struct place *p, const char *device, const char *sample)
{
	size_t len;
	char *text = load(sample, &len);
	write_file(p, device, text, len);
	free(text);
}

static char *calls(const struct place *p)
{
	char path[300], *text = calloc(1, 8192);
	FILE *f = fopen(scratch_path(path, sizeof(path), p->dir, "calls"), "r");
	if (f) {
		assert_true(fread(text, 1, 8191, f) > 0);
		fclose(f);
		remove(path);
	}
	return text;
}

static int place_make(void **state)
{
	static char path[4096];
	struct place *p = calloc(1, sizeof(*p));
	char *here = realpath("tests/lib/smartctl", NULL), cmd[1200];
	if (!p || !here || !scratch_make(p->dir))
		return -1;
	snprintf(p->root, sizeof(p->root), "%s/root", p->dir);
	snprintf(cmd, sizeof(cmd),
		 "cd %s && mkdir -p root/sys/block/sda root/devices/host0/0:2:0:0 && "
		 "ln -s ../../../devices/host0/0:2:0:0 root/sys/block/sda/device",
		 p->dir);
	snprintf(path, sizeof(path), "%s:/usr/bin:/bin", here);
	free(here);
	strcpy(p->disk.path, "/dev/sda");
	strcpy(p->disk.kname, "sda");
	*state = p;
	return system(cmd) || setenv("PATH", path, 1) || setenv("FAKE_SMARTCTL", p->dir, 1);
}

static int place_remove(void **state)
{
	struct place *p = *state;
	scratch_remove(p->dir);
	free(p);
	return 0;
}

static struct health ask(const struct place *p, bool wake, bool brief, unsigned int seconds)
{
	struct health_params params = {.root = p->root,
				       .disk = &p->disk,
				       .wake = wake,
				       .brief = brief,
				       .seconds = seconds};
	struct sv_err err = {0};
	struct health h;
	assert_int_equal(health_read(&params, &h, &err), 0);
	/* nothing stays behind */
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	return h;
}

static void one_reason(const struct health *h, enum health_cause cause)
{
	assert_int_equal(h->verdict, HEALTH_UNKNOWN);
	assert_int_equal(h->n_reasons, 1);
	if (h->reasons[0].cause != cause)
		fail_msg("it is %s", health_words[h->reasons[0].cause].name);
}

static void test_question(void **state)
{
	struct place *p = *state;
	give(p, "sda", "ata-good");
	struct health h = ask(p, false, false, 0);
	assert_int_equal(h.verdict, HEALTH_GOOD);
	char *said = calls(p);
	assert_non_null(strstr(said, "-n standby,3"));
	assert_non_null(strstr(said, "/root/dev/sda\n"));
	free(said);
	ask(p, true, true, 0);
	said = calls(p);
	assert_null(strstr(said, "standby"));
	assert_non_null(strstr(said, "--json=c -A /"));
	free(said);
	give(p, "sda", "standby");
	h = ask(p, false, false, 0);
	one_reason(&h, HEALTH_ASLEEP);
}

static void test_usb(void **state)
{
	struct place *p = *state;
	give(p, "sda", "usb-unknown");
	give(p, "sda@sat", "ata-good");
	struct health h = ask(p, false, false, 0);
	assert_int_equal(h.verdict, HEALTH_GOOD);
	assert_int_equal(h.temperature, 34);
	give(p, "sda@sat", "usb-refused");
	h = ask(p, false, false, 0);
	one_reason(&h, HEALTH_BRIDGE);
	give(p, "sda@sat", "usb-mute");
	h = ask(p, false, false, 0);
	one_reason(&h, HEALTH_BRIDGE);
	give(p, "sda@sat", "standby");
	h = ask(p, false, false, 0);
	one_reason(&h, HEALTH_ASLEEP);
}

static void test_raid(void **state)
{
	struct place *p = *state;
	give(p, "sda", "raid");
	struct health h = ask(p, false, false, 0);
	one_reason(&h, HEALTH_RAID);
	give(p, "scan", "raid-scan");
	give(p, "0@megaraid,8", "ata-good");
	give(p, "0@megaraid,9", "ata-worn");
	h = ask(p, false, false, 0);
	assert_int_equal(h.verdict, HEALTH_WORN);
	assert_int_equal(h.temperature, 58);
	assert_int_equal(h.power_on_hours, 29011);
	assert_int_equal(h.reasons[0].cause, HEALTH_REALLOCATED);
	assert_int_equal(h.reasons[h.n_reasons - 1].cause, HEALTH_MEMBERS);
	assert_int_equal(h.reasons[h.n_reasons - 1].n, 2);
	char *said = calls(p);
	assert_null(strstr(said, "/dev/bus/1"));
	free(said);
}

static void test_misbehaviour(void **state)
{
	static const char flood[] = "while :; do echo '{\"a\":[1,2,3,4,5,6,7,8,9]},'; done";
	static const char closes[] = "exec >&-; sleep 1000";
	struct place *p = *state;
	write_file(p, "sda.script", flood, strlen(flood));
	struct health h = ask(p, false, false, 0);
	one_reason(&h, HEALTH_NO_SENSE);
	write_file(p, "sda.script", closes, strlen(closes));
	h = ask(p, false, false, 1);
	one_reason(&h, HEALTH_NO_ANSWER);
	write_file(p, "sda.script", "kill -9 $$", 10);
	h = ask(p, false, false, 0);
	one_reason(&h, HEALTH_NO_SENSE);
	write_file(p, "sda.hang", "", 0);
	h = ask(p, false, false, 1);
	one_reason(&h, HEALTH_NO_ANSWER);
	assert_true(h.no_answer);
	assert_int_equal(h.reasons[0].n, 1);
	setenv("PATH", p->dir, 1);
	h = ask(p, false, false, 0);
	one_reason(&h, HEALTH_NO_TOOL);
}

/* ---- running programs ---- */

static void test_run(void **state)
{
	char *hello[] = {"sh", "-c", "echo hello; echo oops >&2", NULL};
	char *none[] = {"/nonexistent/program", NULL};
	char *many[] = {"sh", "-c", "echo 0123456789", NULL};
	char text[64];
	size_t len;
	(void)state;
	assert_int_equal(sv_run(hello, 60000, text, sizeof(text), &len), 0);
	assert_string_equal(text, "hello\n");
	assert_int_equal(len, 6);
	assert_int_equal(sv_run(none, 60000, text, sizeof(text), &len), ENOENT);
	assert_string_equal(text, "");
	assert_int_equal(sv_run(many, 60000, text, 12, &len), 0);
	assert_int_equal(sv_run(many, 60000, text, 11, &len), EFBIG);
	assert_string_equal(text, "");
}

static void too_hot_to_go_on(void **state)
{
	struct health h = {.spins = true, .temperature = 60};
	(void)state;
	assert_true(health_is_critical(&h));
	h.temperature = 59;
	assert_true(!health_is_critical(&h) && health_is_hot(&h));
	h.spins = false;
	h.temperature = 84;
	assert_true(!health_is_critical(&h) && health_is_hot(&h));
	h.temperature = HEALTH_NONE;
	assert_false(health_is_critical(&h));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(too_hot_to_go_on),
		cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_ata_numbers),
		cmocka_unit_test(test_other_numbers),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_wrong_types),
		cmocka_unit_test(test_no_answers),
		cmocka_unit_test(test_huge),
		cmocka_unit_test(test_scan),
		cmocka_unit_test(test_run),
		cmocka_unit_test_setup_teardown(test_question, place_make, place_remove),
		cmocka_unit_test_setup_teardown(test_usb, place_make, place_remove),
		cmocka_unit_test_setup_teardown(test_raid, place_make, place_remove),
		cmocka_unit_test_setup_teardown(test_misbehaviour, place_make, place_remove),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
