/* test_cli_options.c - the option parser, the tables behind it, and the manual that must match them
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* All options at once, two words: the parser knows nothing of real verbs. */
static const struct cli_verb all = {
	.name = "all",
	.words = {{"SOURCE", COMPLETE_DISK, false}, {"IMAGE", COMPLETE_FOLDER, false}},
	.options = (1ull << OPT_COUNT) - 1,
};
static const struct cli_verb none = {.name = "none"};

#define PARSE(args, err, ...) parse(&all, args, err, (const char *[]){__VA_ARGS__, NULL})

static int parse(const struct cli_verb *verb, struct cli_args *args, struct sv_err *err,
		 const char **argv)
{
	int argc = 0;
	while (argv[argc])
		argc++;
	memset(err, 0, sizeof(*err));
	return cli_parse(verb, argc, (char **)argv, args, err);
}

static void test_defaults(void **state)
{
	struct cli_args a;
	struct sv_err err;
	(void)state;
	assert_int_equal(PARSE(&a, &err, "disk", "image"), 0);
	assert_string_equal(a.words[0], "disk");
	assert_string_equal(a.words[1], "image");
	assert_int_equal(a.level, INT_MIN);
	assert_int_equal(a.threads, 0);
	assert_int_equal(a.n_partitions, 0);
	assert_false(a.json || a.no_verify || a.resume || a.dry_run || a.whole);
	assert_null(a.preset);
	assert_string_equal(a.root, "");
	cli_args_clear(&a);
}

/* Where many words may stand, all of them come in their order. */
static void test_many_words(void **state)
{
	static const struct cli_verb many = {.name = "many",
					     .words = {{"DISK", COMPLETE_DISK, true, .many = true}},
					     .options = OPT(JSON)};
	struct cli_args a;
	struct sv_err err;
	(void)state;
	const char *words[] = {"one", "--json", "two", "--", "--three", NULL};
	assert_int_equal(parse(&many, &a, &err, words), 0);
	assert_string_equal(a.words[0], "one");
	assert_int_equal(a.n_more, 2);
	assert_string_equal(a.more[0], "two");
	assert_string_equal(a.more[1], "--three");
	assert_true(a.json);
	cli_args_clear(&a);
	assert_int_equal(parse(&many, &a, &err, (const char *[]){NULL}), 0);
	assert_null(a.words[0]);
	assert_int_equal(a.n_more, 0);
	cli_args_clear(&a);
	assert_int_equal(parse(&many, &a, &err, (const char *[]){"one", "", NULL}), SV_E_USAGE);
	cli_args_clear(&a);
}

static void test_both_forms(void **state)
{
	struct cli_args a;
	struct sv_err err;
	(void)state;
	assert_int_equal(PARSE(&a, &err, "--preset=small", "disk", "--level", "-5", "image",
			       "--note", "--json", "--volume-size=4G", "--threads", "3"),
			 0);
	assert_string_equal(a.preset, "small");
	assert_int_equal(a.level, -5);
	assert_string_equal(a.note, "--json"); /* a value, not an option */
	assert_false(a.json);
	assert_true(a.volume_size == 4 * SV_GIB);
	assert_int_equal(a.threads, 3);
	cli_args_clear(&a);
	assert_int_equal(PARSE(&a, &err, "d", "i", "--note=a=b", "--note="), 0);
	assert_string_equal(a.note, ""); /* the last one counts */
	cli_args_clear(&a);
	assert_int_equal(PARSE(&a, &err, "d", "i", "--threads=serial", "--sector-size=4096"), 0);
	assert_true(a.threads == SV_THREADS_SERIAL);
	assert_int_equal(a.sector_size, 4096);
	cli_args_clear(&a);
}

static void test_letters(void **state)
{
	struct cli_args a;
	struct sv_err err;
	(void)state;
	assert_int_equal(PARSE(&a, &err, "-nq", "d", "-j", "i", "-v"), 0);
	assert_true(a.dry_run && a.quiet && a.json && a.verbose);
	cli_args_clear(&a);
	assert_int_equal(PARSE(&a, &err, "d", "i", "-nx"), SV_E_USAGE);
	assert_non_null(strstr(err.text, "-x"));
}

