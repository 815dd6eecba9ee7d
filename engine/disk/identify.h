/* identify.h - what disks answer about their size and their locks: bytes made into plain words */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_DISK_IDENTIFY_H
#define SV_DISK_IDENTIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The disk's words are hostile: any content is fine. What makes no sense is not believed. */

#define ATA_SECTOR 512 /* of IDENTIFY DEVICE, DEVICE CONFIGURATION IDENTIFY */

/* ACS-3 section 7.12.7, IDENTIFY DEVICE data: words 48, 60, 82, 83, 100, 106, 117, 119, 128. */
struct ata_identify {
	uint64_t sectors; /* that can be addressed now */
	uint32_t sector_size;
	bool lba48;
	bool hpa, ama, dco, trusted; /* feature sets that it has */
	bool locked;		     /* by an ATA password */
};
/* false: no such answer. */
bool identify_ata(const uint8_t data[ATA_SECTOR], struct ata_identify *id);

/* What a command without data left in the registers, when it was asked to tell: SAT-3 section
 * 12.2.2.6, ATA Status Return descriptor. false: it failed, or does not tell. */
bool identify_registers(const uint8_t *sense, size_t len, bool lba48, uint64_t *lba);

/* ATA8-ACS section 7.10.3, DEVICE CONFIGURATION IDENTIFY data: the highest address that the disk
 * was made with. */
bool identify_dco(const uint8_t data[ATA_SECTOR], uint64_t *lba);

/* TCG Storage Architecture Core 2.01 section 3.3.6, Level 0 Discovery: the Locking feature. */
struct opal_lock {
	bool enabled, locked;
	bool shadow; /* instead of its content another one is shown (MBR shadow), for now */
};
/* false: it has none. */
bool identify_opal(const uint8_t *data, size_t len, struct opal_lock *lock);

/* NVM Express 1.4 figure 247, Identify Controller: Security Send and Receive are there. */
#define NVME_IDENTIFY 4096
bool identify_nvme_security(const uint8_t data[NVME_IDENTIFY]);

#endif
