#include "common/ledger/array.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/buf.h"

void array_open(struct buf *b)
{
    buf_char_add(b, '{');
}

static void separate(struct buf *b)
{
    if (b->len > 0 && b->data[b->len - 1] != '{')
        buf_char_add(b, ',');
}

/* Always quoted, so an element's closing quote, never a brace of its own, ends what is there. */
void array_add(struct buf *b, const char *text)
{
    separate(b);
    if (text == NULL) {
        buf_str_add(b, "NULL");
        return;
    }
    buf_char_add(b, '"');
    while (*text != '\0') {
        size_t plain = strcspn(text, "\"\\");

        buf_add(b, text, plain);
        text += plain;
        if (*text != '\0') {
            buf_char_add(b, '\\');
            buf_char_add(b, *text++);
        }
    }
    buf_char_add(b, '"');
}

void array_add_int(struct buf *b, int64_t value)
{
    separate(b);
    buf_printf(b, "%" PRId64, value);
}

void array_close(struct buf *b)
{
    buf_char_add(b, '}');
}

/* ---- and back ---- */

struct items {
    char **item;
    size_t n, cap, max;
};

static bool items_add(struct items *items, char *item)
{
    if (items->n == items->cap) {
        size_t cap = items->cap == 0 ? 8 : items->cap * 2;
        char **moved = realloc(items->item, cap * sizeof(*moved));

        if (moved == NULL)
            return false;
        items->item = moved;
        items->cap = cap;
    }
    items->item[items->n++] = item;
    return true;
}

/* A quoted element from its first quote on; NULL: no end, or no memory. */
static char *take_quoted(const char **pos)
{
    const char *p = *pos + 1;
    size_t len = 0;
    char *out = malloc(strlen(p) + 1);

    if (out == NULL)
        return NULL;
    while (*p != '\0' && *p != '"') {
        if (*p == '\\' && *++p == '\0')
            break;
        out[len++] = *p++;
    }
    if (*p != '"') {
        free(out);
        return NULL;
    }
    out[len] = '\0';
    *pos = p + 1;
    return out;
}

/* PostgreSQL leaves unquoted only what has neither quote, brace, comma, backslash nor blank. */
static size_t plain_len(const char *p)
{
    return strcspn(p, "\",{}\\ \t\r\n\v\f");
}

static bool take_item(struct items *items, const char **pos)
{
    size_t len = plain_len(*pos);
    bool is_null = len == 4 && strncasecmp(*pos, "NULL", 4) == 0;
    char *item;

    if (items->n == items->max || (len == 0 && **pos != '"'))
        return false;
    if (**pos == '"') {
        item = take_quoted(pos);
    } else {
        item = is_null ? NULL : strndup(*pos, len);
        *pos += len;
    }
    if (item == NULL && !is_null)
        return false;
    if (!items_add(items, item)) {
        free(item);
        return false;
    }
    return true;
}

static bool take_all(struct items *items, const char *p)
{
    if (*p++ != '{')
        return false;
    if (strcmp(p, "}") == 0)
        return true;
    for (;;) {
        if (!take_item(items, &p))
            return false;
        if (*p == ',')
            p++;
        else
            return strcmp(p, "}") == 0;
    }
}

ptrdiff_t array_parse(const char *literal, size_t max, char ***ret)
{
    struct items items = { .max = max };

    if (literal == NULL || !take_all(&items, literal)) {
        array_free(items.item, items.n);
        return -1;
    }
    if (items.item == NULL && (items.item = calloc(1, sizeof(*items.item))) == NULL)
        return -1;
    *ret = items.item;
    return (ptrdiff_t)items.n;
}

void array_free(char **items, size_t n)
{
    if (items == NULL)
        return;
    for (size_t i = 0; i < n; i++)
        free(items[i]);
    free(items);
}