static void test_end_of_options(void **state)
{
	struct cli_args a;
	struct sv_err err;
	(void)state;
	assert_int_equal(PARSE(&a, &err, "--", "--json", "-n"), 0);
	assert_string_equal(a.words[0], "--json");
	assert_string_equal(a.words[1], "-n");
	assert_false(a.json || a.dry_run);
	cli_args_clear(&a);
	assert_int_equal(PARSE(&a, &err, "-", "i"), 0); /* a lone dash is a word */
	assert_string_equal(a.words[0], "-");
	cli_args_clear(&a);
}

static void test_lists(void **state)
{
	struct cli_args a;
	struct sv_err err;
	(void)state;
	assert_int_equal(PARSE(&a, &err, "d", "i", "--with", "b", "--with=c"), 0);
	assert_int_equal(a.with.n, 2);
	assert_string_equal(a.with.v[0], "b");
	assert_string_equal(a.with.v[1], "c");
	cli_args_clear(&a);
	assert_int_equal(PARSE(&a, &err, "d", "i", "--with"), SV_E_USAGE);
	cli_args_clear(&a);
}

static void test_partitions(void **state)
{
	struct cli_args a;
	struct sv_err err;
	static const char *const bad[] = {"", "0", "1,", ",1", "1,,2", "-1", "x", "1 ", "99999999"};
	(void)state;
	assert_int_equal(PARSE(&a, &err, "d", "i", "--partitions=3,1,3", "--partition=2:7"), 0);
	assert_int_equal(a.n_partitions, 2);
	assert_int_equal(a.partitions[0], 3);
	assert_int_equal(a.partitions[1], 1);
	assert_int_equal(a.partition, 2);
	assert_int_equal(a.target_partition, 7);
	cli_args_clear(&a);
	for (size_t i = 0; i < SV_ARRAY(bad); i++) {
		assert_int_equal(PARSE(&a, &err, "d", "i", "--partitions", bad[i]), SV_E_USAGE);
		cli_args_clear(&a);
		assert_int_equal(PARSE(&a, &err, "d", "i", "--partition", bad[i]), SV_E_USAGE);
		cli_args_clear(&a);
	}
	assert_int_equal(PARSE(&a, &err, "d", "i", "--partition=1:"), SV_E_USAGE);
	assert_int_equal(PARSE(&a, &err, "d", "i", "--partition=1:2:3"), SV_E_USAGE);
}

static void test_bad_usage(void **state)
{
	static const struct {
		const char *argv[5], *says;
	} cases[] = {
		{{"d", "i", "--bogus"}, "--bogus"},
		{{"d", "i", "--bogus=3"}, "--bogus"},
		{{"d", "i", "--pre=fast"}, "--pre"}, /* no abbreviations */
		{{"d", "i", "--preset"}, "needs a value"},
		{{"d", "i", "--preset=best"}, "fast, normal, small, smallest"},
		{{"d", "i", "--preset=fast|normal"}, "fast|normal"},
		{{"d", "i", "--preset="}, "preset"},
		{{"d", "i", "--json=1"}, "takes no value"},
		{{"d", "i", "--level=1x"}, "1x"},
		{{"d", "i", "--level=99999999999"}, "level"},
		{{"d", "i", "--volume-size=0"}, "volume-size"},
		{{"d", "i", "--volume-size=-1"}, "volume-size"},
		{{"d", "i", "--threads=0"}, "threads"},
		{{"d", "i", "--sector-size=1000"}, "512, 1024, 2048, 4096"},
		{{"d", "i", "too-many"}, "too-many"},
		{{"d", ""}, "IMAGE cannot be empty"},
		{{"d"}, "IMAGE"},
		{{NULL}, "SOURCE"},
	};
	struct cli_args a;
	struct sv_err err;
	(void)state;
	for (size_t i = 0; i < SV_ARRAY(cases); i++) {
		assert_int_equal(parse(&all, &a, &err, (const char **)cases[i].argv), SV_E_USAGE);
		assert_int_equal(err.code, SV_E_USAGE);
		if (!strstr(err.text, cases[i].says))
			fail_msg("'%s' does not say '%s'", err.text, cases[i].says);
		cli_args_clear(&a);
	}
}

