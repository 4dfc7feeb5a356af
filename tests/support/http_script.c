#include "tests/support/http_script.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/str.h"

#define STEP_DEADLINE_MS  20000 /* a step that takes so long has failed */
#define REQUEST_MAX_BYTES (256 * 1024)
#define FLOOD_MAX_BYTES   (64 * 1024 * 1024) /* a client that takes so much has no bound */

struct http_script {
    const struct http_step *steps;
    pthread_t thread;
    bool joined;
    int listener, peer, port;
    char *request;
    size_t request_len;
    char why[256];
};

/* The test itself is broken, or the machine is. */
static void must(bool well, const char *what)
{
    if (well)
        return;
    perror(what);
    abort();
}

static bool wait_for(int fd, short events)
{
    struct pollfd p = { .fd = fd, .events = events };

    return poll(&p, 1, STEP_DEADLINE_MS) == 1;
}

static void peer_close(struct http_script *s, bool reset)
{
    const struct linger at_once = { .l_onoff = 1, .l_linger = 0 };

    if (s->peer < 0)
        return;
    if (reset)
        setsockopt(s->peer, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    close(s->peer);
    s->peer = -1;
}

static const char *step_accept(struct http_script *s)
{
    peer_close(s, false);
    if (!wait_for(s->listener, POLLIN))
        return "no connection came";
    s->peer = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);
    return s->peer < 0 ? "accept failed" : NULL;
}

/* The length of the whole request in the buffer, or 0 if its head is not there yet. */
static size_t request_len(const char *text)
{
    const char *end = strstr(text, "\r\n\r\n");
    const char *field = strcasestr(text, "\r\ncontent-length:");
    unsigned long body = 0;

    if (end == NULL)
        return 0;
    if (field != NULL && field < end)
        body = strtoul(field + strlen("\r\ncontent-length:"), NULL, 10);
    return (size_t)(end + 4 - text) + body;
}

static const char *step_expect(struct http_script *s, const char *text)
{
    size_t need;

    s->request_len = 0;
    s->request[0] = '\0';
    while ((need = request_len(s->request)) == 0 || s->request_len < need) {
        size_t room = REQUEST_MAX_BYTES - s->request_len;
        ssize_t n;

        if (room == 0)
            return "the request is too long";
        if (!wait_for(s->peer, POLLIN))
            return "no request came";
        n = read(s->peer, s->request + s->request_len, room);
        if (n <= 0)
            return "the client closed in place of a request";
        s->request_len += (size_t)n;
        s->request[s->request_len] = '\0';
    }
    return text == NULL || strstr(s->request, text) != NULL ? NULL : "another request came";
}

/* False: the client is gone. */
static bool write_all(int fd, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t n;

        if (!wait_for(fd, POLLOUT))
            return false;
        n = send(fd, text, len, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        text += n;
        len -= (size_t)n;
    }
    return true;
}

static const char *step_flood(struct http_script *s, const char *text)
{
    size_t sent = 0, len = strlen(text);

    while (write_all(s->peer, text, len)) {
        sent += len;
        if (sent > FLOOD_MAX_BYTES)
            return "the client takes whatever comes";
    }
    return NULL;
}

static const char *step_stall(struct http_script *s, bool unasked)
{
    char rest[4096];
    ssize_t n;

    do {
        if (!wait_for(s->peer, POLLIN))
            return "the client waits for ever";
        n = read(s->peer, rest, sizeof(rest));
        if (n > 0 && unasked)
            return "the client wrote something";
    } while (n > 0);
    return NULL;
}

static const char *play(struct http_script *s, const struct http_step *step)
{
    switch (step->kind) {
    case HTTP_STEP_ACCEPT: return step_accept(s);
    case HTTP_STEP_EXPECT: return step_expect(s, step->text);
    case HTTP_STEP_REPLY:
        return write_all(s->peer, step->text, strlen(step->text)) ? NULL : "cannot reply";
    case HTTP_STEP_FLOOD: return step_flood(s, step->text);
    case HTTP_STEP_STALL: return step_stall(s, false);
    case HTTP_STEP_UNASKED: return step_stall(s, true);
    case HTTP_STEP_CLOSE: peer_close(s, false); return NULL;
    case HTTP_STEP_RESET: peer_close(s, true); return NULL;
    case HTTP_STEP_END: break;
    }
    return NULL;
}

static void *run(void *arg)
{
    struct http_script *s = arg;

    for (size_t i = 0; s->steps[i].kind != HTTP_STEP_END; i++) {
        const char *why = play(s, &s->steps[i]);

        if (why != NULL) {
            snprintf(s->why, sizeof(s->why), "step %zu of the server: %s", i + 1, why);
            break;
        }
    }
    peer_close(s, false);
    return NULL;
}

static int bind_somewhere(int *ret_port)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    must(fd >= 0, "socket");
    must(bind(fd, (struct sockaddr *)&address, len) == 0, "bind");
    must(getsockname(fd, (struct sockaddr *)&address, &len) == 0, "getsockname");
    *ret_port = ntohs(address.sin_port);
    return fd;
}

struct http_script *http_script_start(const struct http_step *steps)
{
    struct http_script *s = calloc(1, sizeof(*s));

    must(s != NULL, "calloc");
    s->steps = steps;
    s->peer = -1;
    s->request = calloc(1, REQUEST_MAX_BYTES + 1);
    must(s->request != NULL, "calloc");
    s->listener = bind_somewhere(&s->port);
    must(listen(s->listener, 64) == 0, "listen");
    must(pthread_create(&s->thread, NULL, run, s) == 0, "pthread_create");
    return s;
}

int http_script_port(const struct http_script *s)
{
    return s->port;
}

const char *http_script_wait(struct http_script *s)
{
    if (!s->joined)
        pthread_join(s->thread, NULL);
    s->joined = true;
    return s->why[0] != '\0' ? s->why : NULL;
}

const char *http_script_request(const struct http_script *s)
{
    return s->request;
}

void http_script_free(struct http_script *s)
{
    http_script_wait(s);
    close(s->listener);
    free(s->request);
    free(s);
}

int http_refusing_start(int *ret_port)
{
    return bind_somewhere(ret_port);
}

/* A queue for no connection takes one, and no more. */
void http_deaf_start(struct http_deaf *d, int port)
{
    const struct sockaddr_in address = { .sin_family = AF_INET,
                                         .sin_port = htons((uint16_t)port),
                                         .sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1) };
    const struct sockaddr *to = (const struct sockaddr *)&address;

    d->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(d->listener >= 0 && bind(d->listener, to, sizeof(address)) == 0, "bind");
    must(listen(d->listener, 0) == 0, "listen");
    for (size_t i = 0; i < 2; i++) {
        d->filler[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | (i > 0 ? SOCK_NONBLOCK : 0), 0);
        must(d->filler[i] >= 0, "socket");
        must(connect(d->filler[i], to, sizeof(address)) == 0 || errno == EINPROGRESS, "connect");
    }
}

void http_deaf_stop(struct http_deaf *d)
{
    close(d->filler[0]);
    close(d->filler[1]);
    close(d->listener);
}
