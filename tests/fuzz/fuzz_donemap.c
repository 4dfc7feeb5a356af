/* Commit metadata is text that anybody with rights on the group may have written. The first byte of
 * the input says how the rest is used: as the text itself, as the bytes that get a right checksum,
 * or as what happens to a window. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/codec.h"
#include "worker/donemap.h"
#include "worker/tracker.h"

#define SEALED_MAX_BYTES 2900 /* more than a full window, within DONE_MAP_MAX_CHARS */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Stays in a build without assert(). */
static void must(int holds)
{
    if (!holds)
        abort();
}

/* What decodes is the one text of its content, and a tracker of it says the same. */
static void try_text(const char *text)
{
    uint8_t bitmap[DONEMAP_BITMAP_BYTES];
    char again[DONEMAP_TEXT_BYTES];
    struct err err = { 0 };
    struct tracker *t;
    int64_t base;
    size_t bits;

    if (donemap_decode(text, &base, bitmap, &bits, &err) != 0) {
        must(err.kind == ERR_INPUT && err.msg[0] != '\0');
        must(text[0] == '\0' || tracker_new(0, text, NULL) == NULL); /* "": nothing is done */
        return;
    }
    must(base >= 0 && bits <= WINDOW_OFFSETS);
    must(donemap_encode(base, bitmap, bits, again) == strlen(text) && strcmp(text, again) == 0);
    t = tracker_new(base, text, NULL);
    must(t != NULL && tracker_commit_text(t, again) == base);
    must(strcmp(again, bits > 0 ? text : "") == 0);
    tracker_free(t);
}

static void try_sealed(const uint8_t *data, size_t size)
{
    uint8_t raw[SEALED_MAX_BYTES + 4];
    char text[3 + BASE64URL_LEN(sizeof(raw)) + 1] = "r1:";
    uint32_t crc;

    if (size > SEALED_MAX_BYTES)
        return;
    memcpy(raw, data, size);
    crc = crc32_ieee(raw, size);
    for (size_t i = 0; i < 4; i++)
        raw[size + i] = (uint8_t)(crc >> (24 - 8 * i));
    base64url_encode(raw, size + 4, text + 3);
    try_text(text);
}

/* One step is three bytes: what, and how far from the base. Every commit is read back. */
static void step(struct tracker **t, const uint8_t *data)
{
    int64_t offset = tracker_base(*t) + (int64_t)((data[1] << 8 | data[2]) % (WINDOW_OFFSETS + 99));
    char text[DONEMAP_TEXT_BYTES];
    int64_t base = tracker_base(*t);

    if (data[0] % 4 == 0) {
        must(tracker_record(*t, offset) != TRACKER_NEW || tracker_next(*t) == offset + 1);
    } else if (data[0] % 4 == 1) {
        tracker_record(*t, tracker_next(*t));
    } else if (data[0] % 4 == 2) {
        tracker_done(*t, offset);
        must(tracker_is_done(*t, offset) || offset - base >= WINDOW_OFFSETS);
    } else {
        base = tracker_commit_text(*t, text);
        tracker_free(*t);
        *t = tracker_new(base, text, NULL);
        must(*t != NULL);
    }
    must(tracker_base(*t) >= base && tracker_next(*t) >= tracker_base(*t));
    must(tracker_next(*t) - tracker_base(*t) <= WINDOW_OFFSETS);
    must(tracker_gap(*t) < WINDOW_OFFSETS && !tracker_is_done(*t, tracker_base(*t)));
}

static void try_steps(const uint8_t *data, size_t size)
{
    struct tracker *t = tracker_new(1000, NULL, NULL);

    must(t != NULL);
    for (; size >= 3; data += 3, size -= 3)
        step(&t, data);
    tracker_free(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text;

    if (size == 0)
        return 0;
    if (data[0] == 's') {
        try_sealed(data + 1, size - 1);
    } else if (data[0] == 'w') {
        try_steps(data + 1, size - 1);
    } else {
        text = malloc(size + 1); /* of exactly its size, for ASan */
        must(text != NULL);
        memcpy(text, data, size);
        text[size] = '\0';
        try_text(text);
        free(text);
    }
    return 0;
}
