#!/usr/bin/env bash
# cli-contract.sh - what the command promises to other programs: exit codes, one sentence, JSON, dry runs
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
. "$(dirname "$0")/../lib/small-disk.sh"
requires jq mke2fs sfdisk
work_dir cli-contract

disk=$WORK/disk
img=$WORK/store/img
mkdir "$WORK/store"
small_disk "$disk" 50
salvor save "$disk" "$img" --preset fast --note 'first' >/dev/null

# the last command said exactly one sentence on stderr
one_sentence() {
	[ "$(wc -l <"$WORK/err")" -eq 1 ] || fail "not one line: $(cat "$WORK/err")"
	grep -qE '^salvor: .+[^.]\.$' "$WORK/err" || fail "not one sentence: $(cat "$WORK/err")"
}

# WHAT FILE...: none of them exists
absent() {
	local file what=$1
	shift
	for file; do
		[ ! -e "$file" ] || fail "$what, but there is $file"
	done
}

# CODE TEXT ARG...: salvor ends with CODE and one sentence that holds TEXT; job verbs say the same in JSON
fails() {
	local code=$1 text=$2
	shift 2
	expect_rc "$code" salvor "$@"
	one_sentence
	expect_said "$text"
	case ${1-} in
	save | restore | clone | rescue | verify)
		expect_rc "$code" salvor "$@" --json
		one_sentence
		json_lines "$code"
		[ "$(jq -r -s '.[-2].type' "$WORK/out")" = error ] || fail "no error line: $*"
		[ "$(jq -s '.[-2].code' "$WORK/out")" = "$code" ] || fail "error line with another code: $*"
		;;
	disks | health | map | show | list)
		expect_rc "$code" salvor "$@" --json
		one_sentence
		;;
	esac
}

# CODE: every line on stdout is an object of version 1 with a type, the last is the exit line
json_lines() {
	jq -e -s --argjson code "$1" 'all(.[]; .v == 1 and (.type | type) == "string") and
		(.[-1] | .type == "exit" and .code == $code and (.verdict | type) == "string" and .verdict != "")
		and ([.[] | select(.type == "exit")] | length) == 1
		and (([.[] | select(.type == "start")] | length) == 0 or .[0].type == "start")' \
		"$WORK/out" >/dev/null || fail "JSON lines: $(cat "$WORK/out")"
}

# JQ: holds for the document on stdout
document() {
	[ "$(wc -l <"$WORK/out")" -eq 1 ] || fail 'more than one document'
	jq -e "$1" "$WORK/out" >/dev/null || fail "not true of $(cat "$WORK/out"): $1"
}

note 'wrong usage: 2'
expect_rc 2 salvor
one_sentence
for verb in ls extract mount run; do
	fails 2 "this version cannot $verb yet" "$verb" a b
done
fails 2 'frobnicate' frobnicate
fails 2 'without a verb' --frobnicate
fails 2 'SOURCE' save
fails 2 'IMAGE' save "$disk"
fails 2 'TARGET' restore "$img"
fails 2 'TARGET' clone "$disk"
fails 2 'keep, discard, zero' clone "$disk" "$WORK/x" --free=some
fails 2 '--partition' clone "$disk" "$WORK/x" --partition 1
fails 2 'MAPFILE' rescue "$disk" "$WORK/x"
fails 2 'copy, trim, scrape and retry' rescue "$disk" "$WORK/x" "$WORK/x.map" --passes copy,,trim
fails 2 'retries' rescue "$disk" "$WORK/x" "$WORK/x.map" --retries -2
fails 2 'save-every' rescue "$disk" "$WORK/x" "$WORK/x.map" --save-every -1
fails 2 "'more'" verify "$img" more
fails 2 '--bogus' save "$disk" "$WORK/x" --bogus
fails 2 '--confirm' restore "$img" "$WORK/x" --confirm=1
fails 2 'fast, normal, small, smallest' save "$disk" "$WORK/x" --preset=best
fails 2 'zstd, xz' save "$disk" "$WORK/x" --codec gzip
fails 2 'level' save "$disk" "$WORK/x" --level 9999
fails 2 'level' save "$disk" "$WORK/x" --codec xz --level 10
fails 2 'partitions' save "$disk" "$WORK/x" --partitions 1,,2
fails 2 'partition' restore "$img" "$WORK/x" --partition 1:x
fails 2 'volume-size' save "$disk" "$WORK/x" --volume-size 0
fails 2 'sector-size' map "$disk" --sector-size 1000
expect_rc 2 salvor verify "$img" --against
expect_said 'needs a value'
expect_rc 2 salvor map "$disk" --extents --json
one_sentence
expect_rc 2 salvor rescue a b --json
json_lines 2
expect_rc 2 salvor help frobnicate
one_sentence
absent 'refused' "$WORK/x" "$WORK/x.part"

