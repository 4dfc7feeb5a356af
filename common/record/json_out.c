#include "common/record/json_out.h"

#include <math.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/base/str.h"

#define ELLIPSIS       "\xe2\x80\xa6" /* U+2026 */
#define ELLIPSIS_BYTES 3
#define SECONDS_MAX    1e12 /* far beyond any age; keeps the milliseconds within 64 bits */

_Static_assert(LOG_LINE_MAX_BYTES <= TEXT_FIELD_MAX_BYTES, "a log line is written as a text");

static void begin(struct json_out *o, const char *name)
{
    if (o->comma)
        buf_char_add(o->buf, ',');
    o->comma = true;
    if (name == NULL)
        return;
    buf_char_add(o->buf, '"');
    buf_str_add(o->buf, name);
    buf_add(o->buf, "\":", 2);
}

void json_put_open(struct json_out *o, const char *name, char bracket)
{
    begin(o, name);
    buf_char_add(o->buf, bracket);
    o->comma = false;
}

void json_put_close(struct json_out *o, char bracket)
{
    buf_char_add(o->buf, bracket);
    o->comma = true;
}

void json_put_null(struct json_out *o, const char *name)
{
    begin(o, name);
    buf_str_add(o->buf, "null");
}

void json_put_bool(struct json_out *o, const char *name, bool value)
{
    begin(o, name);
    buf_str_add(o->buf, value ? "true" : "false");
}

void json_put_int(struct json_out *o, const char *name, int64_t value)
{
    begin(o, name);
    buf_printf(o->buf, "%lld", (long long)value);
}

/* Whole numbers only, so that no locale puts a decimal comma in. */
void json_put_seconds(struct json_out *o, const char *name, double value)
{
    long long ms;

    if (!(value >= 0 && value <= SECONDS_MAX)) {
        json_put_null(o, name);
        return;
    }
    ms = llround(value * 1000);
    begin(o, name);
    buf_printf(o->buf, "%lld.%03lld", ms / 1000, ms % 1000);
}

/* text is clean, so a tab is the only control character in it. */
static void add_escaped(struct buf *b, const char *text)
{
    while (*text != '\0') {
        size_t plain = strcspn(text, "\"\\\t");

        buf_add(b, text, plain);
        text += plain;
        if (*text == '\0')
            break;
        buf_char_add(b, '\\');
        buf_char_add(b, *text == '\t' ? 't' : *text);
        text++;
    }
}

bool json_put_text(struct json_out *o, const char *name, const char *text, size_t max_bytes)
{
    char clean[TEXT_FIELD_MAX_BYTES + 1];
    size_t len = text == NULL ? 0 : strlen(text);
    bool cut;

    if (text == NULL) {
        json_put_null(o, name);
        return false;
    }
    str_clean_utf8(clean, max_bytes, text, len, &cut);
    if (cut)
        str_clean_utf8(clean, max_bytes - ELLIPSIS_BYTES, text, len, NULL);
    begin(o, name);
    buf_char_add(o->buf, '"');
    add_escaped(o->buf, clean);
    buf_str_add(o->buf, cut ? ELLIPSIS "\"" : "\"");
    return cut;
}

void json_put_uuid(struct json_out *o, const char *name, const struct uuid *value)
{
    char text[UUID_TEXT_BYTES];

    json_put_text(o, name, uuid_is_nil(value) ? NULL : uuid_format(value, text), UUID_TEXT_BYTES);
}
