/* lvm_image.h - physical volumes of LVM2 made by hand, and the words of their text */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TESTS_LVM_IMAGE_H
#define TESTS_LVM_IMAGE_H

#include "engine/io/blk.h"

/* 64 MiB: 62 extents of 1 MiB, from 1 MiB on; one area of metadata. */
#define LVM_IMAGE_SIZE	   (64 * SV_MIB)
#define LVM_IMAGE_MDA	   4096u
#define LVM_IMAGE_MDA_SIZE (128u * 1024)
#define LVM_IMAGE_UUID	   "ABCDEFabcdefghijklmnopqrstuvwxyz"

/* pv0 is LVM_IMAGE_UUID. */
#define PV_TEXT                                                                                    \
	"physical_volumes { pv0 { id = \"ABCDEF-abcd-efgh-ijkl-mnop-qrst-uvwxyz\" flags = [] "     \
	"pe_start = 2048 pe_count = 62 } pv1 { id = \"x\" } } "
#define VG_TEXT(extent, pvs, lvs)                                                                  \
	"g { id = \"i\" seqno = 3 format = \"lvm2\" flags = [] extent_size = " extent " " pvs      \
	"logical_volumes { " lvs " } }\n# text\ncontents = \"Text Format Volume Group\"\n"
#define LVS(lvs)	 VG_TEXT("2048", PV_TEXT, lvs)
#define LV(name, status) name " { status = [" status "] flags = [] creation_host = \"a\" "
#define PLAIN		 "\"READ\", \"WRITE\", \"VISIBLE\""
#define SEG(n, start, count, type, rest)                                                           \
	"segment" #n " { start_extent = " #start " extent_count = " #count " type = \"" type       \
	"\" " rest " } "
#define AT(pe)			    "stripe_count = 1 stripes = [\"pv0\", " #pe "]"
#define LINEAR(n, start, count, pe) SEG(n, start, count, "striped", AT(pe))
#define ONE			    "segment_count = 1 "
#define STRIPED(count, stripes, size, a, b)                                                        \
	SEG(1, 0, count, "striped",                                                                \
	    "stripe_count = " #stripes " stripe_size = " #size " stripes = [\"pv0\", " #a          \
	    ", \"pv0\", " #b "]")

/* A group of two disks, pv0 and pv1, and a linear volume over both: 4 extents of A from 5 on, and 6
 * of B from 20 on. */
#define LVM_IMAGE_UUID_B "ZYXWVUabcdefghijklmnopqrstuvwxyz"
#define TEXT_A		 "ABCDEF-abcd-efgh-ijkl-mnop-qrst-uvwxyz"
#define TEXT_B		 "ZYXWVU-abcd-efgh-ijkl-mnop-qrst-uvwxyz"
#define PV(n, uuid, flags)                                                                         \
	"pv" #n " { id = \"" uuid "\" flags = [" flags "] pe_start = 2048 pe_count = 62 } "
#define GROUP(flags, lvs)                                                                          \
	VG_TEXT("2048", "physical_volumes { " PV(0, TEXT_A, "") PV(1, TEXT_B, flags) "} ", lvs)
#define ON_B(n, start, count, pe)                                                                  \
	SEG(n, start, count, "striped", "stripe_count = 1 stripes = [\"pv1\", " #pe "]")
#define LINEAR_LV(name)                                                                            \
	LV(name, PLAIN) "segment_count = 2 " LINEAR(1, 0, 4, 5) ON_B(2, 4, 6, 20) "} "
#define LVM_IMAGE_BOTH GROUP("", LINEAR_LV("a"))

/* A volume in memory with label and text; a swap area of 10 MiB, all of which but its first page is
 * free, begins in its extent 5. */
struct blk_dev *lvm_image_make(const char *uuid, const char *text);

/* Parts of it: an area of metadata at `at`, whose text begins at `off` of it; checksums put right.
 */
void lvm_image_area(uint8_t *disk, uint32_t at, const char *text, uint32_t off);
void lvm_image_seal_area(uint8_t *area);
void lvm_image_seal_label(uint8_t *disk);

#endif