note 'a source without a byte: 9'
: >"$WORK/no-bytes"
fails 9 'holds nothing' save "$WORK/no-bytes" "$WORK/x"
fails 9 'holds nothing' map "$WORK/no-bytes"
fails 9 'holds nothing' verify "$img" --against "$WORK/no-bytes"
fails 9 'holds nothing' clone "$WORK/no-bytes" "$WORK/x"
fails 9 'holds nothing' rescue "$WORK/no-bytes" "$WORK/x" "$WORK/x.map"
absent 'nothing' "$WORK/x" "$WORK/x.part" "$WORK/x.map"

note 'no such disk, image or store: 5'
for source in "$WORK/nothing" /dev/nothing serial=NO-SUCH-SERIAL wwn=NO-SUCH-WWN; do
	fails 5 "${source##*=}" map "$source"
	fails 5 "${source##*=}" save "$source" "$WORK/x"
	fails 5 "${source##*=}" clone "$source" "$WORK/x"
done
fails 5 9 save "$disk" "$WORK/x" --partitions 9
fails 5 9 map "$disk" --partitions 9
fails 5 9 restore "$img" "$WORK/x" --partition 9
fails 5 nowhere save "$disk" "$WORK/nowhere/x"
fails 5 nothing verify "$WORK/nothing"
fails 5 nothing show "$WORK/nothing"
fails 5 nothing list "$WORK/nothing"
fails 5 nothing restore "$WORK/nothing" "$WORK/x"
fails 5 nothing verify "$img" --against "$WORK/nothing"
fails 5 9 clone "$disk" "$WORK/x" --partitions 9
fails 5 no-such clone "$disk" /dev/no-such-disk --confirm-erase 1
fails 5 no-such restore "$img" /dev/no-such-disk --confirm-erase 1
absent 'failed' "$WORK/x" "$WORK/x.part"

note 'refused by a safety rule: 6'
fails 6 'exists' save "$disk" "$img"
mkdir "$WORK/store/half.part"
fails 6 'half.part' save "$disk" "$WORK/store/half"
rmdir "$WORK/store/half.part"
poison "$WORK/target" "$SMALL_SIZE"
fails 6 "--confirm-erase $SMALL_SIZE" restore "$img" "$WORK/target"
fails 6 "$SMALL_SIZE" restore "$img" "$WORK/target" --confirm-erase yes
fails 6 "$SMALL_SIZE" restore "$img" "$WORK/target" --confirm-erase=
fails 6 "--confirm-erase $SMALL_SIZE" clone "$disk" "$WORK/target"
fails 6 'is the source' clone "$disk" "$disk" --confirm-erase "$SMALL_SIZE"
fails 6 'sectors of 4096 bytes' restore "$img" "$WORK/target" --confirm-erase "$SMALL_SIZE" --sector-size 4096
truncate -s $((SMALL_SIZE - 4096)) "$WORK/target"
fails 6 '4096 bytes are missing' restore "$img" "$WORK/target" --confirm-erase $((SMALL_SIZE - 4096))

note 'damage: 4'
cp -a "$img" "$WORK/harmed"
printf 'x' | dd of="$WORK/harmed/report.txt" bs=1 conv=notrunc status=none
fails 4 'harmed' verify "$WORK/harmed"
grep -q report.txt "$WORK/out" || fail 'verify does not name the damaged file'
cp -a "$disk" "$WORK/changed"
printf 'x' | dd of="$WORK/changed" bs=1 seek=440 conv=notrunc status=none
expect_rc 0 salvor verify "$img" --against "$disk"
fails 4 '' verify "$img" --against "$WORK/changed"

