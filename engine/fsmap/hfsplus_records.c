/* hfsplus_records.c - HFS+: the records of files, folders and attributes, and what they have */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/hfsplus_files.h"

#include "engine/util/bytes.h"

#include <string.h>

/* TN1150, "Attributes File". */
enum {
	A_FILE = 4,
	A_KEY_MIN = 12,
	A_INLINE = 0x10,
	A_FORK = 0x20,
	A_RUNS = 0x30,
	A_CONTENT = 8,
};

/* ---- attributes ---- */

static int claim_attribute(struct hfsplus_finder *f, uint32_t id, const uint8_t *runs,
			   uint64_t *blocks)
{
	const struct owners_file file = {.id = id, .kind = FILES_ATTRS};
	int rc = 0;
	for (uint32_t i = 0; !rc && i < HFSPLUS_RUNS; i++) {
		const uint8_t *p = runs + i * HFSPLUS_RUN_SIZE;
		const struct hfsplus_run run = {get_be32(p), get_be32(p + 4)};
		if (!run.count)
			break;
		rc = hfsplus_claim(f, &file, &run, 0, 0);
		*blocks += run.count;
	}
	return rc;
}

static int see_attribute(void *arg, const uint8_t *record, uint32_t key, const uint8_t *data,
			 uint32_t len)
{
	struct hfsplus_finder *f = arg;
	uint32_t kind = len < 4 ? 0 : get_be32(data),
		 id = key < A_KEY_MIN ? 0 : get_be32(record + A_FILE);
	uint64_t here = 0;
	int rc = id && f->attributes.hit ? hfsplus_ids_add(&f->attributed, id) : 0;
	if (rc || (id && kind == A_INLINE))
		return rc;
	if (id && kind == A_FORK && len >= A_CONTENT + HFSPLUS_FORK_SIZE) {
		const uint8_t *fork = data + A_CONTENT;
		rc = claim_attribute(f, id, fork + HFSPLUS_F_RUNS, &here);
		f->missing += get_be32(fork + HFSPLUS_F_BLOCKS) - here;
	} else if (id && kind == A_RUNS && len >= A_CONTENT + HFSPLUS_RUNS_SIZE) {
		rc = claim_attribute(f, id, data + A_CONTENT, &f->more);
	} else {
		f->attributes.damaged = true;
	}
	return rc;
}

/* ---- the catalog ---- */

bool hfsplus_name_of(const uint8_t *record, uint32_t key, struct hfsplus_name *name)
{
	if (key < HFSPLUS_C_KEY_MIN)
		return false;
	name->parent = get_be32(record + HFSPLUS_C_PARENT);
	name->chars = get_be16(record + HFSPLUS_C_NAME);
	name->text = record + HFSPLUS_C_NAME_TEXT;
	return 2 * name->chars <= key - HFSPLUS_C_KEY_MIN;
}

bool hfsplus_thread_name(const uint8_t *data, uint32_t len, struct hfsplus_name *name)
{
	if (len < HFSPLUS_C_THREAD_SIZE)
		return false;
	name->parent = get_be32(data + HFSPLUS_C_THREAD_PARENT);
	name->chars = get_be16(data + HFSPLUS_C_THREAD_NAME);
	name->text = data + HFSPLUS_C_THREAD_SIZE;
	return name->chars && 2 * name->chars <= len - HFSPLUS_C_THREAD_SIZE;
}

/* What has several names lies in these folders, which are in the root. */
static bool is_called(const struct hfsplus_name *name, const char *text, uint32_t zeros)
{
	if (name->chars != zeros + strlen(text))
		return false;
	for (uint32_t i = 0; i < name->chars; i++)
		if (get_be16(name->text + 2 * i) != (i < zeros ? 0 : (uint8_t)text[i - zeros]))
			return false;
	return true;
}

static int take_folder(struct hfsplus_finder *f, const struct hfsplus_name *name, uint32_t id)
{
	if (name->parent == HFSPLUS_ROOT && is_called(name, "HFS+ Private Data", 4))
		f->private_files = id;
	if (name->parent == HFSPLUS_ROOT && is_called(name, ".HFS+ Private Directory Data\r", 0))
		f->private_folders = id;
	return names_dirs_add(&f->dirs, id);
}

