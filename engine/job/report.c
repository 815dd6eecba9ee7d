/* report.c - the lines of report.txt: what was done, when, with what result */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/job/save.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static void print_time(FILE *out, const char *what)
{
	char text[40];
	time_t now = time(NULL);
	struct tm tm;
	gmtime_r(&now, &tm);
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", &tm);
	fprintf(out, "%s: %s\n", what, text);
}

static void print_part(FILE *out, const struct sv_map_part *part)
{
	fprintf(out, "  partition %d: %s, %llu bytes at %llu, %llu read, %s", part->number,
		*part->fs ? part->fs : "unknown", (unsigned long long)part->size,
		(unsigned long long)part->start, (unsigned long long)part->used, part->state);
	if (*part->inside)
		fprintf(out, ", %s", part->inside);
	if (*part->reason)
		fprintf(out, ": %s", part->reason);
	fputc('\n', out);
}

char *save_report_head(const struct save_run *run)
{
	char *text = NULL;
	size_t len = 0;
	const struct sv_map *map = run->map;
	FILE *out = open_memstream(&text, &len);
	if (!out)
		return NULL;
	fprintf(out, "Salvor %s saved a disk.\n", sv_version());
	print_time(out, "Started");
	fprintf(out, "Source: %s", map->source);
	if (run->source.is_device)
		fprintf(out, ", model %s, serial %s", run->source.disk.model,
			run->source.disk.serial);
	fprintf(out, "\nSize: %llu bytes, sectors of %u bytes, table: %s\n",
		(unsigned long long)map->size, map->sector_size, map->table);
	if (map->primary_gpt_dead)
		fprintf(out, "The primary GPT was unusable; the partitions were read from its "
			     "backup.\n");
	if (*map->doubt)
		fprintf(out, "The table was not trusted: %s. Everything was read.\n", map->doubt);
	for (size_t i = 0; i < map->n_parts; i++)
		print_part(out, &map->parts[i]);
	fprintf(out, "To be read: %llu bytes. Codec %s, level %d, frames of %u bytes.\n",
		(unsigned long long)map->used, run->codec->name, run->level, run->frame_size);
	return fclose(out) ? (free(text), NULL) : text;
}

char *save_report_tail(const struct save_run *run, bool verified)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	if (!out)
		return NULL;
	print_time(out, "Finished");
	if (run->bad_bytes)
		fprintf(out,
			"NOT COMPLETE: %llu bytes in %llu areas could not be read; they are marked "
			"bad in disk.idx.\n",
			(unsigned long long)run->bad_bytes, (unsigned long long)run->bad_areas);
	else
		fprintf(out, "Everything that was to be read was read.\n");
	fprintf(out, verified ? "The stored image was read back and is whole.\n"
			      : "The stored image was not read back.\n");
	if (run->more)
		fprintf(out, "\n%s", run->more);
	return fclose(out) ? (free(text), NULL) : text;
}
