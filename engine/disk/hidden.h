/* hidden.h - what a disk keeps back: sectors behind its end (HPA, AMA, DCO), and locks */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_DISK_HIDDEN_H
#define SV_DISK_HIDDEN_H

#include "engine/disk/disk.h"
#include "engine/disk/scsi.h"

/*
 * The disk is only asked: IDENTIFY DEVICE, READ NATIVE MAX ADDRESS, GET NATIVE MAX ADDRESS EXT,
 * DEVICE CONFIGURATION IDENTIFY and TRUSTED RECEIVE of ATA (by ATA PASS-THROUGH, SAT-3),
 * SECURITY PROTOCOL IN of SCSI (SPC-4), Identify and Security Receive of NVMe. Nothing is set, no
 * session is opened. What it does not tell counts as not there.
 */
struct hidden {
	/* bytes behind the end of the disk as it shows itself; 0: none */
	uint64_t hpa; /* host protected area */
	uint64_t ama; /* accessible max address, which took the place of the HPA */
	uint64_t dco; /* device configuration: not even the HPA reaches it */
	bool locked;  /* by an ATA password */
	bool opal_locked;
	bool opal_shadow; /* what is read is not its content but what asks for its password */
};

/* What a disk speaks: as smartctl names it ("ATA", "SCSI", "NVMe"); "": only what its transport
 * leaves no doubt about is asked. Takes as long as the disk does, a few seconds for each command at
 * most. Any thread. */
void hidden_read(const char *root, const struct disk *disk, const char *protocol,
		 struct hidden *hidden_ret);

/* What there is to say of it, in English: "40.0 MB behind its end are hidden (HPA)". false: nothing
 * is hidden or locked. */
#define HIDDEN_TEXT 240
bool hidden_text(const struct hidden *hidden, char out[HIDDEN_TEXT]);

/* ---- for tests ---- */

/* The way to a disk. Both 0 or an errno. */
struct hidden_port {
	int (*scsi)(void *arg, const uint8_t *cdb, size_t cdb_len, void *buf, uint32_t len,
		    struct scsi_answer *answer);
	/* an admin command that reads; 0 or an errno, for whatever reason */
	int (*nvme)(void *arg, uint8_t opcode, uint32_t cdw10, uint32_t cdw11, void *buf,
		    uint32_t len);
	void *arg;
	uint64_t size; /* of the disk, as the kernel has it */
};
/* Zeroed before. */
void hidden_ask_ata(const struct hidden_port *port, struct hidden *hidden);
void hidden_ask_scsi(const struct hidden_port *port, struct hidden *hidden);
void hidden_ask_nvme(const struct hidden_port *port, struct hidden *hidden);

#endif
