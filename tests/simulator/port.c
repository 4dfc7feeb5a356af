#include "tests/simulator/port.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/simulator/admin.h"
#include "tests/simulator/clock.h"
#include "tests/simulator/draw.h"
#include "tests/simulator/front.h"
#include "tests/simulator/listen.h"
#include "tests/simulator/memory.h"
#include "tests/simulator/route.h"
#include "tests/simulator/spoilt.h"
#include "tests/simulator/world.h"

#define CONNECTION_MEMORY_BYTES 8192 /* for request and answer headers; 10,000 of it are 80 MB */
#define SPARE_FILES             64   /* not for connections: sockets that listen, libraries */

static const char *find_field(const struct request *request, enum field field, const char *name)
{
    static const enum MHD_ValueKind kinds[] = {
        [FIELD_HEADER] = MHD_HEADER_KIND,
        [FIELD_COOKIE] = MHD_COOKIE_KIND,
        [FIELD_QUERY] = MHD_GET_ARGUMENT_KIND,
    };
    const struct visit *visit = request->edge;

    return MHD_lookup_connection_value(visit->connection, kinds[field], name);
}

static int socket_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

    return info == NULL ? -1 : info->connect_fd;
}

static struct visit *new_visit(struct port *port, struct MHD_Connection *connection,
                               const char *url, const char *method)
{
    struct visit *visit = memory_zeroed(1, sizeof *visit);

    visit->port = port;
    visit->connection = connection;
    visit->fd = socket_of(connection);
    visit->request.method = method;
    visit->request.path = url;
    visit->request.replica = port->replica;
    visit->request.find = find_field;
    visit->request.edge = visit;
    return visit;
}

static void take_body(struct visit *visit, const char *bytes, size_t n)
{
    if (visit->body.len + n > MAX_REQUEST_BYTES)
        visit->too_large = true;
    else
        text_add(&visit->body, bytes, n);
}

/* A handler's view of the visit: where it goes and when it came. False: already answered. */
static bool arrive(struct visit *visit, int64_t now_us, struct answer *answer)
{
    struct request *request = &visit->request;

    visit->arrived = true;
    text_add(&visit->body, "", 0);
    request->body = visit->body.data;
    request->body_len = visit->body.len;
    request->arrived_us = now_us;
    return visit->port->kind != PORT_FRONT ||
           front_choose(visit->port->server->world, request, answer);
}

static void handle(struct visit *visit, struct answer *answer)
{
    struct world *world = visit->port->server->world;
    int64_t now_us = clock_now_us();

    builds_advance(world->builds, now_us);
    visit->request.now_us = now_us;
    if (!visit->arrived && !arrive(visit, now_us, answer))
        return;
    if (visit->too_large)
        answer_html(answer, 413, "413 Request Entity Too Large");
    else if (visit->port->kind == PORT_ADMIN)
        admin_request(world, &visit->request, answer);
    else
        route_request(world, &visit->request, answer);
    if (answer->act == ACT_SEND)
        front_finish(world, &visit->request, answer);
}

/* The client's id, or one that we make: every answer of Connect carries it. */
static void add_correlation(struct visit *visit, struct answer *answer)
{
    const char *id = request_header(&visit->request, "X-Correlation-ID");
    struct server *server = visit->port->server;
    char made[GUID_BYTES];

    if (visit->port->kind == PORT_ADMIN)
        return;
    if (id == NULL)
        draw_guid(draw_hash(server->world->seed, "correlation", server->answers_n++), made);
    answer_header(answer, "X-Correlation-ID", id == NULL ? made : id);
}

static struct MHD_Response *whole_response(struct answer *answer)
{
    size_t n = answer->body.len;

    return MHD_create_response_from_buffer_with_free_callback(n, text_take(&answer->body), free);
}