note 'a dry run gives the code and the plan of the real run, and touches nothing'
# CODE ARG...: first dry, then real
same_code() {
	local code=$1
	shift
	poison "$WORK/target" "$SMALL_SIZE"
	expect_rc "$code" salvor "$@" --dry-run
	cp "$WORK/out" "$WORK/plan"
	[ "$(sha "$WORK/target")" = "$poisoned" ] || fail "a dry run wrote: $*"
	absent "a dry run: $*" "$WORK/y" "$WORK/y.part"
	expect_rc "$code" salvor "$@" -n --json
	json_lines "$code"
	[ "$(jq -s '.[0].dry_run' "$WORK/out")" = true ] || fail "the start line does not say dry_run: $*"
	# a restore shows its plan before its checks, which do not need the map
	[ "$code" -eq 5 ] || [ "$code" -eq 2 ] || [ "$1" = save ] || [ "$1-$code" = clone-6 ] || {
		grep -q ext4 "$WORK/plan" || fail "a dry run shows no plan: $*"
		jq -e -s 'any(.[]; .type == "plan" and .partitions[0].fs == "ext4")' "$WORK/out" >/dev/null ||
			fail "no plan line: $*"
	}
	expect_rc "$code" salvor "$@"
	rm -rf -- "${WORK:?}/y"
}
poison "$WORK/target" "$SMALL_SIZE"
poisoned=$(sha "$WORK/target")
same_code 0 save "$disk" "$WORK/y" --preset fast
grep -q '^To be written: ' "$WORK/plan" || fail 'the plan of a save is not shown'
same_code 6 save "$disk" "$img"
same_code 5 save "$disk" "$WORK/y" --partitions 2
same_code 5 save "$WORK/nothing" "$WORK/y"
same_code 0 restore "$img" "$WORK/target" --confirm-erase "$SMALL_SIZE"
grep -q '^On it now: ' "$WORK/plan" || fail 'the plan of a restore does not show what is lost'
same_code 6 restore "$img" "$WORK/target"
same_code 6 restore "$img" "$WORK/target" --confirm-erase wrong
same_code 6 restore "$img" "$WORK/target" --confirm-erase "$SMALL_SIZE" --sector-size 4096
same_code 0 restore "$img" "$WORK/y"
same_code 0 clone "$disk" "$WORK/target" --confirm-erase "$SMALL_SIZE"
grep -q '^On it now: ' "$WORK/plan" || fail 'the plan of a clone does not show what is lost'
same_code 6 clone "$disk" "$WORK/target"
same_code 0 clone "$disk" "$WORK/y"
same_code 5 restore "$img" "$WORK/target" --partition 7 --confirm-erase "$SMALL_SIZE"

note 'documents'
expect_rc 0 salvor map "$disk" --json
document '(keys == ["partitions", "sector_size", "size", "source", "table", "type", "used", "v"]) and .v == 1
	and .type == "map" and .table == "gpt" and .sector_size == 512 and .size == '"$SMALL_SIZE"'
	and (.partitions | length) == 1 and (.partitions[0] | keys == ["fs", "label", "number", "reason",
	"size", "start", "state", "used", "uuid"] and .number == 1 and .fs == "ext4" and .state == "exact"
	and .used < .size)'
used=$(jq .used "$WORK/out")
expect_rc 0 salvor map "$disk" --extents
[ "$(awk '{ s += $2; if ($1 < end || NF != 2) exit 1; end = $1 + $2 + 1 } END { print s }' "$WORK/out")" = "$used" ] ||
	fail 'the extents are not ascending and merged, or their sum is not "used"'
expect_rc 0 salvor map "$disk" --json --partitions 1 --whole
document '.used == .size and .partitions[0].state == "whole" and .partitions[0].reason != null'
head -c 1048576 /dev/urandom >"$WORK/noise"
expect_rc 0 salvor map "$WORK/noise" --json
document '.table == "none" and (.partitions | length) == 1 and (.partitions[0] |
	.number == 0 and .fs == null and .label == null and .state == "whole" and .reason != null)'
expect_rc 0 salvor show "$img" --json
document '.v == 1 and .type == "image" and .size == '"$SMALL_SIZE"' and .note == "first" and .verified
	and .verdict == "complete" and .codec == "zstd" and .partitions[0].fs == "ext4" and .damage == []
	and (.bytes | .data + .zero + .free + .bad + .absent) == .size and (.created | fromdate) > 0'
expect_rc 0 salvor list "$WORK/store" --json
document '.type == "list" and (.images | length) == 1 and (.images[0] | .name == "img" and .readable
	and (.unfinished | not) and .size == '"$SMALL_SIZE"' and .verdict == "complete")'
mkdir "$WORK/empty"
expect_rc 0 salvor list "$WORK/empty" --json
document '.images == []'
expect_rc 0 salvor disks --json
document '.type == "disks" and (.disks | type) == "array" and all(.disks[]; .path != "" and
	(.size | type) == "number" and .erase_id != "" and has("in_use") and (.live | type) == "boolean")'
mkdir -p "$WORK/root"/{sys/block,sys/class/block,proc,dev}
expect_rc 0 env SALVOR_ROOT="$WORK/root" "$SALVOR" disks --json
document '.disks == []'

note 'job lines'
expect_rc 0 salvor save "$disk" "$WORK/y" --json --no-verify
json_lines 0
[ ! -s "$WORK/err" ] || fail "--json lets something through on stderr: $(cat "$WORK/err")"
jq -e -s '(.[0] | .verb == "save" and .source != null and .image != null and (.time | fromdate) > 0
	and (has("resumed_from") | not)) and any(.[]; .type == "plan" and .used > 0)
	and any(.[]; .type == "status" and .bytes_done == .bytes_total and (.phase | type) == "string"
	and has("rate") and has("eta_s") and has("bytes_stored") and .bad_bytes == 0)
	and (.[-1].verdict | contains("not verified"))' "$WORK/out" >/dev/null || fail "save: $(cat "$WORK/out")"
