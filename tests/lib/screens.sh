#!/usr/bin/env bash
# screens.sh - what tests of the interface share: a terminal of known size, keys, and what the screen shows
# SPDX-License-Identifier: GPL-3.0-or-later
#
# To be sourced after functions.sh. The interface sees only the disks that show_disk() put into a tree of its own: whatever other
# tests do with loop devices at the same time, and whatever disks the machine has, the screens are the same.

# how often a screen is looked at before it is given up, ten times a second where looking costs nothing
SEE_TRIES=${SEE_TRIES:-300}
# how often it is looked whether a key has moved the mark; only where a line lags
MARK_TRIES=0

# make the tree in $ROOT
make_root() {
	ROOT=$WORK/root
	mkdir -p "$ROOT"/sys/{block,class/block,dev/block} "$ROOT/proc/self" "$ROOT/run"
	: >"$ROOT/proc/swaps"
	: >"$ROOT/proc/self/mountinfo"
	: >"$ROOT/proc/self/mounts"
	ln -s /dev "$ROOT/dev"
}

# NODE MODEL SERIAL: the loop device NODE is a disk with that name
show_disk() {
	local name=${1##*/} dir=$ROOT/sys/block/${1##*/} real=/sys/block/${1##*/}
	mkdir -p "$dir"/{queue,device,holders}
	cp "$real/size" "$real/dev" "$real/ro" "$real/removable" "$dir/"
	cp "$real/queue/logical_block_size" "$real/queue/physical_block_size" "$real/queue/rotational" "$dir/queue/"
	[ ! -e "$real/diskseq" ] || cp "$real/diskseq" "$dir/"
	mkdir -p "$dir/loop"
	[ ! -e "$real/loop/backing_file" ] || cp "$real/loop/backing_file" "$dir/loop/"
	printf '%s\n' "$2" >"$dir/device/model"
	[ -z "$3" ] || printf '%s\n' "$3" >"$dir/device/serial"
	ln -sfn "../../block/$name" "$ROOT/sys/class/block/$name"
	ln -sfn "../../block/$name" "$ROOT/sys/dev/block/$(cat "$real/dev")"
}

# DISK NUMBER: its partition, of which there is a node, is seen too
show_part() {
	local name=${1##*/}p$2 dir=$ROOT/sys/block/${1##*/}/${1##*/}p$2 real=/sys/class/block/${1##*/}p$2
	mkdir -p "$dir/holders"
	cp "$real/size" "$real/start" "$real/dev" "$real/ro" "$real/partition" "$dir/"
	ln -sfn "../../block/${1##*/}/$name" "$ROOT/sys/class/block/$name"
	ln -sfn "../../block/${1##*/}/$name" "$ROOT/sys/dev/block/$(cat "$real/dev")"
}

# COLUMNS ROWS [NAME=VALUE...]: start the interface in a terminal
start_screen() {
	local columns=$1 rows=$2
	shift 2
	# another one each time: a server that is on its way out would take the new session with it; and not in $WORK, for the name
	# of a socket has 107 bytes at most
	TMUX_SOCKET=$(mktemp -u -t salvor-tmux-XXXXXX)
	rm -f -- "$WORK/ended" "$WORK/trace"
	# shellcheck disable=SC2016 # for the inner shell
	tmux -S "$TMUX_SOCKET" -f /dev/null new-session -d -x "$columns" -y "$rows" -s screen \
		env LC_ALL=C.UTF-8 TERM=tmux-256color SALVOR_ROOT="$ROOT" SALVOR_UI=tui SALVOR_TRACE="$WORK/trace" SHELL=/bin/sh "$@" \
		sh -c '"$0"; echo $? >"$1"; sleep 1000' "$SALVOR" "$WORK/ended"
	cleanup_fn end_screen
}

end_screen() {
	tmux -S "$TMUX_SOCKET" kill-server 2>/dev/null || true
	rm -f "$TMUX_SOCKET"
}

resize_screen() { tmux -S "$TMUX_SOCKET" resize-window -t screen -x "$1" -y "$2"; }

keys() { tmux -S "$TMUX_SOCKET" send-keys -t screen "$@"; }
# how many keys the program has dealt with
handled() { { cat "$WORK/trace" 2>/dev/null || true; } | tail -n 1 | awk '{ n = $2 } END { print n + 0 }'; }
# typed letter by letter, whatever a name of a key it may be
type_text() { tmux -S "$TMUX_SOCKET" send-keys -t screen -l "$1"; }

screen() { tmux -S "$TMUX_SOCKET" capture-pane -p -t screen; }

# TEXT [SHOW]: wait until the screen, as SHOW prints it, has the text; a screen that never does is shown and fails the test
see() {
	local i
	for ((i = 0; i < SEE_TRIES; i++)); do
		! "${2:-screen}" | has -F -- "$1" || return 0
		sleep 0.1
	done
	screen >&2
	fail "the screen never showed: $1"
}

# the screen in one word
joined_screen() { screen | tr -d '\n '; }
# TEXT: see() for what has a path in it, wherever the line is broken: how long a path is, is known on the machine only
see_path() { see "${1// /}" joined_screen; }

# TEXT: wait until the screen no longer shows it
see_gone() {
	local i
	for ((i = 0; i < SEE_TRIES; i++)); do
		screen | has -F -- "$1" || return 0
		sleep 0.1
	done
	screen >&2
	fail "the screen goes on to show: $1"
}

see_not() { ! screen | has -F -- "$1" || { screen >&2; fail "the screen shows: $1"; }; }

# the line that the mark is on
marked() { screen | grep -E '^(►|>)' || true; }

# KEY: move the mark until it is where the key moved it, for a second key would go on from where it is not yet: the program says
# that it has dealt with it; where that is not known, and the line lags (MARK_TRIES), the mark is looked at
move_mark() {
	local mark dealt i
	mark=$(marked)
	dealt=$(handled)
	keys "$1"
	for ((i = 0; i < SEE_TRIES; i++)); do
		[ -e "$WORK/trace" ] || break
		[ "$(handled)" -le "$dealt" ] || break
		sleep 0.05
	done
	# for the terminal, which has been told
	sleep 0.15
	for ((i = 0; i < MARK_TRIES; i++)); do
		[ "$(marked)" = "$mark" ] || break
		sleep 0.1
	done
}

# TEXT: move down from the first line until the marked one holds TEXT
choose() {
	local i
	move_mark Home
	for ((i = 0; i < 60; i++)); do
		! marked | has -F -- "$1" || return 0
		move_mark Down
	done
	screen >&2
	fail "cannot get to: $1"
}

# FIELD TEXT: what a field holds is replaced
fill_in() {
	choose "$1"
	keys C-u
	type_text "$2"
}

# CODE: the program ends with it
ended_with() {
	local i
	for ((i = 0; i < SEE_TRIES; i++)); do
		[ ! -s "$WORK/ended" ] || break
		sleep 0.1
	done
	[ "$(cat "$WORK/ended" 2>/dev/null)" = "$1" ] || fail "the interface ended with $(cat "$WORK/ended" 2>/dev/null), not $1"
}
