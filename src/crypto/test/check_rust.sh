#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Reads off the Rust archive what everything that C can reach in it may do: from outside only memory primitives, the C
# heap and abort; no instruction that asks the kernel, a clock or for randomness. usage: check_rust.sh lib.a [cc]
set -eu
allowed='^(mem(cpy|move|set|cmp)|bcmp|strlen|malloc|aligned_alloc|free|abort)$'
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
exports=$(nm --defined-only -g "$1" 2>/dev/null | awk '$2 == "T" && $3 ~ /^assay_rs_/ { print $3 }' | sort -u)
[ -n "$exports" ] || { echo "no assay_rs_ function in $1"; exit 1; }
# A shared object of our exports alone: the linker drops what none of them reaches.
echo '{ global: assay_rs_*; local: *; };' >"$dir/exports"
# shellcheck disable=SC2046
"${2:-cc}" -shared -nostdlib -o "$dir/reach.so" $(printf ' -Wl,-u,%s' $exports) "$1" -Wl,--gc-sections \
    -Wl,--version-script="$dir/exports" -Wl,--unresolved-symbols=ignore-all
calls=$(nm -u "$dir/reach.so" | awk '{ print $2 }' | sed 's/@.*//' | sort -u | grep -Ev "$allowed" || true)
[ -z "$calls" ] || echo "the Rust archive calls:" $calls
instructions=$(objdump -d --no-show-raw-insn "$dir/reach.so" |
    grep -Eow 'syscall|sysenter|int +\$0x80|rdrand|rdseed|rdtscp?|svc' | sort | uniq -c || true)
[ -z "$instructions" ] || echo "the Rust archive holds:" $instructions
echo "writable data, for the record (caches of what this CPU can do, and a hash map's seed made of addresses):"
objdump -t "$dir/reach.so" | awk '/ O \.(data|bss|tdata|tbss)/ && !/\.data\.rel\.ro/ { print "  " $NF }'
echo "$(echo "$exports" | wc -l) exports reach $(stat -c %s "$dir/reach.so") bytes"
[ -z "$calls$instructions" ]
