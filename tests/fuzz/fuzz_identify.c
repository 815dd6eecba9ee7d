/* fuzz_identify.c - hostile answers of disks about their size and their locks */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/fuzz/fuzz.h"

#include "engine/disk/hidden.h"
#include "engine/disk/identify.h"
#include "engine/util/bytes.h"

#include <errno.h>
#include <string.h>

/* A disk whose every answer is the next piece of the input: a byte says how it went. */
struct input {
	const uint8_t *data;
	size_t left;
	bool sound; /* checksums are right */
};

static size_t take(struct input *in, uint8_t *out, size_t len)
{
	size_t n = SV_MIN(in->left, len);
	memcpy(out, in->data, n);
	in->data += n;
	in->left -= n;
	return n;
}

static void put_right(uint8_t data[ATA_SECTOR])
{
	uint8_t sum = 0;
	data[ATA_SECTOR - 2] = 0xa5;
	for (size_t i = 0; i + 1 < ATA_SECTOR; i++)
		sum = (uint8_t)(sum + data[i]);
	data[ATA_SECTOR - 1] = (uint8_t)-sum;
}

static int answer_scsi(void *arg, const uint8_t *cdb, size_t cdb_len, void *buf, uint32_t len,
		       struct scsi_answer *answer)
{
	struct input *in = arg;
	uint8_t how = 0, sense_len = 0;
	(void)cdb;
	must(cdb_len <= 16);
	memset(answer, 0, sizeof(*answer));
	take(in, &how, 1);
	answer->status = how & 1 ? SCSI_CHECK : SCSI_GOOD;
	answer->host = how & 2 ? SCSI_HOST_TIME_OUT : SCSI_HOST_OK;
	answer->missing = how & 4;
	if (len)
		take(in, buf, len);
	if (len == ATA_SECTOR && in->sound)
		put_right(buf);
	take(in, &sense_len, 1);
	answer->sense_len = SV_MIN(sense_len, SCSI_SENSE);
	take(in, answer->sense, answer->sense_len);
	return how & 8 ? EIO : 0;
}

static int answer_nvme(void *arg, uint8_t opcode, uint32_t cdw10, uint32_t cdw11, void *buf,
		       uint32_t len)
{
	(void)opcode;
	(void)cdw10;
	(void)cdw11;
	take(arg, buf, len);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const ways[])(const struct hidden_port *port, struct hidden *hidden) = {
		hidden_ask_ata, hidden_ask_scsi, hidden_ask_nvme};
	struct input in = {.data = data, .left = size};
	struct hidden h = {0};
	uint8_t head[9] = {0};
	char text[HIDDEN_TEXT];
	take(&in, head, sizeof(head));
	in.sound = head[0] & 0x80;
	const struct hidden_port port = {
		.scsi = answer_scsi, .nvme = answer_nvme, .arg = &in, .size = get_le64(head + 1)};
	ways[(head[0] & 0x7f) % SV_ARRAY(ways)](&port, &h);
	must(h.hpa % 512 == 0 && h.ama % 512 == 0 && h.dco % 512 == 0);
	bool says = hidden_text(&h, text);
	must(says == (h.hpa || h.ama || h.dco || h.locked || h.opal_locked || h.opal_shadow));
	must(strlen(text) < HIDDEN_TEXT);
	return 0;
}
