#!/usr/bin/env bash
# check-layers.sh - the include arrows of the house, libraries in their rooms, an engine that is silent and has no globals
# SPDX-License-Identifier: GPL-3.0-or-later
#
# usage: tests/check-layers.sh              check this tree, after showing that violations are caught
#        tests/check-layers.sh ROOT OBJ     only check the tree ROOT with its objects in OBJ
set -eu -o pipefail

# folder of the engine -> folders it may include (its own always)
declare -A arrows=(
	[util]=''
	[io]='util'
	[codec]='util'
	[pool]='util'
	[share]='util'
	[disk]='io util'
	[fsmap]='io util'
	[image]='codec pool io util'
	[rescue]='io util'
	[job]='image fsmap disk pool share rescue io codec util'
)

# library header -> extended regex of the files that may include it
declare -A rooms=(
	['parted/parted.h']='^engine/disk/'
	['blkid/blkid.h']='^engine/disk/|^engine/fsmap/probe\.c$'
	['zstd.h']='^engine/codec/'
	['lzma.h']='^engine/codec/'
	['xxhash.h']='^engine/util/hash\.c$'
	['nettle/']='^engine/util/hash\.c$|^engine/io/blk_crypt\.c$'
	['libcryptsetup.h']='^engine/fsmap/luks_child\.c$'
	['libmount/libmount.h']='^engine/disk/places\.c$'
	['ncurses']='^tui/'
	['curses.h']='^tui/'
)

# libparted has one handler for the whole process, so one lock guards it
allowed_globals='^engine/disk/[a-z_]+\.c:parted_lock$'

# what an engine that never prints and never ends its process must not call
forbidden_calls='printf|vprintf|puts|putchar|perror|exit|_Exit|quick_exit|abort|__assert_fail|stdout|stderr|err|errx|warn|warnx|__printf_chk|__vprintf_chk'

bad=0
complain() {
	echo "check-layers: $*" >&2
	bad=$((bad + 1))
}

# FILE, FOLDER, INCLUDE: an include of our own in a file of engine/FOLDER
check_engine_include() {
	local file=$1 from=$2 inc=$3 to
	# the job layer is what the public header promises
	[ "$inc $from" != 'engine/salvor.h job' ] || return 0
	[[ $inc == engine/*/* ]] || {
		complain "$file: include \"$inc\" must be written from the top: \"engine/...\""
		return
	}
	to=${inc#engine/}
	to=${to%%/*}
	[[ " $from ${arrows[$from]} " == *" $to "* ]] ||
		complain "$file: engine/$from may not include engine/$to ($inc)"
}

# FILE, INCLUDE: "engine/..." and the like
check_own_include() {
	local file=$1 inc=$2 from
	case $file in
	engine/*/*)
		from=${file#engine/}
		check_engine_include "$file" "${from%%/*}" "$inc"
		;;
	engine/salvor.h)
		# plain data of these folders, and nothing else, is shown to everyone
		[[ $inc =~ ^engine/((util|disk|image|share)/|fsmap/(files|unlock)\.h$) ]] || complain "$file: shows \"$inc\" to everyone"
		;;
	cli/main.c)
		# the one place where the command starts the interface
		[[ $inc == engine/salvor.h || $inc == cli/* || $inc == tui/tui.h ]] ||
			complain "$file: sees only \"engine/salvor.h\", its own headers and \"tui/tui.h\", not \"$inc\""
		;;
	cli/* | tui/*)
		[[ $inc == engine/salvor.h || $inc == "${file%%/*}"/* ]] ||
			complain "$file: ${file%%/*}/ sees only \"engine/salvor.h\" and its own headers, not \"$inc\""
		;;
	esac
}

# FILE, INCLUDE: <parted/parted.h> and the like
check_library_include() {
	local file=$1 inc=$2 lib
	for lib in "${!rooms[@]}"; do
		[[ $inc != "$lib"* || $file =~ ${rooms[$lib]} ]] || complain "$file: <$inc> does not belong here"
	done
}

# FILE...: every include line
check_includes() {
	local file rest
	while IFS=: read -r file rest; do
		case $rest in
		*\"*)
			rest=${rest#*\"}
			check_own_include "$file" "${rest%%\"*}"
			;;
		*)
			rest=${rest#*<}
			check_library_include "$file" "${rest%%>*}"
			;;
		esac
	done < <(grep -HE '^[[:space:]]*#[[:space:]]*include[[:space:]]*["<]' "$@" || true)
}

# FOLDER-OF-OBJECTS FILE.c...: no data that can be written, nothing that prints or exits
check_objects() {
	local obj=$1 file name section objects=()
	shift
	for file in "$@"; do
		if [ -e "$obj/${file%.c}.o" ]; then
			objects+=("$obj/${file%.c}.o")
		else
			complain "$file: no object $obj/${file%.c}.o (build first)"
		fi
	done
	[ "${#objects[@]}" -gt 0 ] || return 0
	while IFS='|' read -r file name section; do
		file=${file#"$obj"/}
		[[ "${file%.o}.c:$name" =~ $allowed_globals ]] ||
			complain "${file%.o}.c: $name is a mutable global (section $section)"
	done < <(nm -A -f sysv "${objects[@]}" | awk -F '|' '
		{ gsub(/ /, ""); split($1, at, ":") }
		$7 ~ /^(\.data|\.bss|\.tdata|\.tbss|\*COM\*)/ && $7 !~ /^\.data\.rel\.ro/ {
			print at[1] "|" at[2] "|" $7 }')
	while read -r file name; do
		file=${file#"$obj"/}
		complain "${file%.o}.c: the engine must not use $name"
	done < <(nm -A -u "${objects[@]}" | awk -v no="^($forbidden_calls)\$" '
		$NF ~ no { sub(/:.*/, "", $1); print $1, $NF }')
}

