#!/bin/sh
# cppcheck over the C files. It keeps what it found out about unchanged files in build/cppcheck.
set -eu
cd "$(dirname "$0")/../.."
mkdir -p build/cppcheck

dirs=
for dir in common producer worker tests; do
    [ -z "$(find $dir -name '*.c' 2>/dev/null | head -1)" ] || dirs="$dirs $dir"
done
[ -n "$dirs" ] || exit 0

# System headers are not read, on purpose: it is slow, and the compiler has read them. So uthash.cfg
# says what uthash's macros do.
# shellcheck disable=SC2086 # a list of words
exec cppcheck --quiet --error-exitcode=1 --inline-suppr --std=c11 --language=c -I. -D_GNU_SOURCE \
    -j "$(nproc)" --cppcheck-build-dir=build/cppcheck --enable=warning,performance,portability \
    --library=posix --library=tests/lint/uthash.cfg \
    --suppress=missingIncludeSystem --suppress=unmatchedSuppression \
    --template='{file}:{line}: {message} [{id}]' $dirs
