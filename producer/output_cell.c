/* One value in each of the forms. */
#include <stdlib.h>
#include <string.h>

#include "common/base/str.h"
#include "producer/output_private.h"

static const char *bool_word(const char *text)
{
    return text[0] == 't' ? "true" : "false";
}

/* ---- JSON ---- */

static void add_escaped(struct buf *b, const char *text)
{
    size_t len = strlen(text), n;
    uint32_t code;

    buf_char_add(b, '"');
    for (const char *p = text; len > 0; p += n, len -= n) {
        n = str_utf8_next(p, len, &code);
        if (n == 0) {
            buf_str_add(b, "\xEF\xBF\xBD");
            n = 1;
        } else if (code == '"' || code == '\\') {
            buf_char_add(b, '\\');
            buf_char_add(b, *p);
        } else if (code < 0x20 || (code >= 0x7f && code <= 0x9f)) {
            buf_printf(b, "\\u%04x", (unsigned)code);
        } else {
            buf_add(b, p, n);
        }
    }
    buf_char_add(b, '"');
}

/* JSON has no NaN and no leading dot. */
static bool json_number_text(const char *text)
{
    double value;
    const char *digits = text[0] == '-' ? text + 1 : text;

    return digits[0] >= '0' && digits[0] <= '9' && !(digits[0] == '0' && digits[1] >= '0') &&
           strpbrk(text, "xX \t") == NULL && str_to_double(text, &value);
}

void cell_json(struct buf *b, enum cell_type type, const char *text)
{
    bool number = type == CELL_INT || type == CELL_NUM;

    if (text == NULL || (number && !json_number_text(text)))
        buf_str_add(b, "null");
    else if (number || type == CELL_JSON)
        buf_str_add(b, text);
    else if (type == CELL_BOOL)
        buf_str_add(b, bool_word(text));
    else
        add_escaped(b, text);
}

void output_json_text(struct buf *b, const char *text)
{
    cell_json(b, CELL_TEXT, text);
}

/* ---- CSV ---- */

void cell_csv(struct buf *b, enum cell_type type, const char *text)
{
    if (text == NULL)
        return;
    if (type == CELL_BOOL)
        text = bool_word(text);
    if (strpbrk(text, "\",\r\n") == NULL) {
        buf_str_add(b, text);
        return;
    }
    buf_char_add(b, '"');
    for (const char *p = text; *p != '\0'; p++) {
        if (*p == '"')
            buf_char_add(b, '"');
        buf_char_add(b, *p);
    }
    buf_char_add(b, '"');
}

/* ---- terminal ---- */

/* Marks that turn the direction of a line, or end a table's line for some terminals. */
static bool misleads(uint32_t code)
{
    return (code >= 0x7f && code <= 0x9f) || (code >= 0x200e && code <= 0x200f) ||
           (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069) ||
           code == 0xfeff;
}

static bool between(uint32_t code, const uint32_t (*ranges)[2], size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (code >= ranges[i][0] && code <= ranges[i][1])
            return true;
    return false;
}

/* Near enough to what terminals do; the C library's wcwidth() depends on the locale. */
static int code_width(uint32_t code)
{
    static const uint32_t none[][2] = {
        { 0x0300, 0x036f }, { 0x0591, 0x05bd }, { 0x0610, 0x061a }, { 0x064b, 0x065f },
        { 0x200b, 0x200d }, { 0x20d0, 0x20ff }, { 0xfe00, 0xfe0f },
    };
    static const uint32_t wide[][2] = {
        { 0x1100, 0x115f },   { 0x2e80, 0xa4cf },   { 0xac00, 0xd7a3 },   { 0xf900, 0xfaff },
        { 0xfe30, 0xfe6f },   { 0xff00, 0xff60 },   { 0xffe0, 0xffe6 },   { 0x1f300, 0x1f64f },
        { 0x1f680, 0x1f6ff }, { 0x1f900, 0x1faff }, { 0x20000, 0x3fffd },
    };

    if (between(code, none, sizeof(none) / sizeof(none[0])))
        return 0;
    return between(code, wide, sizeof(wide) / sizeof(wide[0])) ? 2 : 1;
}

char *cell_plain(enum cell_type type, const char *text)
{
    size_t len, n;
    struct buf b;
    uint32_t code;

    if (text == NULL)
        return str_dup("-");
    if (type == CELL_BOOL)
        return str_dup(text[0] == 't' ? "yes" : "no");
    len = strlen(text);
    buf_init(&b, OUTPUT_CELL_MAX_BYTES);
    buf_str_add(&b, "");
    for (const char *p = text; len > 0; p += n, len -= n) {
        n = str_utf8_next(p, len, &code);
        if (n == 0 || misleads(code))
            buf_str_add(&b, "\xEF\xBF\xBD");
        else if (code < 0x20)
            buf_char_add(&b, ' ');
        else
            buf_add(&b, p, n);
        n = n == 0 ? 1 : n;
    }
    return buf_take(&b, NULL);
}

size_t cell_fit(const char *plain, int width, int *ret_width)
{
    size_t len = strlen(plain), used = 0, n;
    uint32_t code;
    int columns = 0;

    while (used < len && (n = str_utf8_next(plain + used, len - used, &code)) > 0) {
        int more = code_width(code);

        if (columns + more > width)
            break;
        columns += more;
        used += n;
    }
    *ret_width = columns;
    return used;
}

int cell_width(const char *plain)
{
    int width;

    cell_fit(plain, OUTPUT_CELL_MAX_BYTES, &width);
    return width;
}