static enum MHD_Result send_answer(struct visit *visit, struct answer *answer)
{
    add_correlation(visit, answer);
    struct MHD_Response *response = answer->act == ACT_CUT    ? spoilt_cut(answer)
                                    : answer->act == ACT_HUGE ? spoilt_huge()
                                                              : whole_response(answer);
    if (response == NULL)
        return MHD_NO;
    MHD_add_response_header(response, "Content-Type", answer->content_type);
    for (size_t i = 0; i < answer->headers_n; i++)
        MHD_add_response_header(response, answer->headers[i].name, answer->headers[i].value);
    enum MHD_Result result = MHD_queue_response(visit->connection, answer->status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result act_on(struct visit *visit, struct answer *answer)
{
    switch (answer->act) {
    case ACT_LATER: park_visit(visit, answer->wake_us, answer->build); return MHD_YES;
    case ACT_DRIP: park_visit(visit, spoilt_drip(visit), NULL); return MHD_YES;
    case ACT_RESET: spoilt_reset(visit); return MHD_NO;
    case ACT_RAW: spoilt_raw(visit, answer); return MHD_NO;
    case ACT_HUGE:
    case ACT_SEND:
    case ACT_CUT: return send_answer(visit, answer);
    }
    return MHD_NO;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_n, void **context)
{
    struct port *port = arg;
    struct visit *visit = *context;
    struct answer answer = { 0 };

    (void)version;
    if (visit == NULL) {
        *context = new_visit(port, connection, url, method);
        return MHD_YES;
    }
    if (*upload_n > 0) {
        take_body(visit, upload, *upload_n);
        *upload_n = 0;
        return MHD_YES;
    }
    if (visit->gone)
        return MHD_NO;
    handle(visit, &answer);
    if (port->kind == PORT_ADMIN)
        port_sync(port->server); /* before the answer: it may say that a replica is down */
    enum MHD_Result result = act_on(visit, &answer);
    text_done(&answer.body);
    return result;
}

static void on_completed(void *arg, struct MHD_Connection *connection, void **context,
                         enum MHD_RequestTerminationCode why)
{
    struct visit *visit = *context;

    (void)arg;
    (void)connection;
    (void)why;
    if (visit == NULL)
        return;
    park_leave(visit);
    text_done(&visit->body);
    free(visit);
    *context = NULL;
}

static unsigned connection_limit(void)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur <= 2 * SPARE_FILES)
        return SPARE_FILES;
    if (files.rlim_cur - SPARE_FILES > MAX_CONNECTIONS)
        return MAX_CONNECTIONS;
    return (unsigned)files.rlim_cur - SPARE_FILES;
}

static bool watch(struct port *port)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(port->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = port };

    return info != NULL &&
           epoll_ctl(port->server->epoll_fd, EPOLL_CTL_ADD, info->epoll_fd, &event) == 0;
}

bool port_up(struct port *port)
{
    int fd = listen_open(port->place.address, port->place.port);

    if (fd < 0)
        return false;
    port->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_TURBO, 0, NULL, NULL, on_request, port,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, connection_limit(),
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY_BYTES,
        MHD_OPTION_CONNECTION_TIMEOUT, 0u, MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL,
        MHD_OPTION_END);
    if (port->daemon == NULL) {
        close(fd);
        return false;
    }
    port->ready = true;
    return watch(port);
}

void port_down(struct port *port)
{
    if (port->daemon == NULL)
        return;
    park_wake_all(port); /* the library refuses to stop while a connection is suspended */
    MHD_stop_daemon(port->daemon);
    port->daemon = NULL;
}

void port_sync(struct server *server)
{
    for (size_t i = 0; i < server->ports_n; i++) {
        struct port *port = &server->ports[i];
        if (port->kind != PORT_REPLICA)
            continue;
        struct replica *replica = &server->world->replicas[port->replica];
        if (port->daemon != NULL && (!replica->up || replica->bounce)) {
            port_down(port);
            park_lose_replica(server, port->replica);
        }
        replica->bounce = false;
        if (port->daemon == NULL && replica->up)
            replica->up = port_up(port);
    }
}
