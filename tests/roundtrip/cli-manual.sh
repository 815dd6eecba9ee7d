#!/usr/bin/env bash
# cli-manual.sh - help, man pages and completion scripts say the same as the table of options
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
requires mandoc
work_dir cli-manual
man=$TOP/${BUILD:-build}/man

# verbs as the completion of the first word offers them
verbs() {
	"$SALVOR" completion bash | sed -n "s/^\t\t_salvor_words '\(disks .*\) help --help --version'$/\1/p"
}

# VERB: its long options by the table, sorted
table_options() {
	"$SALVOR" completion bash | awk -v verb="\t$1)" '
		index($0, verb) == 1 { inside = 1 }
		inside && /case \$cur in -\*\)/ { print; inside = 0 }' | grep -o -e '--[a-z-]*' | sort
}

# VERB: the terms under OPTIONS in its manual, sorted
manual_options() {
	"$SALVOR" "$1" --help | awk '/^[A-Z]/ { on = $0 == "OPTIONS" } on && /^    -/' |
		grep -o -e '--[a-z-]*' | sort
}

note 'every verb has a manual, with its options and no others'
read -ra all < <(verbs)
[ "${#all[@]}" -ge 8 ] || fail "too few verbs: ${all[*]}"
for verb in "${all[@]}"; do
	table_options "$verb" >"$WORK/table"
	manual_options "$verb" >"$WORK/manual"
	[ -s "$WORK/table" ] || fail "no options of $verb found in the completion script"
	diff "$WORK/table" "$WORK/manual" || fail "$verb: the table (<) and the manual (>) differ"
	expect_rc 0 salvor help "$verb"
	cp "$WORK/out" "$WORK/help"
	expect_rc 0 salvor "$verb" -h
	cmp "$WORK/out" "$WORK/help" || fail "help $verb and $verb -h differ"
	awk '/^SYNOPSIS/ { on = 1; next } /^[A-Z]/ { on = 0 } on' "$WORK/help" >"$WORK/synopsis"
	while read -r option; do
		case $option in
		--help | --version | --quiet | --verbose | --progress) ;;
		*) grep -qF -e "$option" "$WORK/synopsis" || fail "the synopsis of $verb lacks $option" ;;
		esac
	done <"$WORK/table"
	awk 'length > 79 && !/^    \$ /' "$WORK/help" | grep . && fail "a line of help $verb is too long"
	salvor help | grep -x "    $verb" >/dev/null || fail "the overview lacks $verb"
	expect_rc 2 salvor
	grep -q "^  $verb " "$WORK/out" || fail "the short help lacks $verb"
done

note 'short forms stand beside the long ones'
expect_rc 0 salvor help save
for pair in '-n, --dry-run' '-q, --quiet' '-v, --verbose' '-h, --help' '-V, --version' '-j, --json'; do
	grep -q -e "^    $pair$" "$WORK/out" || fail "help save lacks $pair"
done

note 'man pages'
for verb in "${all[@]}"; do
	[ -s "$man/salvor-$verb.1" ] || fail "no man page of $verb"
done
mandoc -T lint -W warning "$man"/*.[17] || fail 'mandoc finds fault'
mandoc -T utf8 "$man/salvor-save.1" | col -b >"$WORK/page"
# layout is the formatter's, so compare words: what --help says is what the page says
words() { tr -s '[:space:]' '\n' | grep -v '^$'; }
body() { sed -e '1,/^SYNOPSIS/d'; }
salvor help save | body | words >"$WORK/words.help"
sed -e '/^Salvor [0-9]/d' "$WORK/page" | body | words >"$WORK/words.page"
diff "$WORK/words.help" "$WORK/words.page" | head -n 10 | grep . && fail 'man page and --help differ'

note 'completion scripts parse and complete'
salvor completion bash >"$WORK/c.bash"
bash -n "$WORK/c.bash"
# LINE WORD...: what bash would offer for the last word
offered() {
	bash -c '. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _salvor; printf "%s\n" "${COMPREPLY[@]}"' \
		x "$WORK/c.bash" "$@" 2>/dev/null
}
[ "$(offered salvor ver)" = verify ] || fail "bash offers '$(offered salvor ver)' for ver"
[ "$(offered salvor save --pres)" = --preset ] || fail 'bash does not complete --pres'
[ "$(offered salvor save --preset fa)" = fast ] || fail 'bash does not complete --preset fa'
[ "$(offered salvor save --preset = sm | sort | head -n 1)" = small ] || fail 'bash does not complete --preset=sm'
[ "$(offered salvor restore --free disc)" = discard ] || fail 'bash does not complete --free disc'
[ -z "$(offered salvor list --pres)" ] || fail 'bash offers --preset to list'
for shell in zsh fish; do
	salvor completion "$shell" >"$WORK/c.$shell"
	if command -v "$shell" >/dev/null; then
		"$shell" -n "$WORK/c.$shell" || fail "the $shell script does not parse"
	else
		note "$shell is not installed: its script is not parsed"
	fi
done
if command -v fish >/dev/null; then
	got=$(HOME=$WORK fish --no-config -c "source $WORK/c.fish; complete -C 'salvor save --preset sm'" | cut -f 1 | sort | xargs)
	[[ $got == *small*smallest* ]] || fail "fish offers '$got' for --preset sm"
fi
expect_rc 2 salvor completion tcsh
expect_said 'bash, zsh and fish'
