/* hidden_ask.c - what a disk keeps back: the commands, and what their answers come to */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/disk/hidden.h"

#include "engine/disk/identify.h"
#include "engine/disk/sense.h"
#include "engine/util/bytes.h"

#include <errno.h>
#include <string.h>

/* Source: SAT-3 section 12.2.2.3, ATA PASS-THROUGH (16); ACS-3 section 7 for the commands, but for
 * READ NATIVE MAX ADDRESS and DEVICE CONFIGURATION, which only ATA8-ACS still has. */
enum { ATA_PASS_16 = 0x85, SECURITY_IN = 0xa2 };
enum { NO_DATA = 3 << 1, PIO_IN = 4 << 1, EXTENDED = 1 };
enum { TELL_REGISTERS = 1 << 5, BLOCKS_IN = 0x0e }; /* from the disk, in blocks, as many as COUNT */
enum {
	IDENTIFY_DEVICE = 0xec,
	READ_NATIVE_MAX = 0xf8,
	READ_NATIVE_MAX_EXT = 0x27,
	MAX_ADDRESS = 0x78, /* with FEATURE 0: GET NATIVE MAX ADDRESS EXT */
	CONFIGURATION = 0xb1,
	CONFIGURATION_IDENTIFY = 0xc2, /* its FEATURE; others change the disk */
	TRUSTED_RECEIVE = 0x5c,
};
#define LBA_BIT 0x40

/* TCG: security protocol 1, ComID 1 is Level 0 Discovery */
#define TCG	  1
#define DISCOVERY 2048

enum { NVME_ADMIN_IDENTIFY = 0x06, NVME_SECURITY_RECEIVE = 0x82 };
#define NVME_CONTROLLER 1

/* The kernel may see less of the disk than it says it has: an adapter keeps some for itself. But
 * what is about another size is about another disk. */
#define ADAPTER (64 * SV_MIB)

/* ---- ATA ---- */

/* 0 or an errno; the answer is there in both cases. */
static int ata_command(const struct hidden_port *port, const uint8_t cdb[16], void *buf,
		       uint32_t len, struct scsi_answer *answer)
{
	struct sense sense;
	int e = port->scsi(port->arg, cdb, 16, buf, len, answer);
	if (e || answer->host != SCSI_HOST_OK || answer->missing)
		return e ? e : EIO;
	sense_parse(answer->sense, answer->sense_len, &sense);
	/* "recovered" is how registers are told of */
	return answer->status == SCSI_GOOD ? 0 : sense_errno(&sense);
}

static int ata_read(const struct hidden_port *port, uint8_t command, uint8_t feature, void *buf)
{
	struct scsi_answer answer;
	const uint8_t cdb[16] = {[0] = ATA_PASS_16, [1] = PIO_IN, [2] = BLOCKS_IN,
				 [4] = feature,	    [6] = 1,	  [14] = command};
	memset(buf, 0, ATA_SECTOR);
	return ata_command(port, cdb, buf, ATA_SECTOR, &answer);
}

/* The address in the registers after a command without data. */
static bool ata_address(const struct hidden_port *port, uint8_t command, bool lba48, uint64_t *lba)
{
	struct scsi_answer answer;
	const uint8_t cdb[16] = {[0] = ATA_PASS_16,
				 [1] = (uint8_t)(NO_DATA | (lba48 ? EXTENDED : 0)),
				 [2] = TELL_REGISTERS,
				 [13] = LBA_BIT,
				 [14] = command};
	return !ata_command(port, cdb, NULL, 0, &answer) &&
	       identify_registers(answer.sense, answer.sense_len, lba48, lba);
}

/* Bytes up to and with sector `last` that are behind the first `sectors`. */
static uint64_t behind(const struct ata_identify *id, uint64_t sectors, uint64_t last)
{
	return last >= sectors ? (last + 1 - sectors) * id->sector_size : 0;
}

static void ask_size(const struct hidden_port *port, const struct ata_identify *id,
		     struct hidden *h)
{
	uint8_t data[ATA_SECTOR];
	uint64_t last, size = id->sectors * id->sector_size, sectors = id->sectors;
	if (port->size > size || size - port->size > ADAPTER)
		return;
	if (id->hpa &&
	    ata_address(port, id->lba48 ? READ_NATIVE_MAX_EXT : READ_NATIVE_MAX, id->lba48, &last))
		h->hpa = behind(id, sectors, last);
	if (id->ama && id->lba48 && ata_address(port, MAX_ADDRESS, true, &last))
		h->ama = behind(id, sectors, last);
	/* what the one tells, the other need not tell again */
	sectors += SV_MAX(h->hpa, h->ama) / id->sector_size;
	if (id->dco && !ata_read(port, CONFIGURATION, CONFIGURATION_IDENTIFY, data) &&
	    identify_dco(data, &last))
		h->dco = behind(id, sectors, last);
}

/* ---- locks ---- */

static void take_discovery(const uint8_t *data, size_t len, struct hidden *h)
{
	struct opal_lock lock;
	if (!identify_opal(data, len, &lock))
		return;
	h->opal_locked = lock.locked;
	h->opal_shadow = lock.shadow;
}

/* The kernel makes TRUSTED RECEIVE of it for its own SATA disks. */
static bool security_in(const struct hidden_port *port, uint8_t *data)
{
	struct scsi_answer answer;
	const uint8_t cdb[12] = {[0] = SECURITY_IN, [1] = TCG, [3] = TCG, [8] = DISCOVERY >> 8};
	memset(data, 0, DISCOVERY);
	return !port->scsi(port->arg, cdb, sizeof(cdb), data, DISCOVERY, &answer) &&
	       answer.host == SCSI_HOST_OK && answer.status == SCSI_GOOD;
}

/* An adapter may know only this. */
static bool trusted_receive(const struct hidden_port *port, uint8_t *data)
{
	struct scsi_answer answer;
	const uint8_t cdb[16] = {[0] = ATA_PASS_16,
				 [1] = PIO_IN,
				 [2] = BLOCKS_IN,
				 [4] = TCG,
				 [6] = DISCOVERY / ATA_SECTOR,
				 [10] = TCG,
				 [14] = TRUSTED_RECEIVE};
	memset(data, 0, DISCOVERY);
	return !ata_command(port, cdb, data, DISCOVERY, &answer);
}

void hidden_ask_ata(const struct hidden_port *port, struct hidden *h)
{
	uint8_t data[DISCOVERY];
	struct ata_identify id;
	if (ata_read(port, IDENTIFY_DEVICE, 0, data) || !identify_ata(data, &id))
		return;
	h->locked = id.locked;
	ask_size(port, &id, h);
	if (id.trusted && (security_in(port, data) || trusted_receive(port, data)))
		take_discovery(data, sizeof(data), h);
}

void hidden_ask_scsi(const struct hidden_port *port, struct hidden *h)
{
	uint8_t data[DISCOVERY];
	if (security_in(port, data))
		take_discovery(data, sizeof(data), h);
}

void hidden_ask_nvme(const struct hidden_port *port, struct hidden *h)
{
	uint8_t data[NVME_IDENTIFY] = {0};
	if (port->nvme(port->arg, NVME_ADMIN_IDENTIFY, NVME_CONTROLLER, 0, data, sizeof(data)) ||
	    !identify_nvme_security(data))
		return;
	memset(data, 0, sizeof(data));
	if (!port->nvme(port->arg, NVME_SECURITY_RECEIVE, TCG << 24 | TCG << 8, DISCOVERY, data,
			DISCOVERY))
		take_discovery(data, DISCOVERY, h);
}
