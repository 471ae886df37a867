#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs a program under valgrind without its debug information, which valgrind cannot read from every compiler.
# usage: check_ct.sh valgrind program
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
strip --strip-debug -o "$dir/program" "$2"
"$1" -q "$dir/program"
