#include "tests/simulator/text.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/simulator/limits.h"
#include "tests/simulator/memory.h"

#define FIRST_ROOM_BYTES 256 /* most answers are near this */
#define MAX_DIGITS       18  /* so that no whole number overflows 64 bits */

/* Makes room for n more bytes and a NUL; false if that passes the ceiling. */
static bool reserve(struct text *text, size_t n)
{
    size_t room = text->room == 0 ? FIRST_ROOM_BYTES : text->room;

    if (n >= MAX_TEXT_BYTES - text->len)
        return false;
    while (room <= text->len + n)
        room *= 2;
    if (room != text->room) {
        text->data = memory_grown(text->data, room);
        text->room = room;
    }
    return true;
}

void text_add(struct text *text, const void *bytes, size_t n)
{
    if (!reserve(text, n))
        return;
    if (n > 0)
        memcpy(text->data + text->len, bytes, n);
    text->len += n;
    text->data[text->len] = '\0';
}

void text_add_string(struct text *text, const char *string)
{
    text_add(text, string, strlen(string));
}

void text_add_format(struct text *text, const char *format, ...)
{
    va_list args;
    va_list again;

    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    if (n >= 0 && reserve(text, (size_t)n)) {
        vsnprintf(text->data + text->len, (size_t)n + 1, format, again);
        text->len += (size_t)n;
    }
    va_end(again);
    va_end(args);
}

void text_add_repeated(struct text *text, char byte, size_t n)
{
    if (!reserve(text, n))
        return;
    memset(text->data + text->len, byte, n);
    text->len += n;
    text->data[text->len] = '\0';
}

char *text_take(struct text *text)
{
    text_add(text, "", 0);
    char *data = text->data;
    *text = (struct text){ 0 };
    return data;
}

void text_done(struct text *text)
{
    free(text->data);
    *text = (struct text){ 0 };
}

_Bool text_copy(char *to, size_t size, const char *source)
{
    int n = snprintf(to, size, "%s", source == NULL ? "" : source);
    return n >= 0 && (size_t)n < size;
}

_Bool text_to_whole(const char *string, long long *ret_number)
{
    size_t digits = strspn(string, "0123456789");
    long long number = 0;

    if (digits == 0 || digits > MAX_DIGITS || string[digits] != '\0')
        return false;
    for (size_t i = 0; i < digits; i++)
        number = number * 10 + (string[i] - '0');
    *ret_number = number;
    return true;
}

_Bool text_to_real(const char *string, double *ret_number)
{
    char *end = NULL;

    errno = 0;
    double number = strtod(string, &end);
    if (end == string || *end != '\0' || errno != 0 || !isfinite(number))
        return false;
    *ret_number = number;
    return true;
}
