/* others.h - the other volumes of a machine, for what lies on several of them */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_FSMAP_OTHERS_H
#define SV_FSMAP_OTHERS_H

#include "engine/io/blk.h"

enum others_found {
	OTHERS_ABSENT,
	OTHERS_FOUND,
	OTHERS_TWICE,  /* several say that they are it */
	OTHERS_IN_USE, /* it may be written to while it is read */
};

/*
 * Where they are looked for. Readers use it with the thread of fsmap_read(); what they find is read
 * only, and nothing of it is ever in their map.
 */
struct fsmap_others {
	/* The volume of that libblkid type and UUID, other than the one that is being mapped.
	 * *dev_ret is set with OTHERS_FOUND alone and stays the owner's, as long as the map is
	 * being read. 0 or SV_E_NOMEM. */
	int (*find)(void *arg, const char *type, const char *uuid, enum others_found *found_ret,
		    struct blk_dev **dev_ret);
	void *arg;
};

#endif
