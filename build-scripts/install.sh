#!/usr/bin/env bash
# install.sh - the command, its man pages and completions under DESTDIR/PREFIX
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu -o pipefail
cd "$(dirname "$0")/.."

build=${BUILD:-build}
root=${DESTDIR:-}${PREFIX:-/usr/local}
tmp=$(mktemp)
trap 'rm -f "$tmp"' EXIT

# NAME OF SHELL, FILE: the command itself writes its completion
completion() {
	"$build/salvor" completion "$1" >"$tmp"
	install -D -m 644 "$tmp" "$root/share/$2"
}

install -D -m 755 "$build/salvor" "$root/bin/salvor"
for page in docs/man/*.1 "$build"/man/*.1; do
	[ ! -e "$page" ] || install -D -m 644 "$page" "$root/share/man/man1/${page##*/}"
done
for page in "$build"/man/*.7; do
	[ ! -e "$page" ] || install -D -m 644 "$page" "$root/share/man/man7/${page##*/}"
done
for mo in "$build"/locale/*/LC_MESSAGES/salvor.mo; do
	[ ! -e "$mo" ] || install -D -m 644 "$mo" "$root/share/${mo#"$build"/}"
done
completion bash bash-completion/completions/salvor
completion zsh zsh/site-functions/_salvor
completion fish fish/vendor_completions.d/salvor.fish
for doc in README.md CHANGELOG.md COPYING docs/*.md; do
	[ ! -e "$doc" ] || install -D -m 644 "$doc" "$root/share/doc/salvor/${doc##*/}"
done
echo "installed under $root"
