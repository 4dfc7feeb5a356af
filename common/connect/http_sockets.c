#include "common/connect/http_sockets.h"

#include <curl/curl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/event/event.h"

#define TABLE_FIRST 64 /* file descriptors; doubled from there */
#define KICK_MS     10 /* short against a connection, and seldom enough when all of them fail */

/* A machine that is gone, or a firewall that forgot the connection, answers nothing, not even with
 * a reset. What was sent and not acknowledged for so long has failed; a connection on which we only
 * wait, for a long poll, is asked after. */
#define PEER_GONE_MS     15000
#define PEER_IDLE_S      15
#define PEER_ASK_EVERY_S 5
#define PEER_ASKS        3

/* One watcher for the life of a connection. libcurl drops its interest after each answer and takes
 * it up with the next request; leaving and entering epoll each time would be most of the system
 * calls. So the watcher stays armed for reading, until something comes that nobody wanted: the
 * server's close.
 *
 * Not while a connection is being made: libcurl 7.88 closes a socket that never got connected with
 * a plain close(), and says so afterwards or, when the number is in use again for the next address,
 * not at all. libuv aborts over a closed file descriptor. Such a socket is watched for writing
 * alone. */
struct watched {
    struct sockets *m;
    struct event_fd *fd_watcher;
    int fd;
    bool ours; /* from open_socket, so close_socket will tell. Else libcurl may close it untold */
    unsigned want;  /* what libcurl waits for */
    unsigned armed; /* what the loop watches */
};

struct sockets {
    struct event_loop *loop;
    CURLM *multi;
    struct event_timer *timer;
    sockets_ended_fn *ended;
    void *arg;
    /* By file descriptor. Not by curl_multi_assign: a REMOVE that comes after the close would bring
     * a pointer that was freed (curl#14976). */
    struct watched **table;
    size_t table_n;
    size_t n;   /* transfers */
    bool added; /* some of them since the last turn */
    /* libcurl 7.88 forgets a transfer whose connection failed and that has another address to try:
     * it has no socket then, and no time. So all of them get a turn when there was such a gap. */
    struct event_timer *kick;
    size_t gaps_n, ended_n; /* connections given up, transfers ended, in this call */
    unsigned depth;         /* of calls into libcurl */
    bool reaping;
    bool dying; /* sockets_free came from inside ended() */
};

/* ---- what libcurl did ---- */

static void reap(struct sockets *m)
{
    CURLMsg *msg;
    int left;

    m->reaping = true;
    while (!m->dying && (msg = curl_multi_info_read(m->multi, &left)) != NULL) {
        CURL *easy = msg->easy_handle;
        CURLcode result = msg->data.result;

        if (msg->msg != CURLMSG_DONE)
            continue;
        m->ended_n++;
        sockets_remove(m, easy); /* msg dies here */
        m->ended(m->arg, easy, (int)result);
    }
    m->reaping = false;
}

static void act_begin(struct sockets *m)
{
    m->depth++;
    m->gaps_n = m->ended_n = 0;
}

/* Reaps always: what ends by time-out may be the last there is (curl's own example forgets it).
 * m may be gone when this returns. */
static void act_end(struct sockets *m)
{
    size_t gaps_n = m->gaps_n;

    m->depth--;
    reap(m);
    if (m->dying)
        sockets_free(m);
    else if (gaps_n > m->ended_n && !event_timer_active(m->kick))
        event_timer_start(m->kick, KICK_MS, 0);
}

