/* sidefiles.c - the texts next to a stream: README.txt, report.txt, SHA256SUMS */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/image/sidefiles.h"

#include "engine/image/format.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ULL(v) ((unsigned long long)(v))

/* A text in the making. */
static char *finish(FILE *out, char **text)
{
	bool bad = ferror(out);
	if (fclose(out) || bad) {
		free(*text);
		return NULL;
	}
	return *text;
}

/* Names come from disks: one line, nothing that drives a terminal. */
static void print_clean(FILE *out, const char *s)
{
	for (; *s; s++)
		fputc((unsigned char)*s < 0x20 || *s == 0x7F ? '?' : *s, out);
}

/* The command that writes the raw disk to its output; the same words everywhere. */
static void reader_command(char *out, size_t cap, const struct manifest *m, size_t n_volumes)
{
	const char *tool = !strcmp(m->info.codec, "zstd") ? "zstd -dc"
			   : !strcmp(m->info.codec, "xz") ? "xz -dc"
							  : "cat";
	bool plain = n_volumes == 1;
	if (!strcmp(tool, "cat"))
		snprintf(out, cap, "cat %s%s", m->stream, plain ? "" : ".*");
	else if (plain)
		snprintf(out, cap, "%s %s", tool, m->stream);
	else
		snprintf(out, cap, "cat %s.* | %s", m->stream, tool);
}

static void print_parts(FILE *out, const struct manifest *m, const char *command)
{
	const struct image_info *i = &m->info;
	fprintf(out, "Partitions (start and size in bytes)\n\n");
	for (size_t k = 0; k < i->n_parts; k++) {
		const struct image_part *p = &i->parts[k];
		fprintf(out, "    %d: start %llu, size %llu, %s", p->number, ULL(p->start),
			ULL(p->size), *p->fs ? p->fs : "unknown");
		if (*p->label)
			fprintf(out, ", label ");
		print_clean(out, p->label);
		fprintf(out, !strcmp(p->state, "absent") ? ", NOT IN THIS IMAGE\n" : "\n");
	}
	for (size_t k = 0; k < i->n_parts; k++) {
		const struct image_part *p = &i->parts[k];
		if (p->number == 0 || p->size == 0 || !strcmp(p->state, "absent"))
			continue;
		fprintf(out,
			"\nOne partition alone, here %d, to a partition of at least %llu bytes:\n\n"
			"    %s | dd of=/dev/sdXN bs=1M conv=fsync \\\n"
			"        iflag=fullblock,skip_bytes,count_bytes skip=%llu count=%llu\n",
			p->number, ULL(p->size), command, ULL(p->start), ULL(p->size));
		break;
	}
	fputc('\n', out);
}

static void print_check(FILE *out, const struct manifest *m, size_t n_volumes)
{
	const char *tool = m->info.codec;
	fprintf(out, "Check\n\n    sha256sum -c SHA256SUMS\n");
	if (!strcmp(tool, "zstd") || !strcmp(tool, "xz")) {
		if (n_volumes == 1)
			fprintf(out, "    %s -t %s\n", tool, m->stream);
		else
			fprintf(out, "    cat %s.* | %s -t\n", m->stream, tool);
	}
	fputc('\n', out);
}

static void print_traps(FILE *out, const struct manifest *m)
{
	fprintf(out,
		"Traps\n\n"
		"  * /dev/sdX is overwritten. Make sure which disk it is: lsblk -o "
		"NAME,SIZE,MODEL,SERIAL\n"
		"  * The target must have at least %llu bytes and sectors of %u bytes. On a larger "
		"one, move the\n    backup of a GPT to the end afterwards: sgdisk -e /dev/sdX\n",
		ULL(m->info.size), m->info.sector_size);
	if (!strcmp(m->info.codec, "zstd"))
		fprintf(out, "  * Never write to a disk with `zstd -d ... -o /dev/sdX`: zstd up to "
			     "1.5.4 skips over zeros and\n    leaves old data there. `zstd -dc > "
			     "/dev/sdX` as above is right.\n");
	fprintf(out, "  * In a pipe look at the exit code of every part (bash: set -o pipefail): "
		     "a damaged stream is\n    written up to the damage, and only the exit code "
		     "tells.\n"
		     "  * Free space and what was not saved are zeros in the stream: a restore "
		     "with these tools\n    overwrites that space with zeros. `salvor restore` "
		     "leaves it alone.\n");
	if (m->info.bytes_absent)
		fprintf(out, "  * This image is PARTIAL: the partitions marked above are zeros in "
			     "it. Written whole, it\n    erases them.\n");
	if (m->info.bytes_bad)
		fprintf(out,
			"  * %llu bytes of the source could not be read. They are zeros in the "
			"stream; disk.idx and\n    manifest.json say where.\n",
			ULL(m->info.bytes_bad));
}