static void test_json_is_seen_after_a_mistake(void **state)
{
	struct cli_args a;
	struct sv_err err;
	(void)state;
	assert_int_equal(PARSE(&a, &err, "--bogus", "d", "--json"), SV_E_USAGE);
	assert_true(a.json);
	assert_int_equal(PARSE(&a, &err, "--bogus", "--", "--json"), SV_E_USAGE);
	assert_false(a.json);
	assert_int_equal(parse(&none, &a, &err, (const char *[]){"--bogus", "--json", NULL}),
			 SV_E_USAGE);
	assert_false(a.json); /* a verb without the option */
}

static void test_help_needs_no_words(void **state)
{
	struct cli_args a;
	struct sv_err err;
	(void)state;
	assert_int_equal(PARSE(&a, &err, "--help"), 0);
	assert_true(a.help);
	cli_args_clear(&a);
}

static void test_option_table(void **state)
{
	(void)state;
	for (int i = 0; i < OPT_COUNT; i++) {
		const struct cli_option *o = &cli_options[i];
		assert_non_null(o->name);
		assert_true((o->type == OPT_TYPE_FLAG) == !o->metavar);
		assert_true(!o->letter || o->type == OPT_TYPE_FLAG);
		/* it stands in quotes and brackets in the completion scripts */
		assert_null(strpbrk(o->help, "'[]:\\"));
		for (int k = 0; k < i; k++)
			assert_string_not_equal(cli_options[k].name, o->name);
	}
}

static void test_clean_text(void **state)
{
	static const char *const cases[][2] = {
		{"plain", "plain"},
		{"Gr\xc3\xbc\xc3\x9f \xf0\x9f\x92\xbe", "Gr\xc3\xbc\xc3\x9f \xf0\x9f\x92\xbe"},
		{"a\033[2Jb", "a\xef\xbf\xbd[2Jb"},
		{"a\nb", "a\xef\xbf\xbd"
			 "b"},
		{"\xc2\x9b"
		 "2J",
		 "\xef\xbf\xbd"
		 "2J"}, /* CSI as C1 */
		{"\xff", "\xef\xbf\xbd"},
		{"\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd"},		  /* overlong */
		{"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"}, /* surrogate */
		{"cut \xe2\x82", "cut \xef\xbf\xbd\xef\xbf\xbd"},
	};
	(void)state;
	for (size_t i = 0; i < SV_ARRAY(cases); i++) {
		char *clean = sv_text_clean(cases[i][0]);
		assert_string_equal(clean, cases[i][1]);
		free(clean);
	}
}

static void test_sizes(void **state)
{
	char text[2 * SV_SIZE_TEXT];
	(void)state;
	assert_string_equal(sv_text_size(text, 0), "0 bytes");
	assert_string_equal(sv_text_size(text, 999), "999 bytes");
	assert_string_equal(sv_text_size(text, 1000204886016), "1.0 TB");
	assert_string_equal(sv_text_size_both(text, 1000204886016), "1.0 TB (931.5 GiB)");
	assert_string_equal(sv_text_size(text, UINT64_MAX), "18.4 EB");
	assert_string_equal(sv_text_duration(text, 59), "0:59");
	assert_string_equal(sv_text_duration(text, 3723), "1:02:03");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_many_words),
		cmocka_unit_test(test_both_forms),
		cmocka_unit_test(test_letters),
		cmocka_unit_test(test_end_of_options),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_partitions),
		cmocka_unit_test(test_bad_usage),
		cmocka_unit_test(test_json_is_seen_after_a_mistake),
		cmocka_unit_test(test_help_needs_no_words),
		cmocka_unit_test(test_option_table),
		cmocka_unit_test(test_clean_text),
		cmocka_unit_test(test_sizes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
