#!/usr/bin/env bash
# bench.sh - the whole benchmark: two kinds of files and an almost empty disk beside the peers, then the profile
# SPDX-License-Identifier: GPL-3.0-or-later
#
# usage: [BUILD=build] [MIB=512] [ROUNDS=3] [SPARSE_GIB=1024] bench/bench.sh
# About twenty minutes on two cores; MIB=256 ROUNDS=1 SPARSE_GIB=64 ends in three. A machine that does something else at
# the same time makes wall times worthless; the ratios suffer less.
set -eu -o pipefail
here=$(dirname "$0")
mib=${MIB:-512}
out=${BUILD:-build}/bench
export ROUNDS=${ROUNDS:-3}

mkdir -p "$out"
rm -f "$out/results.txt"
echo "$(nproc) cores, $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), Linux $(uname -r), $(zstd --version | grep -o 'v[0-9.]*'), $(date -u +%F)"
"$here/peers.sh" system "$mib" "$out/results.txt"
"$here/peers.sh" media "$mib" "$out/results.txt"
"$here/sparse.sh" "$out/results.txt"
"$here/report.py" "$out/results.txt"
for kind in system media; do
	"$here/profile.sh" "$kind" "$mib" || [ $? -eq 77 ]
done