static int take_file(struct hfsplus_finder *f, uint32_t id, const uint8_t *data)
{
	int rc = hfsplus_claim_fork(f, id, HFSPLUS_FORK_DATA, data + HFSPLUS_C_DATA);
	return rc ? rc
		  : hfsplus_claim_fork(f, id, HFSPLUS_FORK_RESOURCES, data + HFSPLUS_C_RESOURCES);
}

static int take_record(struct hfsplus_finder *f, const struct hfsplus_name *name, bool folder,
		       const uint8_t *data)
{
	uint32_t id = get_be32(data + HFSPLUS_C_ID);
	int rc = folder ? take_folder(f, name, id) : take_file(f, id, data);
	if (!rc && f->catalog.hit)
		rc = hfsplus_ids_add(&f->records, id);
	if (!rc && get_be16(data + HFSPLUS_C_FLAGS) & HFSPLUS_FLAG_ATTRIBUTES)
		rc = hfsplus_lost_attributes(f, id);
	return rc;
}

/* A folder whose record is lost is still one. */
static int take_thread(struct hfsplus_finder *f, const struct hfsplus_name *name, uint32_t id,
		       bool folder)
{
	if (!f->catalog.hit)
		return 0;
	int rc = hfsplus_ids_add(&f->threads, id);
	return !rc && folder ? take_folder(f, name, id) : rc;
}

static int see_catalog(void *arg, const uint8_t *record, uint32_t key, const uint8_t *data,
		       uint32_t len)
{
	struct hfsplus_finder *f = arg;
	struct hfsplus_name name, behind;
	unsigned int kind = len < 2 ? 0 : get_be16(data);
	bool folder = kind == HFSPLUS_C_FOLDER || kind == HFSPLUS_C_FOLDER_THREAD;
	if (hfsplus_name_of(record, key, &name) && name.parent) {
		if ((kind == HFSPLUS_C_FILE && len >= HFSPLUS_C_FILE_SIZE) ||
		    (kind == HFSPLUS_C_FOLDER && len >= HFSPLUS_C_FOLDER_SIZE)) {
			if (name.chars && get_be32(data + HFSPLUS_C_ID))
				return take_record(f, &name, folder, data);
		} else if ((kind == HFSPLUS_C_FILE_THREAD || kind == HFSPLUS_C_FOLDER_THREAD) &&
			   !name.chars && hfsplus_thread_name(data, len, &behind)) {
			return take_thread(f, &behind, name.parent, folder);
		}
	}
	f->catalog.damaged = true;
	return 0;
}

/* ---- all of it ---- */

static void caution(struct hfsplus_finder *f)
{
	const struct hfsplus_nodes *trees[] = {&f->catalog, &f->extents, &f->attributes};
	for (size_t i = 0; i < SV_ARRAY(trees); i++)
		if (trees[i]->lost || trees[i]->damaged)
			owners_caution(f->o, "%s is %s: owners or names may be missing",
				       trees[i]->tree.what,
				       trees[i]->lost ? "lost in part" : "damaged");
}

int hfsplus_records_read(struct hfsplus_finder *f)
{
	int rc = hfsplus_pieces_read(f);
	if (!rc)
		rc = hfsplus_nodes_walk(&f->attributes, see_attribute, f);
	hfsplus_ids_sort(&f->attributed);
	if (!rc)
		rc = hfsplus_nodes_walk(&f->catalog, see_catalog, f);
	bool gaps = f->catalog.lost || f->catalog.damaged;
	if (!rc && gaps)
		rc = hfsplus_claim_left(f);
	if (!gaps && !f->extents.lost && !f->attributes.lost && f->missing != f->more)
		f->extents.damaged = true;
	if (!rc && f->catalog.hit)
		rc = hfsplus_lost_find(f);
	hfsplus_claims_judge(f);
	caution(f);
	return rc;
}
