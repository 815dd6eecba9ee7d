#!/usr/bin/env bash
# restore-order.sh - restore and clone empty the table first and write it last; failing or killed anywhere before, they leave no table
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
. "$(dirname "$0")/../lib/faults.sh"
. "$(dirname "$0")/../lib/small-disk.sh"
requires mke2fs sfdisk

work_dir restore-order
disk=$WORK/disk target=$WORK/target
small_disk "$disk" 200
"$SALVOR" save "$disk" "$WORK/img" --no-verify

# the target carries an old table at both ends
old_target() {
	poison "$target" "$SMALL_SIZE"
	printf 'label: gpt\nstart=4096, size=2048\n' | write_table "$target" 512
}

has_table() {
	[ "$(dd if="$target" bs=1 skip="$1" count=8 status=none | tr -d '\0')" = 'EFI PART' ]
}

no_table() {
	! has_table 512 || fail "a primary table stands on the target ($1)"
	! has_table $((SMALL_SIZE - 512)) || fail "a backup table stands on the target ($1)"
}

# CMD...: leaves the number of writes in `writes`, of the last one before those of the table in `data`, of those that
# empty the table in `empty`
in_order() {
	note 'the order of the writes'
	old_target
	rm -f -- "$WORK/log"
	expect_rc 0 with_log "$WORK/log" "$target" "$@"
	awk -v mib="$MIB" -v size="$SMALL_SIZE" '
		$1 == "w" { n++; off[n] = $2; len[n] = $3 }
		$1 == "s" { syncs[++s] = n }
		END {
			if (off[1] != 0 || len[1] < 512) { print "the first write is not at 0"; exit 1 }
			if (off[n] != 0 || len[n] > 512) { print "the last write is not sector 0 alone, but " off[n] "+" len[n]; exit 1 }
			first_data = 0
			for (i = 1; i <= n; i++) {
				table = off[i] + len[i] <= mib || off[i] >= size - mib
				if (!table && !first_data) first_data = i
				if (!table) last_data = i
			}
			for (i = first_data; i <= last_data; i++)
				if (off[i] < mib || off[i] + len[i] > size - mib) { print "a write to the table among the data: " off[i]; exit 1 }
			early = late = 0
			for (i = 1; i <= s; i++) {
				if (syncs[i] == first_data - 1) early = 1
				if (syncs[i] == last_data) late = 1
			}
			if (!early || !late) { print "no sync between table and data", early, late; exit 1 }
		}' "$WORK/log" || fail "wrong order: $(grep -c '^w' "$WORK/log") writes, see above"
	writes=$(grep -c '^w' "$WORK/log")
	# the last write before those of the table; how many pieces these are depends on how their memory lies
	data=$(awk -v mib="$MIB" -v size="$SMALL_SIZE" '$1 == "w" { n++; if ($2 >= mib && $2 + $3 <= size - mib) last = n } END { print last }' "$WORK/log")
	# the writes that empty the table come before the first sync
	empty=$(sed '/^s/q' "$WORK/log" | grep -c '^w')
}

# CMD...
fails_among_the_data() {
	note "EIO, ENOSPC and SIGKILL at places among $writes writes"
	for at in "$empty" $((empty + 1)) $((writes / 2)) $((data - 1)); do
		for what in 5 28; do
			old_target
			expect_rc 10 with_faults "$target:w:0:0:$what:$at" "$@"
			no_table "errno $what at write $at"
		done
		old_target
		rc=0
		with_faults "$target:w:0:0:K:$at" "$@" >/dev/null 2>&1 || rc=$?
		[ "$rc" -eq 137 ] || fail "the kill at write $at was not met ($rc)"
		no_table "killed at write $at"
	done
}

# CMD...
fails_at_the_end() {
	note 'a write of the table fails, and others do not: it is taken back'
	for ((at = data; at < writes; at++)); do
		old_target
		expect_rc 10 with_faults "$target:w:0:0:5:$at:1" "$@"
		no_table "errno 5 once, at write $at"
	done

	note 'a failing flush is a failed run'
	old_target
	expect_rc 10 with_faults "$target:s:0:0:5:1" "$@"
	no_table 'failing flush'

	note 'SIGINT: stopped, and no table'
	old_target
	expect_rc 20 with_faults "$target:w:0:0:I:$((empty + 1)):1" "$@"
	no_table 'SIGINT'

	note 'a target that does not keep what is written gets no table'
	old_target
	expect_rc 4 with_faults "$target:w:$((SMALL_P1 + 65536 * 8)):$((SMALL_P1 + 65536 * 9)):F:0:1" "$@"
	no_table 'a bit flipped on the way to the target'
}

# CMD...
succeeds() {
	note 'and without any of that, it is all there'
	old_target
	expect_rc 0 "$@"
	"$SALVOR" map "$disk" --extents >"$WORK/used"
	has_table 512 || fail 'no primary table after a good run'
	has_table $((SMALL_SIZE - 512)) || fail 'no backup table after a good run'
	"$ORACLE" compare "$disk" "$target" "$WORK/used" || fail 'the target differs'
}

for verb in restore clone; do
	note "$verb"
	from=$WORK/img
	[ "$verb" = restore ] || from=$disk
	for part in in_order fails_among_the_data fails_at_the_end succeeds; do
		"$part" "$SALVOR" "$verb" "$from" "$target" --confirm-erase "$SMALL_SIZE"
	done
done