expect_rc 0 salvor save "$disk" "$WORK/z" --json --resume
json_lines 0
jq -e -s '.[0].resumed_from == 0 and .[-1].verdict == "done and verified"' "$WORK/out" >/dev/null ||
	fail "--resume with nothing to resume: $(cat "$WORK/out")"
expect_rc 0 salvor verify "$img" --json
json_lines 0
expect_rc 0 salvor restore "$img" "$WORK/restored" --json
json_lines 0
expect_rc 0 salvor clone "$disk" "$WORK/cloned" --json --no-verify
json_lines 0
jq -e -s '.[0].verb == "clone" and (.[-1].verdict | contains("not verified"))' "$WORK/out" >/dev/null || fail "clone: $(cat "$WORK/out")"
expect_rc 4 salvor verify "$WORK/harmed" --json
jq -e -s 'any(.[]; .type == "damage" and (.message | contains("report.txt")))' "$WORK/out" >/dev/null ||
	fail "no damage line: $(cat "$WORK/out")"

note 'people'
rm -rf -- "${WORK:?}/y"
expect_rc 0 salvor save "$disk" "$WORK/y"
grep -qF "$WORK/y: complete, verified." "$WORK/out" || fail "where is the image? $(cat "$WORK/out")"
[ ! -s "$WORK/err" ] || fail "a short job has something to say: $(cat "$WORK/err")"
rm -rf -- "${WORK:?}/y"
expect_rc 0 salvor save "$disk" "$WORK/y" -q
[ ! -s "$WORK/out" ] || fail "-q is not quiet: $(cat "$WORK/out")"
[ ! -s "$WORK/err" ] || fail "-q is not quiet: $(cat "$WORK/err")"
expect_rc 0 salvor verify "$WORK/y" --progress=line
grep -qE '^checking: .* of .* [0-9.]+ %' "$WORK/err" || fail "--progress=line: $(cat "$WORK/err")"
expect_rc 0 salvor verify "$WORK/y" --progress=none
[ ! -s "$WORK/err" ] || fail '--progress=none shows some'
expect_rc 0 salvor show "$img"
grep -q 'Verdict: *complete, verified' "$WORK/out" || fail "show: $(cat "$WORK/out")"
expect_rc 0 salvor list "$WORK/store"
grep -q '^img .*complete, verified' "$WORK/out" || fail "list: $(cat "$WORK/out")"
expect_rc 0 salvor --version
grep -qE '^salvor [0-9]+\.[0-9]+\.[0-9]+$' "$WORK/out" || fail 'version'

note 'a table in doubt is told'
cp "$disk" "$WORK/dead"
head -c $((33 * 512)) /dev/zero | dd of="$WORK/dead" bs=512 seek=1 conv=notrunc status=none
for form in --json --extents; do
	expect_rc 0 salvor map "$WORK/dead" "$form"
	expect_said 'salvor: warning: the primary GPT is unusable'
done
expect_rc 0 salvor save "$WORK/dead" "$WORK/dead-image"
expect_said 'salvor: warning: the primary GPT is unusable'
expect_rc 0 salvor save "$WORK/dead" "$WORK/dead-image2" --json
json_lines 0
jq -e -s 'any(.[]; .type == "warning" and (.message | contains("primary GPT")))' "$WORK/out" >/dev/null ||
	fail "no warning line: $(cat "$WORK/out")"

note 'labels cannot command a terminal'
mke2fs -q -F -t ext4 -L $'\e[2Jevil' "$WORK/evil" 8M >/dev/null
expect_rc 0 salvor map "$WORK/evil"
grep -q evil "$WORK/out" || fail 'the label is not shown'
! grep -q $'\e' "$WORK/out" || fail 'an escape sequence came through'
expect_rc 0 salvor map "$WORK/evil" --json
document '.partitions[0].label | contains("[2Jevil")'

note 'output that is lost'
rc=0
"$SALVOR" map "$disk" --json >/dev/full 2>"$WORK/err" || rc=$?
[ "$rc" -eq 1 ] || fail "a full disk behind stdout: $rc"
one_sentence
rm -rf -- "${WORK:?}/y"
# the reader is gone at once; the job goes on to its end
rc=0
"$SALVOR" save "$disk" "$WORK/y" --json 2>"$WORK/err" > >(exec true) || rc=$?
[ "$rc" -eq 0 ] || fail "a reader that went away ended the job: $rc: $(cat "$WORK/err")"
[ -e "$WORK/y/manifest.json" ] || fail 'a reader that went away, and no image'
