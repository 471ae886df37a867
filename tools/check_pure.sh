#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Reads off an archive whether its module is PURE: it may call nothing outside the project but memory primitives,
# and may hold no writable data.        usage: check_pure.sh lib.a [regex of further allowed symbols]
allowed="^(mem(cpy|move|set|cmp|chr)|bcmp|str(len|cmp|ncmp)|abort|__stack_chk_fail|__u?(mod|div|divmod)ti[34]|_GLOBAL_OFFSET_TABLE_|assay_.*${2:+|$2})\$"
calls=$(nm -u "$1" | awk '$1 == "U" { print $2 }' | sort -u | grep -Ev "$allowed")
state=$(objdump -t "$1" | awk '$0 ~ / O \.(data|bss|tdata|tbss)/ && $0 !~ /\.data\.rel\.ro/ { print $NF }' | sort -u)
[ -n "$calls" ] && echo "not pure, calls:" $calls
[ -n "$state" ] && echo "not pure, writable data:" $state
[ -z "$calls$state" ]