static void act(struct sockets *m, curl_socket_t fd, int what)
{
    int running;

    act_begin(m);
    curl_multi_socket_action(m->multi, fd, what, &running);
    act_end(m);
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations" /* there is no other way to wake one */
static void on_kick(void *arg)
{
    struct sockets *m = arg;
    int running;

    act_begin(m);
    curl_multi_socket_all(m->multi, &running);
    act_end(m);
}
#pragma GCC diagnostic pop

bool sockets_busy(const struct sockets *m)
{
    return m->depth > 0;
}

size_t sockets_n(const struct sockets *m)
{
    return m->n;
}

void sockets_turn(struct sockets *m)
{
    if (!m->added)
        return;
    m->added = false;
    act(m, CURL_SOCKET_TIMEOUT, 0);
}

static void on_timer(void *arg)
{
    act(arg, CURL_SOCKET_TIMEOUT, 0);
}

/* Only notes the time: libcurl must not be entered from here, whatever the delay. */
static int on_timer_wanted(CURLM *multi, long delay_ms, void *arg)
{
    struct sockets *m = arg;

    (void)multi;
    if (delay_ms < 0)
        event_timer_stop(m->timer);
    else
        event_timer_start(m->timer, delay_ms, 0);
    return 0;
}

/* ---- sockets ---- */

static struct watched *watched_find(const struct sockets *m, int fd)
{
    return fd >= 0 && (size_t)fd < m->table_n ? m->table[fd] : NULL;
}

static bool table_reaches(struct sockets *m, int fd)
{
    size_t n = m->table_n == 0 ? TABLE_FIRST : m->table_n;
    struct watched **table;

    if ((size_t)fd < m->table_n)
        return true;
    while (n <= (size_t)fd)
        n *= 2;
    table = realloc(m->table, n * sizeof(struct watched *));
    if (table == NULL)
        return false;
    for (size_t i = m->table_n; i < n; i++)
        table[i] = NULL;
    m->table = table;
    m->table_n = n;
    return true;
}

static void watched_free(struct watched *w)
{
    if (w == NULL)
        return;
    event_fd_stop(w->fd_watcher);
    w->m->table[w->fd] = NULL;
    free(w);
}

static struct watched *watched_new(struct sockets *m, int fd, bool ours)
{
    struct watched *w;

    watched_free(watched_find(m, fd));
    w = table_reaches(m, fd) ? calloc(1, sizeof(*w)) : NULL;
    if (w == NULL)
        return NULL;
    *w = (struct watched){ .m = m, .fd = fd, .ours = ours };
    m->table[fd] = w;
    return w;
}

static void arm(struct watched *w, unsigned interest)
{
    if (w->armed != interest && w->fd_watcher != NULL)
        event_fd_update(w->fd_watcher, interest);
    w->armed = interest;
}

static void on_ready(void *arg, unsigned ready)
{
    struct watched *w = arg;
    int what = ((ready & EVENT_READ) != 0 ? CURL_CSELECT_IN : 0) |
               ((ready & EVENT_WRITE) != 0 ? CURL_CSELECT_OUT : 0) |
               ((ready & EVENT_ERROR) != 0 ? CURL_CSELECT_ERR : 0);

    if (w->want == 0)
        arm(w, 0);
    else
        act(w->m, w->fd, what);
}

static void watched_want(struct watched *w, unsigned want)
{
    w->want = want;
    if (w->fd_watcher == NULL) {
        w->fd_watcher = event_fd_start(w->m->loop, w->fd, want, on_ready, w);
        w->armed = w->fd_watcher == NULL ? 0 : want;
    } else {
        arm(w, want);
    }
}

static void watched_leave(struct watched *w)
{
    w->want = 0;
    if (!w->ours) {
        watched_free(w);
    } else if ((w->armed & EVENT_WRITE) != 0) { /* it may be closed */
        event_fd_stop(w->fd_watcher);
        w->fd_watcher = NULL;
        w->armed = 0;
        w->m->gaps_n++;
    }
}

/* Never -1, which would end every transfer: one that cannot be watched ends by its time-out. */
static int on_socket_wanted(CURL *easy, curl_socket_t fd, int what, void *arg, void *unused)
{
    struct sockets *m = arg;
    struct watched *w = watched_find(m, fd);

    (void)easy;
    (void)unused;
    if (what == CURL_POLL_REMOVE) {
        if (w != NULL)
            watched_leave(w);
        return 0;
    }
    if (w == NULL)
        w = watched_new(m, fd, false);
    if (w != NULL)
        watched_want(w, (what != CURL_POLL_OUT ? EVENT_READ : 0) |
                            (what != CURL_POLL_IN ? EVENT_WRITE : 0));
    return 0;
}

/* The kernel gives what it may; the time-out of the request stands behind it. */
static void watch_peer(int fd)
{
    const int on = 1, idle = PEER_IDLE_S, every = PEER_ASK_EVERY_S, n = PEER_ASKS;
    const unsigned unanswered = PEER_GONE_MS;

    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &every, sizeof(every));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &n, sizeof(n));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unanswered, sizeof(unanswered));
}

