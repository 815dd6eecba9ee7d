#!/usr/bin/env bash
# mk-man.sh - the manual in docs/man as man pages, and as the strings behind --help
# SPDX-License-Identifier: GPL-3.0-or-later
#
# usage: mk-man.sh man TEXT VERSION DATE [SECTION]   the man page of one text, on stdout
#        mk-man.sh c TEXT...                         a C file with all texts, on stdout
#
# The texts are what --help prints. Headings stand at the margin, all else is indented by four. A
# line of four blanks with lines of eight below is a term with its description; a line that starts
# with "$ " or (in SYNOPSIS) with "salvor " is kept as it is. "@name" stands for the file name.inc.
set -eu -o pipefail

# TEXT: with its included files
expand_text() {
	local dir line
	dir=$(dirname "$1")
	while IFS= read -r line; do
		if [[ $line == @* ]]; then
			cat "$dir/${line#@}.inc"
		else
			printf '%s\n' "$line"
		fi
	done <"$1"
}

# TEXT: "salvor" or the verb
text_name() {
	local name=${1##*/}
	echo "${name%.txt}"
}

print_man() {
	local name
	name=$(text_name "$1")
	[ "$name" = salvor ] || name=salvor-$name
	expand_text "$1" | awk -v name="$name" -v version="$2" -v date="$3" -v section_no="${4:-1}" '
	function escape(s) {
		gsub(/\\/, "\\e", s)
		gsub(/-/, "\\-", s)
		gsub(/\047/, "\\(aq", s)
		if (s ~ /^\./)
			s = "\\&" s
		return s
	}
	function literal(on) {
		if (on != in_literal)
			print on ? ".nf" : ".fi"
		in_literal = on
	}
	BEGIN {
		print ".\\\" made from docs/man by build-scripts/mk-man.sh"
		printf ".TH %s %s \"%s\" \"Salvor %s\" \"Salvor\"\n", toupper(escape(name)), section_no, date, version
	}
	{ line[NR] = $0 }
	END {
		for (i = 1; i <= NR; i++) {
			s = line[i]
			if (s ~ /^[A-Z]/) {
				literal(0)
				print ".SH " escape(s)
				section = s
				fresh = 0
			} else if (s == "") {
				fresh = section != "" && line[i + 1] ~ /^ /
			} else if (section == "NAME") {
				sub(/^ +/, "", s)
				sub(/^salvor [a-z]+ - /, name " - ", s)
				s = escape(s)
				sub(/ \\- /, " \\- ", s)
				print s
			} else if (section == "SYNOPSIS" || s ~ /^    \$ /) {
				literal(1)
				print escape(substr(s, 5))
			} else if (s ~ /^    [^ ]/ && line[i + 1] ~ /^        [^ ]/) {
				literal(0)
				print ".TP\n.B " escape(substr(s, 5))
				fresh = 0
			} else {
				literal(0)
				if (fresh)
					print ".PP"
				fresh = 0
				sub(/^ +/, "", s)
				print escape(s)
			}
		}
		literal(0)
	}'
}

print_c() {
	local text
	cat <<-'END'
		/* help_text.c - made from docs/man by build-scripts/mk-man.sh */
		#include "cli/cli.h"

		const struct cli_help cli_helps[] = {
	END
	for text; do
		printf '\t{"%s",\n' "$(text_name "$text")"
		expand_text "$text" | sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/.*/\t "&\\n"/'
		printf '\t},\n'
	done
	printf '\t{0},\n};\n'
}

verb=$1
shift
case $verb in
man) print_man "$@" ;;
c) print_c "$@" ;;
esac
