/* i18n.h - texts that are translated */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TUI_I18N_H
#define TUI_I18N_H

#include <libintl.h>

#define TUI_DOMAIN "salvor"

#define _(text)		 dgettext(TUI_DOMAIN, text)
#define N_(text)	 text
#define _n(one, many, n) dngettext(TUI_DOMAIN, one, many, n)

#endif
