#!/bin/sh
# Runs shellcheck over every shell script; skipped where it is not installed (`make deps` brings it).
set -eu
cd "$(dirname "$0")/../.."
command -v shellcheck >/dev/null || { echo 'shell: shellcheck is not installed, skipped' >&2; exit 0; }

find .ci deploy tests -type f ! -name '*.[ch]' -exec \
    awk 'FNR == 1 && /^#!.*\/(env )?(ba)?sh( |$)/ { print FILENAME } { nextfile }' {} + |
    sort | xargs -r shellcheck --format=gcc
