#include "tests/simulator/spoilt.h"

#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/simulator/clock.h"
#include "tests/simulator/exchange.h"
#include "tests/simulator/memory.h"

#define BLOCK_BYTES   65536 /* of an answer that is cut or huge */
#define HUGE_BYTES    (200u * 1024 * 1024)
#define SEND_BYTES    (1024 * 1024) /* asked of the socket, for what is written at one go */
#define DRIP_EVERY_MS 200

/* Gives the first half of a body and then breaks the connection. */
static ssize_t read_half(void *arg, uint64_t at, char *to, size_t room)
{
    const struct text *body = arg;
    size_t half = body->len / 2;

    if (at >= half)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    size_t n = half - (size_t)at < room ? half - (size_t)at : room;
    memcpy(to, body->data + at, n);
    return (ssize_t)n;
}

static void free_half(void *arg)
{
    text_done(arg);
    free(arg);
}

struct MHD_Response *spoilt_cut(struct answer *answer)
{
    struct text *body = memory_zeroed(1, sizeof *body);

    *body = answer->body;
    answer->body = (struct text){ 0 };
    return MHD_create_response_from_callback(body->len, BLOCK_BYTES, read_half, body, free_half);
}

/* One JSON string as far as anybody will read. */
static ssize_t read_huge(void *arg, uint64_t at, char *to, size_t room)
{
    (void)arg;
    memset(to, 'x', room);
    if (at == 0)
        to[0] = '"';
    return (ssize_t)room;
}

struct MHD_Response *spoilt_huge(void)
{
    return MHD_create_response_from_callback(HUGE_BYTES, BLOCK_BYTES, read_huge, NULL, NULL);
}

/* Dissolving the association sends RST at once; the library's close would send FIN first. */
void spoilt_reset(const struct visit *visit)
{
    const struct sockaddr nowhere = { .sa_family = AF_UNSPEC };

    (void)connect(visit->fd, &nowhere, sizeof nowhere);
}

/* What the client does not take at once is lost; it has seen more than enough then. */
void spoilt_raw(const struct visit *visit, const struct answer *answer)
{
    const int bytes = SEND_BYTES;
    size_t at = 0;
    ssize_t n = 0;

    (void)setsockopt(visit->fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    do {
        n = send(visit->fd, answer->body.data + at, answer->body.len - at,
                 MSG_DONTWAIT | MSG_NOSIGNAL);
        at += n > 0 ? (size_t)n : 0;
    } while (n > 0 && at < answer->body.len);
}

int64_t spoilt_drip(struct visit *visit)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                               "Content-Length: 1000000\r\n\r\n";

    if (!visit->dripping)
        (void)send(visit->fd, head, sizeof head - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    visit->dripping = true;
    (void)send(visit->fd, " ", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    return clock_now_us() + DRIP_EVERY_MS * US_PER_MS;
}
