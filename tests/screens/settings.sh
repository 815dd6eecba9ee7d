#!/usr/bin/env bash
# settings.sh - language, keyboard, font and time zone are changed while it runs
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
. "$(dirname "$0")/../lib/screens.sh"
. "$(dirname "$0")/../lib/plain.sh"
requires tmux
work_dir screens
make_root

# what the live system has, and its program, which here only writes down what it is asked for
mkdir -p "$ROOT/usr/share/keymaps/i386/qwertz" "$ROOT/usr/share/keymaps/i386/qwerty" \
	"$ROOT/usr/share/zoneinfo/Europe" "$ROOT/usr/share/zoneinfo/America/Argentina" "$WORK/bin"
touch "$ROOT"/usr/share/keymaps/i386/qwertz/{de,de-latin1}.kmap.gz "$ROOT"/usr/share/keymaps/i386/qwerty/{us,broken}.kmap.gz \
	"$ROOT"/usr/share/zoneinfo/Europe/{Berlin,Paris} "$ROOT/usr/share/zoneinfo/America/Argentina/Salta"
mkdir -p "$ROOT/run/salvor"
: >"$ROOT/run/salvor/params"
cat >"$WORK/bin/live-init" <<END
#!/bin/sh
echo "\$*" >>"\$0.calls"
[ "\$3" != broken ] && echo "\$2=\$3" >>'$ROOT/run/salvor/params'
END
chmod +x "$WORK/bin/live-init"
called() { [ "$(tail -n 1 "$WORK/bin/live-init.calls")" = "$1" ] || fail "asked for: $(cat "$WORK/bin/live-init.calls")"; }

LIVE=(SALVOR_LIVE=1 PATH="$WORK/bin:$PATH" SALVOR_LOCALES="$TOP/${BUILD:-build}/locale")

note 'a live system without a language asks once, before anything else; Enter takes what is shown'
start_screen 80 24 "${LIVE[@]}"
see 'Go on in English'
see 'Keyboard layout ...  us'
see 'Time zone ...  UTC'
keys Enter
see 'What do you want to do?'
called 'set lang en'
end_screen

note 'and not again, in no session'
start_screen 80 24 "${LIVE[@]}"
see 'What do you want to do?'
end_screen

note 'another language, its keyboard, its time zone, and then Enter'
: >"$ROOT/run/salvor/params"
start_screen 80 24 "${LIVE[@]}"
see 'Go on in English'
keys d
see 'Weiter auf Deutsch'
keys k
see 'Welche Tastaturbelegung?'
choose 'de-latin1'
keys Enter
see 'Tastaturbelegung ...  de-latin1'
keys z
choose 'Europe/Berlin'
keys Enter
see 'Zeitzone ...  Europe/Berlin'
choose 'Weiter auf Deutsch'
keys Enter
see 'Was möchten Sie tun?'
called 'set lang de'
end_screen

note 'who begins later hears the same language; Esc on the page is an answer, too'
start_screen 80 24 "${LIVE[@]}"
see 'Was möchten Sie tun?'
end_screen
: >"$ROOT/run/salvor/params"
start_screen 80 24 "${LIVE[@]}"
see 'Go on in English'
keys Escape
see 'What do you want to do?'
called 'set lang en'
end_screen

note 'answered at another console'
: >"$ROOT/run/salvor/params"
start_screen 80 24 "${LIVE[@]}"
see 'Go on in English'
echo lang=de >"$ROOT/run/salvor/params"
see 'Was möchten Sie tun?'
end_screen

note 'given in the boot menu: no question'
: >"$ROOT/run/salvor/params"
start_screen 80 24 "${LIVE[@]}" LANGUAGE=de_DE.UTF-8
see 'Was möchten Sie tun?'
end_screen

note 'in plain mode an empty line goes on, here and on no other page'
start_talk "${LIVE[@]}"
hear '. Go on in English'
hear 'D. Deutsch'
hear '? help'
answer ''
hear 'What do you want to do?'
called 'set lang en'
hear '? help'
answer ''
hear 'What do you want to do?'
hear '? help'
leave_talk

note 'the language changes at once, page by page, and back'
start_screen 80 24 "${LIVE[@]}" LANGUAGE=en
see 'What do you want to do?'
keys 9
see 'Language, keyboard, font, time zone'
choose 'Language'
keys Right
see 'Sprache'
keys Escape
see 'Was möchten Sie tun?'
keys 9
see 'Deutsch'
keys Right
see 'English'
see 'Keyboard layout'

note 'a layout from the list'
keys k
see 'Which keyboard layout?'
choose 'de-latin1'
keys Enter
see 'Keyboard layout ...  de-latin1'
called 'set keymap de-latin1'

note 'one that cannot be loaded is said, and the page keeps what is true'
keys k
choose 'broken'
keys Enter
see 'This is not possible'
keys Escape
see 'Keyboard layout ...  de-latin1'

note 'zone and font'
keys z
see 'America/Argentina/Salta'
choose 'Europe/Berlin'
keys Enter
see 'Time zone ...  Europe/Berlin'
called 'set tz Europe/Berlin'
choose 'Font'
keys Right Right
see 'large'
called 'set font large'
choose 'Try keys here'
type_text 'yz-'
see '[yz-]'
keys Escape
see 'What do you want to do?'
end_screen

note 'elsewhere only the language can be changed'
start_screen 80 24 PATH="$WORK/bin:$PATH"
see 'What do you want to do?'
keys 9
see 'only on the live system'
see_not 'Font'
