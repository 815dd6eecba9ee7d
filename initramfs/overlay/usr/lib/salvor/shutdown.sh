#!/bin/sh
# shutdown.sh - before the machine is turned off: end jobs so that they can be resumed, keep the log, unmount
# SPDX-License-Identifier: GPL-3.0-or-later
: "${root?}"

end_everything() {
	end_jobs
	copy_log
	unmount_stores
	sync
}

# a job that is told to stop writes its journal first; it is given a minute
end_jobs() {
	killall -q -TERM salvor || return 0
	echo 'Waiting for running jobs to stop cleanly ...' >"$root/dev/console"
	for second in $(seq 60); do
		killall -q -0 salvor || return 0
		sleep 1
	done
	echo "A job did not stop within $second seconds." >"$root/dev/console"
}

# everything that somebody mounted, last first; what belongs to the live system stays
unmount_stores() {
	awk '$2 !~ /^\/(proc|sys|dev|run|tmp)?$/ && $2 !~ /^\/(proc|sys|dev)\// { print $2 }' "$root/proc/mounts" |
		sed '1!G; h; $!d' | while IFS= read -r dir; do
		umount "$(printf '%b' "$dir")" || umount -l "$(printf '%b' "$dir")"
	done
}
