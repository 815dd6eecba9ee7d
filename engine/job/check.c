/* check.c - reading back an image: every frame against its checksum, its digests and the run map */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/job/check.h"

#include "engine/job/walk.h"

#include <stdio.h>

void check_say(struct sv_job *job, const char *where, uint64_t start, uint64_t len,
	       const char *what)
{
	char text[256];
	snprintf(text, sizeof(text), "bytes %llu to %llu of the disk, %s: %s",
		 (unsigned long long)start, (unsigned long long)(start + len - 1), where, what);
	job_event(job, &(struct sv_event){.kind = SV_EVENT_DAMAGE,
					  .sentence = text,
					  .object = where,
					  .start = start,
					  .len = len});
}

void check_place(char where[CHECK_PLACE], int number)
{
	if (number)
		snprintf(where, CHECK_PLACE, "in partition %d", number);
	else
		snprintf(where, CHECK_PLACE, "which has no partitions");
}

void check_say_damage(struct sv_job *job, const struct image_info *info, uint64_t start,
		      uint64_t len, const char *what)
{
	char where[CHECK_PLACE] = CHECK_OUTSIDE;
	for (size_t i = 0; i < info->n_parts; i++)
		if (start >= info->parts[i].start &&
		    start - info->parts[i].start < info->parts[i].size)
			check_place(where, info->parts[i].number);
	check_say(job, where, start, len, what);
}

struct frame_check {
	struct sv_job *job;
	struct image_reader *reader;
	uint64_t damaged;
};

static int check_one(void *arg, const struct walk_frame *frame, struct sv_err *err)
{
	struct frame_check *check = arg;
	(void)err;
	if (frame->damage) {
		check->damaged++;
		check_say_damage(check->job, image_reader_info(check->reader), frame->start,
				 frame->len, frame->damage);
	}
	job_advance(check->job, frame->len, frame->stored_len);
	return 0;
}

int check_frames(struct sv_job *job, struct image_reader *reader, unsigned int threads,
		 struct sv_err *err)
{
	static const struct walk_sink sink = {.check_constant = true, .frame = check_one};
	struct frame_check check = {.job = job, .reader = reader};
	job_phase(job, SV_PHASE_VERIFY, image_reader_info(reader)->size);
	int rc = walk_frames(job, reader, &sink, &check, threads, err);
	if (!rc && check.damaged)
		rc = sv_fail(err, SV_E_DIFFERS, 0, "image",
			     "%llu of %llu frames of disk.img%s are damaged",
			     (unsigned long long)check.damaged,
			     (unsigned long long)image_reader_frames(reader),
			     image_reader_codec(reader)->extension);
	return rc;
}
