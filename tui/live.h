/* live.h - what the interface changes of the live system while it runs */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TUI_LIVE_H
#define TUI_LIVE_H

#include "tui/app.h"

/* Why nothing of the system can be changed here; NULL on the live system, which is ours. */
const char *live_why_not(void);
/* live-init set NAME VALUE: as by the kernel parameter salvor.NAME, but now. What goes wrong is
 * said and logged. */
bool live_set(struct app *app, const char *name, const char *value);
/* What salvor.NAME is now, from the kernel's line or set since; "" = nothing, or not here. */
#define LIVE_VALUE 64
void live_param(const struct app *app, const char *name, char out[LIVE_VALUE]);

#endif
