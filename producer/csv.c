#include "producer/csv.h"

#include <string.h>

/* Behind the field; NULL: it is not well formed. Only looks. */
static const char *field_end(const char *p)
{
    if (*p != '"')
        return p + strcspn(p, ",");
    for (p++; *p != '\0'; p++) {
        if (*p == '"' && p[1] == '"')
            p++;
        else if (*p == '"')
            return p[1] == ',' || p[1] == '\0' ? p + 1 : NULL;
    }
    return NULL;
}

static bool well_formed(const char *line)
{
    size_t n = 1;

    for (const char *p = field_end(line);; p = field_end(p + 1)) {
        if (p == NULL || n++ > CSV_FIELDS_MAX)
            return false;
        if (*p == '\0')
            return true;
    }
}

/* Takes the quotes of [from, to) away, and ends it. */
static char *unquote(char *from, const char *to)
{
    char *out = from;
    bool quoted = *from == '"';

    for (const char *p = from + quoted; p < to - quoted; p++) {
        if (quoted && *p == '"')
            p++;
        *out++ = *p;
    }
    *out = '\0';
    return from;
}

bool csv_split(char *line, char *fields[CSV_FIELDS_MAX], size_t *ret_n)
{
    size_t n = 0;
    char *p = line;

    if (!well_formed(line))
        return false;
    for (;;) {
        char *end = line + (field_end(p) - line);
        bool last = *end == '\0';

        fields[n++] = unquote(p, end);
        if (last)
            break;
        p = end + 1;
    }
    *ret_n = n;
    return true;
}
