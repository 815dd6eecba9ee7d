#!/usr/bin/env bash
# settings.sh - language, keyboard, font and time zone are changed while it runs
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
. "$(dirname "$0")/../lib/screens.sh"
requires tmux
work_dir screens
make_root

# what the live system has, and its program, which here only writes down what it is asked for
mkdir -p "$ROOT/usr/share/keymaps/i386/qwertz" "$ROOT/usr/share/keymaps/i386/qwerty" \
	"$ROOT/usr/share/zoneinfo/Europe" "$ROOT/usr/share/zoneinfo/America/Argentina" "$WORK/bin"
touch "$ROOT"/usr/share/keymaps/i386/qwertz/{de,de-latin1}.kmap.gz "$ROOT"/usr/share/keymaps/i386/qwerty/{us,broken}.kmap.gz \
	"$ROOT"/usr/share/zoneinfo/Europe/{Berlin,Paris} "$ROOT/usr/share/zoneinfo/America/Argentina/Salta"
cat >"$WORK/bin/live-init" <<'END'
#!/bin/sh
echo "$*" >>"$0.calls"
[ "$3" != broken ]
END
chmod +x "$WORK/bin/live-init"
called() { [ "$(tail -n 1 "$WORK/bin/live-init.calls")" = "$1" ] || fail "asked for: $(cat "$WORK/bin/live-init.calls")"; }

note 'the language changes at once, page by page, and back'
start_screen 80 24 SALVOR_LIVE=1 PATH="$WORK/bin:$PATH" LANGUAGE=en SALVOR_LOCALES="$TOP/${BUILD:-build}/locale"
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
