/* verbs.c - the table of verbs: what salvor can do, with which words and options */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli.h"

#include <string.h>

#define COMMON (OPT(HELP) | OPT(VERSION))
#define TALK   (OPT(JSON) | OPT(QUIET) | OPT(VERBOSE) | OPT(PROGRESS))
#define UNLOCK (OPT(KEY_FILE) | OPT(UNLOCK))
/* how volumes are looked into */
#define INSIDE (UNLOCK | OPT(NTFS_UNION) | OPT(WITH))
#define SHARE  (OPT(PASSWORD_FILE) | OPT(HOST_KEY) | OPT(IDENTITY))

const struct cli_verb cli_verbs[] = {
	{.name = "disks",
	 .summary = "list the disks of this machine",
	 .options = COMMON | OPT(JSON),
	 .run = cmd_disks},
	{.name = "health",
	 .summary = "what the disks say of their own health",
	 .words = {{"DISK", COMPLETE_DISK, true, .many = true}},
	 .options = COMMON | OPT(JSON) | OPT(WAKE),
	 .run = cmd_health},
	{.name = "map",
	 .summary = "what is on a disk, which bytes would be read, and why",
	 .words = {{"SOURCE", COMPLETE_DISK, false}},
	 .options = COMMON | OPT(JSON) | OPT(EXTENTS) | OPT(PARTITIONS) | OPT(WHOLE) |
		    OPT(SECTOR_SIZE) | INSIDE,
	 .run = cmd_map},
	{.name = "save",
	 .summary = "save a disk or partitions into an image",
	 .words = {{"SOURCE", COMPLETE_DISK, false},
		   {"IMAGE", COMPLETE_FOLDER, false, PLACE_NEW_IMAGE}},
	 .options = COMMON | TALK | OPT(DRY_RUN) | OPT(PRESET) | OPT(CODEC) | OPT(LEVEL) |
		    OPT(PARTITIONS) | OPT(WHOLE) | OPT(VOLUME_SIZE) | OPT(THREADS) | OPT(ON_ERROR) |
		    OPT(NO_VERIFY) | OPT(RESUME) | OPT(NOTE) | OPT(SECTOR_SIZE) | INSIDE | SHARE,
	 .job = true,
	 .run = cmd_save},
	{.name = "restore",
	 .summary = "write an image back to a disk, a partition or a file",
	 .words = {{"IMAGE", COMPLETE_FOLDER, false, PLACE_IMAGE},
		   {"TARGET", COMPLETE_DISK, false}},
	 .options = COMMON | TALK | OPT(DRY_RUN) | OPT(PARTITION) | OPT(FREE) | OPT(NO_VERIFY) |
		    OPT(CONFIRM_ERASE) | OPT(THREADS) | OPT(SECTOR_SIZE) | SHARE,
	 .job = true,
	 .run = cmd_restore},
	{.name = "clone",
	 .summary = "copy a disk straight onto another one",
	 .words = {{"SOURCE", COMPLETE_DISK, false}, {"TARGET", COMPLETE_DISK, false}},
	 .options = COMMON | TALK | OPT(DRY_RUN) | OPT(PARTITIONS) | OPT(WHOLE) | OPT(FREE) |
		    OPT(ON_ERROR) | OPT(NO_VERIFY) | OPT(CONFIRM_ERASE) | OPT(THREADS) |
		    OPT(SECTOR_SIZE) | INSIDE,
	 .job = true,
	 .run = cmd_clone},
	{.name = "rescue",
	 .summary = "copy what can be read of a failing disk",
	 .words = {{"SOURCE", COMPLETE_DISK, false},
		   {"TARGET", COMPLETE_DISK, false},
		   {"MAPFILE", COMPLETE_FILE, true}},
	 .options = COMMON | TALK | OPT(DRY_RUN) | OPT(PASSES) | OPT(RETRIES) | OPT(DOMAIN) |
		    OPT(IMAGE) | OPT(SAVE_EVERY) | OPT(SLOW_MS) | OPT(WAIT) | OPT(CONFIRM_ERASE) |
		    OPT(SECTOR_SIZE) | INSIDE,
	 .job = true,
	 .success = "all that was to be read was read",
	 .run = cmd_rescue},
	{.name = "report",
	 .summary = "which files were hit by what could not be read",
	 .words = {{"RUN|MAPFILE", COMPLETE_FILE, false}},
	 .options = COMMON | OPT(JSON) | OPT(COPY) | OPT(SECTOR_SIZE) | UNLOCK | OPT(WITH),
	 .run = cmd_report},
	{.name = "verify",
	 .summary = "check that an image is whole, alone or against a disk",
	 .words = {{"IMAGE", COMPLETE_FOLDER, false, PLACE_IMAGE}},
	 .options = COMMON | TALK | OPT(AGAINST) | OPT(THREADS) | OPT(SECTOR_SIZE) | SHARE,
	 .job = true,
	 .success = "the image is whole",
	 .run = cmd_verify},
	{.name = "show",
	 .summary = "what an image holds",
	 .words = {{"IMAGE", COMPLETE_FOLDER, false, PLACE_IMAGE}},
	 .options = COMMON | OPT(JSON) | SHARE,
	 .run = cmd_show},
	{.name = "list",
	 .summary = "list the images in a folder",
	 .words = {{"STORE", COMPLETE_FOLDER, false, PLACE_STORE}},
	 .options = COMMON | OPT(JSON) | SHARE,
	 .run = cmd_list},
	{.name = "share",
	 .summary = "try a store on another machine, step by step",
	 .words = {{"URL", COMPLETE_NOTHING, false, PLACE_LOCAL}},
	 .options = COMMON | OPT(JSON) | OPT(READ_ONLY) | SHARE,
	 .run = cmd_share},
	{.name = "completion",
	 .summary = "print the completion script of a shell",
	 .words = {{"SHELL", COMPLETE_SHELL, false}},
	 .options = COMMON,
	 .run = cmd_completion},
	/* announced, but not in this version */
	{.name = "run", .job = true},
	{.name = "ls"},
	{.name = "extract"},
	{.name = "mount"},
	{0},
};

const struct cli_verb *cli_verb_find(const char *name)
{
	for (const struct cli_verb *v = cli_verbs; v->name; v++)
		if (!strcmp(v->name, name))
			return v;
	return NULL;
}
