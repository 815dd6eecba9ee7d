#!/bin/sh
# hotplug.sh - one event of the kernel: a driver for what was plugged in, and what else it needs
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The words of the event are in the environment. Hundreds arrive, so what is of no interest leaves at once.
[ "${ACTION:-}" = add ] || exit 0
case ${SUBSYSTEM:-} in
block | net | graphics) ;;
*) [ -n "${MODALIAS:-}" ] || exit 0 ;;
esac

root=${SV_ROOT:-}
lib=$root/usr/lib/salvor
# shellcheck disable=SC2034 # for the parts
run=$root/run/salvor
for part in page params locale medium devices net; do
	# shellcheck source=/dev/null
	. "$lib/$part.sh"
done

[ -z "${MODALIAS:-}" ] || load_modules "$MODALIAS"
case $SUBSYSTEM in
block) [ "${DEVTYPE:-}" != disk ] || new_disk "$DEVNAME" ;;
net) interface_up "$INTERFACE" ;;
graphics) set_font ;;
esac