char *sidefile_readme(const struct manifest *m, size_t n_volumes)
{
	char *text = NULL, command[200];
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	if (!out)
		return NULL;
	reader_command(command, sizeof(command), m, n_volumes);
	fprintf(out, "This folder holds the image of a disk");
	if (*m->info.model || *m->info.serial) {
		fprintf(out, " (");
		print_clean(out, m->info.model);
		fprintf(out, " ");
		print_clean(out, m->info.serial);
		fprintf(out, ")");
	}
	fprintf(out,
		", %llu bytes.\nIt was made by %s, but needs no special program: decompressed, %s "
		"is the raw disk,\nbyte for byte, with zeros where nothing was stored.\n\n"
		"Restore the whole disk (as root, in this folder)\n\n"
		"    %s > /dev/sdX && sync\n\n"
		"or, with large writes and progress:\n\n"
		"    %s | dd of=/dev/sdX bs=4M iflag=fullblock oflag=direct conv=fsync "
		"status=progress\n\n"
		"Look inside without a disk\n\n"
		"    %s > disk.raw && losetup --read-only --partscan --find --show --sector-size "
		"%u disk.raw\n\n",
		ULL(m->info.size), m->info.tool, m->stream, command, command, command,
		m->info.sector_size);
	if (m->info.n_parts)
		print_parts(out, m, command);
	print_check(out, m, n_volumes);
	print_traps(out, m);
	fprintf(out,
		"\nFiles: %s%s the stream; disk.idx what every byte of it is, and digests; "
		"manifest.json the\ndescription; report.txt what was done; SHA256SUMS digests "
		"of these files.\n",
		m->stream, n_volumes == 1 ? "" : ".*");
	return finish(out, &text);
}

char *sidefile_report(const struct manifest *m, const struct report *report)
{
	const struct image_info *i = &m->info;
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	if (!out)
		return NULL;
	fputs(report->head ? report->head : "", out);
	if (report->resumed_from)
		fprintf(out, "Continued after an interruption at byte %llu of the disk.\n",
			ULL(report->resumed_from));
	fprintf(out,
		"Data %llu, zeros %llu, free %llu, unreadable %llu, not selected %llu bytes.\n"
		"Stored: %llu bytes in %s, codec %s.\n",
		ULL(i->bytes_data), ULL(i->bytes_zero), ULL(i->bytes_free), ULL(i->bytes_bad),
		ULL(i->bytes_absent), ULL(i->bytes_stored), m->stream, i->codec);
	if (report->dir_sync_missing)
		fprintf(out, "The store cannot sync folders: a power cut right after the end may "
			     "still lose file names.\n");
	fputs(report->tail ? report->tail : "", out);
	return finish(out, &text);
}

static void print_sum(FILE *out, const uint8_t sha256[SV_SHA256_LEN], const char *name)
{
	char hex[2 * SV_SHA256_LEN + 1];
	sv_hex(hex, sha256, SV_SHA256_LEN);
	fprintf(out, "%s  %s\n", hex, name);
}

char *sidefile_sums(const struct manifest *m, const uint8_t manifest_sha256[SV_SHA256_LEN])
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	if (!out)
		return NULL;
	for (size_t i = 0; i < m->n_files; i++)
		print_sum(out, m->files[i].sha256, m->files[i].name);
	print_sum(out, manifest_sha256, NAME_MANIFEST);
	return finish(out, &text);
}
