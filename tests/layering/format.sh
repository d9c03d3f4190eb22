#!/bin/sh
# Every C source is as clang-format leaves it. Exit code 77 (skipped) without clang-format.
#
# usage: format.sh ROOT
set -eu

cd "$1"
if ! command -v clang-format >/dev/null 2>&1; then
    echo "skipped: clang-format is not installed"
    exit 77
fi
find protocol fault sim reports tests -name '*.[ch]' | sort >"${TMPDIR:-/tmp}/format.$$"
trap 'rm -f "${TMPDIR:-/tmp}/format.$$"' EXIT INT TERM
xargs clang-format --dry-run -Werror --ferror-limit=5 <"${TMPDIR:-/tmp}/format.$$"