# check the tree in the current folder, with objects in $1
check_tree() {
	local obj=$1 file from
	mapfile -t files < <(files_named '*.[ch]' engine cli tui)
	mapfile -t sources < <(files_named '*.c' engine)
	for file in "${files[@]}"; do
		[[ $file == engine/* && $file != engine/salvor.h ]] || continue
		from=${file#engine/}
		from=${from%%/*}
		[ -n "${arrows[$from]+set}" ] || {
			complain "$file: engine/$from is no folder of the house"
			return 1
		}
	done
	check_includes "${files[@]}"
	check_objects "$obj" "${sources[@]}"
	[ "$bad" -eq 0 ]
}

# --- the check of the check: a small house, sound at first, then with one fault at a time ---

tmp=
cleanup() { [ -z "$tmp" ] || rm -rf -- "$tmp"; }
trap cleanup EXIT

sound_house() {
	mkdir -p "$tmp"/sound/{engine/{util,io,job},cli,obj}
	cd "$tmp/sound"
	echo 'int a(void);' >engine/util/a.h
	printf '#include "engine/util/a.h"\nstatic const char *const names[] = {"x"};\nconst char *n(int i);\nconst char *n(int i) { return names[i]; }\n' >engine/util/a.c
	printf '#include "engine/util/a.h"\nint b(void) { return 1; }\n' >engine/io/b.c
	printf '#include "engine/salvor.h"\n' >cli/c.c
	printf '#include "engine/util/a.h"\n' >engine/salvor.h
	compile engine/util/a.c
	compile engine/io/b.c
}

# FILE: its object, where the check looks for it
compile() {
	mkdir -p "obj/$(dirname "$1")"
	"${CC:-cc}" -w -I. -fPIE -c -o "obj/${1%.c}.o" "$1"
}

# WHAT FILE TEXT: append TEXT to FILE of a sound house; the check must complain about that file
must_catch() {
	local what=$1 file=$2 text=$3
	rm -rf -- "${tmp:?}/house"
	cp -r "$tmp/sound" "$tmp/house"
	cd "$tmp/house"
	printf '%s\n' "$text" >>"$file"
	# the include of a header that is not there does not compile, and need not
	compile "$file" 2>/dev/null || true
	if "$self" . obj >out 2>&1 || ! grep -q -F "$file: " out; then
		cat out >&2
		echo "check-layers: self-test: $what was not caught" >&2
		exit 1
	fi
}

self_test() {
	tmp=$(mktemp -d)
	sound_house
	"$self" . obj || {
		echo 'check-layers: self-test: complains about a sound house' >&2
		exit 1
	}
	must_catch 'an arrow upwards' engine/util/a.c '#include "engine/io/b.h"
int z(void) { return 0; }'
	must_catch 'the command seeing the engine' cli/c.c '#include "engine/util/a.h"'
	must_catch 'a library outside its room' engine/util/a.c '#include <xxhash.h>'
	must_catch 'a mutable global' engine/io/b.c 'int counter = 3;'
	must_catch 'a static counter' engine/io/b.c 'int f(void) { static int n; return n++; }'
	must_catch 'printing' engine/io/b.c 'int puts(const char *s); void g(void) { puts("x"); }'
	must_catch 'exit' engine/io/b.c 'void exit(int); void g(void) { exit(1); }'
	must_catch 'a job in the public header' engine/salvor.h '#include "engine/job/j.h"'
	must_catch 'an arrow in a header' engine/util/a.h '#include "engine/job/j.h"'
}

self=$(realpath "$0")
. "${self%/*}/lib/files.sh"
if [ $# -eq 2 ]; then
	cd "$1"
	check_tree "$2"
	exit
fi
(self_test)
cd "${self%/*}/.."
check_tree "${BUILD:-build}/obj" || {
	echo "check-layers: $bad violations" >&2
	exit 1
}
