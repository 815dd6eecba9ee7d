/* analyser.h - tells clang's analyser, which sees one file at a time, what the error calls return */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_ANALYSER_H
#define SV_ANALYSER_H

#include "engine/fsmap/reader.h"
#include "engine/util/err.h"

#define sv_fail(err, code, ...) ((void)(sv_fail)(err, code, __VA_ARGS__), (int)(code))
#define sv_fail_nomem(err) ((void)(sv_fail_nomem)(err), (int)SV_E_NOMEM)
#define fsmap_whole(...) ((void)(fsmap_whole)(__VA_ARGS__), FSMAP_IS_WHOLE)

#endif
