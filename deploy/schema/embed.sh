#!/bin/sh
# Writes a C file that holds the given files as string literals.
#   embed.sh migrations [NNNN-name.sql...] [roles.sql]   for producer/migrations.h
#   embed.sh schemas [name.json...]                      for producer/schemas.h
set -eu

kind=${1:?migrations or schemas}
shift

# The file's text as adjacent literals, one a line, so that a diff of the output can be read.
literal() {
    printf '""\n'
    sed 's/\\/\\\\/g; s/"/\\"/g; s/.*/        "&\\n"/' "$1"
}

case $kind in
migrations) type=migration array=migrations none='{ 0, NULL, NULL }' ;;
schemas)    type=event_schema array=event_schemas none='{ NULL, NULL }' ;;
*) echo "embed.sh: unknown kind $kind" >&2; exit 2 ;;
esac

printf '/* Made by deploy/schema/embed.sh; do not edit. */\n#include "producer/%s.h"\n\n' "$kind"
printf 'const struct %s %s[] = {\n' "$type" "$array"
n=0
last=0
roles=/dev/null
for file in "$@"; do
    base=$(basename "$file")
    case $kind/$base in
    migrations/roles.sql)
        roles=$file
        continue ;;
    migrations/*)
        name=${base%.sql}
        version=$(echo "${name%%-*}" | sed 's/^0*//') # else printf takes it for octal
        if [ "${version:-0}" -le "$last" ]; then
            echo "$file: version ${version:-0} does not follow version $last" >&2
            exit 1
        fi
        last=$version
        printf '    { %d, "%s", ' "$version" "${name#*-}" ;;
    schemas/*)
        printf '    { "%s", ' "${base%.json}" ;;
    esac
    literal "$file"
    printf '    },\n'
    n=$((n + 1))
done
# C has no empty arrays; the entry after the last is never counted.
printf '    %s,\n};\nconst size_t %s_n = %d;\n' "$none" "$array" "$n"
if [ "$kind" = migrations ]; then
    printf 'const char roles_sql[] = '
    literal "$roles"
    printf ';\n'
fi
