#!/bin/sh
# The house style, as .clang-format has it. With --fix the files are rewritten (`make format`).
set -eu
cd "$(dirname "$0")/../.."
tool=${CLANG_FORMAT:-clang-format-14}

for_each_file() { # for_each_file ARGUMENTS: clang-format over every C file
    for dir in common producer worker tests; do
        [ ! -d $dir ] || find $dir -name '*.[ch]' -print0
    done | xargs -0 -r "$tool" "$@"
}

if [ "${1:-}" = --fix ]; then
    for_each_file -i
    exit
fi

found=$(for_each_file --dry-run -Werror 2>&1 | awk -F: '
    / error: / { if (!n[$1]++) first[$1] = $2 }
    END { for (f in n) print f ":" first[f] ": not in the house style, in " n[f] " places; run make format" }')
[ -z "$found" ] || { echo "$found" | sort; exit 1; }
