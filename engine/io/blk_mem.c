/* blk_mem.c - a block device in memory */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/io/blk.h"

#include <stdlib.h>
#include <string.h>

struct mem_dev {
	struct blk_dev dev;
	uint8_t *data;
};

static int mem_pread(struct blk_dev *dev, void *buf, size_t len, uint64_t off, struct sv_err *err)
{
	const struct mem_dev *m = (struct mem_dev *)dev;
	(void)err;
	memcpy(buf, m->data + off, len);
	return 0;
}

static int mem_pwrite(struct blk_dev *dev, const void *buf, size_t len, uint64_t off,
		      struct sv_err *err)
{
	struct mem_dev *m = (struct mem_dev *)dev;
	(void)err;
	memcpy(m->data + off, buf, len);
	return 0;
}

static void mem_close(struct blk_dev *dev)
{
	struct mem_dev *m = (struct mem_dev *)dev;
	free(m->data);
	free(m);
}

static const struct blk_ops mem_ops = {
	.name = "memory",
	.pread = mem_pread,
	.pwrite = mem_pwrite,
	.close = mem_close,
};

int blk_mem_create(const void *content, uint64_t size, uint32_t sector_size,
		   struct blk_dev **dev_ret)
{
	if (size > SIZE_MAX / 2)
		return SV_E_NOMEM;
	struct mem_dev *m = calloc(1, sizeof(*m));
	if (!m)
		return SV_E_NOMEM;
	m->data = calloc(1, size ? (size_t)size : 1);
	if (!m->data) {
		free(m);
		return SV_E_NOMEM;
	}
	if (content)
		memcpy(m->data, content, (size_t)size);
	m->dev = (struct blk_dev){
		.ops = &mem_ops,
		.name = "memory",
		.size = size,
		.sector_size = sector_size ? sector_size : 512,
		.writable = true,
	};
	*dev_ret = &m->dev;
	return 0;
}

uint8_t *blk_mem_data(struct blk_dev *dev)
{
	return dev->ops == &mem_ops ? ((struct mem_dev *)dev)->data : NULL;
}
