#ifndef SIMULATOR_EXCHANGE_H
#define SIMULATOR_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/simulator/limits.h"
#include "tests/simulator/text.h"

struct build;
struct cJSON;

/* One HTTP request and the answer to it, without any library in sight. Handlers fill the answer;
 * the edge (serve.c) acts on it. A handler may ask to be called again later with the same request;
 * it must therefore see from the request and the world alone what it has already done. */

enum field { FIELD_HEADER, FIELD_COOKIE, FIELD_QUERY };

/* What the network or a proxy does to this request. Drawn once, when it arrives. */
enum fate {
    FATE_UNDRAWN,
    FATE_SERVED,
    FATE_401,
    FATE_429,
    FATE_502,
    FATE_503,
    FATE_RESET_BEFORE,
    FATE_RESET_AFTER,
    FATE_CUT,
};

struct request {
    const char *method;
    const char *path; /* decoded, without query */
    const char *body; /* never NULL, ends with a NUL */
    size_t body_len;
    int64_t arrived_us;
    int64_t now_us; /* of this call */
    size_t replica;
    bool through_front;
    bool replica_lost;  /* it went away while this request waited for it */
    const char *sticky; /* cookie that the front goes by; NULL: none */
    enum fate fate;
    struct build *started;         /* by this request, on an earlier call */
    char new_sticky[COOKIE_BYTES]; /* cookie the front sets with the answer; empty: none */
    char segment_bytes[MAX_PATH_BYTES];
    char *segments[MAX_SEGMENTS]; /* of the path behind the prefix */
    size_t segments_n;

    /* NULL if absent, "" if empty; borrowed, lives as long as the request. */
    const char *(*find)(const struct request *request, enum field field, const char *name);
    void *edge;
};

enum act {
    ACT_SEND,
    ACT_LATER, /* call the handler again at wake_us, or when build ends if that is set */
    ACT_RESET, /* reset the connection: no answer */
    ACT_CUT,   /* send half of the body, then close */
    ACT_RAW,   /* write the body as it is, headers and all, then close */
    ACT_HUGE,  /* send a body of 200 MB */
    ACT_DRIP,  /* send a body that never ends, byte by byte */
};

struct header {
    const char *name; /* static */
    char value[MAX_HEADER_BYTES];
};

struct answer {
    enum act act;
    unsigned status;
    const char *content_type; /* static */
    struct text body;
    struct header headers[MAX_HEADERS];
    size_t headers_n;
    int64_t wake_us;
    struct build *build;
};

/* Zeroed is a valid answer to start from. text_done(&answer->body) releases it. */

void answer_json(struct answer *answer, unsigned status, struct cJSON *json); /* takes json */
void answer_raw_json(struct answer *answer, unsigned status,
                     struct text *json); /* takes the bytes */
void answer_html(struct answer *answer, unsigned status, const char *title);
void answer_error(struct answer *answer, unsigned status, int code, const char *error);
void answer_later(struct answer *answer, int64_t wake_us, struct build *build);
void answer_header(struct answer *answer, const char *name, const char *value);

const char *request_header(const struct request *request, const char *name);
const char *request_query(const struct request *request, const char *name);
long long request_query_whole(const struct request *request, const char *name, long long otherwise);
bool request_is(const struct request *request, const char *method);

#endif