/* An entry that is there is of a socket that libcurl closed untold. It still counts on what it
 * wanted from that number, and will not say it again. */
static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct sockets *m = arg;
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    struct watched *w = watched_find(m, fd);
    unsigned want = w == NULL ? 0 : w->want;

    (void)purpose;
    if (fd < 0)
        return CURL_SOCKET_BAD;
    w = watched_new(m, fd, true);
    if (w == NULL) {
        close(fd);
        return CURL_SOCKET_BAD;
    }
    if (want != 0)
        watched_want(w, want);
    watch_peer(fd);
    return fd;
}

/* The watcher dies first: libuv aborts over a closed file descriptor (libuv#1495). */
static int close_socket(void *arg, curl_socket_t fd)
{
    watched_free(watched_find(arg, fd));
    return close(fd);
}

/* ---- what the engine calls ---- */

static bool prepare(struct sockets *m, CURL *easy)
{
    return curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, m) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, m) == CURLE_OK;
}

bool sockets_add(struct sockets *m, void *easy)
{
    bool added;

    m->depth++;
    added = prepare(m, easy) && curl_multi_add_handle(m->multi, easy) == CURLM_OK;
    m->depth--;
    m->n += added ? 1 : 0;
    m->added = m->added || added;
    return added;
}

void sockets_remove(struct sockets *m, void *easy)
{
    m->depth++;
    curl_multi_remove_handle(m->multi, easy);
    m->depth--;
    m->n--;
}

struct sockets *sockets_new(struct event_loop *loop, size_t connections_max,
                            sockets_ended_fn *ended, void *arg)
{
    struct sockets *m = calloc(1, sizeof(*m));
    /* 0 would mean four for each transfer, so a cache that shrinks and churns. */
    long cached = connections_max == 0 ? 1 : (long)connections_max;

    if (m == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        free(m);
        return NULL;
    }
    *m = (struct sockets){ .loop = loop, .ended = ended, .arg = arg };
    m->timer = event_timer_new(loop, on_timer, m);
    m->kick = event_timer_new(loop, on_kick, m);
    m->multi = curl_multi_init();
    if (m->timer == NULL || m->kick == NULL || m->multi == NULL ||
        curl_multi_setopt(m->multi, CURLMOPT_MAXCONNECTS, cached) != CURLM_OK ||
        curl_multi_setopt(m->multi, CURLMOPT_TIMERFUNCTION, on_timer_wanted) != CURLM_OK ||
        curl_multi_setopt(m->multi, CURLMOPT_TIMERDATA, m) != CURLM_OK ||
        curl_multi_setopt(m->multi, CURLMOPT_SOCKETFUNCTION, on_socket_wanted) != CURLM_OK ||
        curl_multi_setopt(m->multi, CURLMOPT_SOCKETDATA, m) != CURLM_OK) {
        sockets_free(m);
        return NULL;
    }
    return m;
}

void sockets_free(struct sockets *m)
{
    if (m == NULL)
        return;
    if (m->reaping) {
        m->dying = true;
        return;
    }
    curl_multi_cleanup(m->multi); /* closes the kept connections through close_socket */
    for (size_t i = 0; i < m->table_n; i++)
        watched_free(m->table[i]);
    free(m->table);
    event_timer_free(m->timer);
    event_timer_free(m->kick);
    free(m);
    curl_global_cleanup(); /* counted: librdkafka may have set it up, too */
}
