#!/usr/bin/env bash
# modules.sh - copy kernel modules, and the modules they need, into a folder
# SPDX-License-Identifier: GPL-3.0-or-later
#
# usage: modules.sh [-k] FOLDER LIST...
#
# With -k the folder gets the indexes that the modprobe of kmod looks names up in; without, the lists that the one of
# busybox reads from one end to the other.
#
# A line of a LIST is the name of a module, a glob of paths below kernel/ (as in a shell), or
# either with a ! in front: not these, unless another module needs them. A line that means nothing
# ends the build. The modules are copied as they are: each carries a signature behind its end.
. "$(dirname "$0")/lib.sh"

unread=(modules.{dep,alias,symbols,builtin,builtin.alias}.bin)
if [ "$1" = -k ]; then
	unread=(modules.{alias,symbols})
	shift
fi
target=$1
shift
kernel=$(<"$ISO_DIR/kernel")
from=$ROOT/usr/lib/modules/$kernel

# LIST...: print the paths of the wanted modules below kernel/, sorted
select_modules() {
	local list
	for list; do data_lines "$list" | sed "s,^,${list##*/} ,"; done | awk -v from="$from" '
		function key(path) { sub(/.*\//, "", path); sub(/\.ko$/, "", path); gsub(/-/, "_", path); return path }
		function regex(glob) { gsub(/[.+]/, "\\\\&", glob); gsub(/\*/, "[^/]*", glob); gsub(/\?/, "[^/]", glob); return "^kernel/" glob "$" }
		function complain(text) { print "modules.sh: " text > "/dev/stderr"; failed = 1 }
		function want(path,  i, n, part) {
			if (path in wanted)
				return
			wanted[path] = 1
			n = split(needs[path], part, " ")
			for (i = 1; i <= n; i++)
				want(part[i])
			n = split(soft[key(path)], part, " ")
			for (i = 1; i <= n; i++)
				if (part[i] in where)
					want(where[part[i]])
		}
		BEGIN {
			while ((getline line < (from "/modules.dep")) > 0) {
				split(line, half, ":")
				needs[half[1]] = half[2]
				where[key(half[1])] = half[1]
			}
			while ((getline line < (from "/modules.builtin")) > 0)
				builtin[key(line)] = line
			while ((getline line < (from "/modules.softdep")) > 0) {
				n = split(line, part, " ")
				for (i = 3; part[1] == "softdep" && i <= n; i++) {
					gsub(/-/, "_", part[i])
					soft[part[2]] = soft[part[2]] " " part[i]
				}
			}
		}
		{
			list = $1; text = $2; no = sub(/^!/, "", text); hits = 0
			if (text !~ /[*?\/]/) {
				name = key(text)
				if (name in where) { hits = 1; chosen[where[name]] = !no }
				hits += (name in builtin)
			} else {
				wish = regex(text)
				for (path in needs)
					if (path ~ wish) { hits++; if (no) never[path] = 1; else chosen[path] = 1 }
				for (name in builtin)
					hits += (builtin[name] ~ wish)
			}
			if (!hits)
				complain(list ": the kernel has no module " text)
		}
		END {
			if (failed)
				exit 1
			for (path in chosen)
				if (chosen[path] && !(path in never))
					want(path)
			for (path in wanted)
				print path
		}' | LC_ALL=C sort
}

mkdir -p "$target/usr/lib/modules/$kernel"
target=$(realpath "$target")
[ -e "$target/lib" ] || ln -s usr/lib "$target/lib"
list=$(mktemp)
trap 'rm -f -- "$list"' EXIT
select_modules "$@" >"$list"
[ -s "$list" ] || die 'no module is selected'
tar -C "$from" -c -T "$list" modules.builtin modules.builtin.modinfo modules.order |
	tar -C "$target/usr/lib/modules/$kernel" -x --no-same-owner
locked_tool /usr/sbin/depmod -b "$target" "$kernel"
(cd "$target/usr/lib/modules/$kernel" && rm -f -- "${unread[@]}")
