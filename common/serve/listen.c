#include "common/serve/listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/str.h"

#define BACKLOG 128 /* probes and scrapes come one by one; a page opens a handful */

struct endpoint {
    char host[256]; /* "": all addresses */
    char port[8];
};

/* The port is what stands after the last colon; brackets around an IPv6 address go. */
static int endpoint_parse(const char *text, struct endpoint *ret, struct err *err)
{
    const char *colon = strrchr(text, ':');
    size_t len = colon == NULL ? 0 : (size_t)(colon - text);
    int64_t port;

    if (colon == NULL || len >= sizeof(ret->host) || !str_to_i64(colon + 1, 0, 65535, &port) ||
        !str_copy(ret->port, sizeof(ret->port), colon + 1))
        return err_set(err, ERR_CONFIG, "not host:port with a port from 0 to 65535: %s", text);
    memcpy(ret->host, text, len);
    ret->host[len] = '\0';
    if (len >= 2 && text[0] == '[' && text[len - 1] == ']') {
        memmove(ret->host, text + 1, len - 2);
        ret->host[len - 2] = '\0';
    } else if (strchr(ret->host, ':') != NULL) {
        return err_set(err, ERR_CONFIG, "an IPv6 address needs brackets: %s", text);
    }
    return 0;
}

/* -1: errno says why. */
static int socket_open(const struct addrinfo *a)
{
    const int on = 1, off = 0;
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), error;

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (a->ai_family == AF_INET6) /* "all addresses" means those of IPv4, too */
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    if (bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    error = errno;
    close(fd);
    errno = error;
    return -1;
}

static int bound_port(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address = { .v6 = { .sin6_family = AF_UNSPEC } };
    socklen_t len = sizeof(address);

    if (getsockname(fd, &address.any, &len) != 0)
        return 0;
    return ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port : address.v4.sin_port);
}

/* IPv6 first, for it takes IPv4 in; where there is none, the next one does. */
static int first_that_opens(const struct addrinfo *all)
{
    static const int order[] = { AF_INET6, AF_INET };
    int fd = -1;

    for (size_t i = 0; i < 2 && fd < 0; i++)
        for (const struct addrinfo *a = all; a != NULL && fd < 0; a = a->ai_next)
            if (a->ai_family == order[i])
                fd = socket_open(a);
    return fd;
}

int listen_open(const char *text, int *ret_port, struct err *err)
{
    const struct addrinfo hints = { .ai_family = AF_UNSPEC,
                                    .ai_socktype = SOCK_STREAM,
                                    .ai_flags = AI_PASSIVE | AI_NUMERICSERV };
    struct endpoint e = { .host = "" };
    struct addrinfo *all = NULL;
    int rc, fd;

    if (endpoint_parse(text, &e, err) != 0)
        return -1;
    rc = getaddrinfo(e.host[0] == '\0' ? NULL : e.host, e.port, &hints, &all);
    if (rc != 0)
        return err_set(err, ERR_CONFIG, "cannot listen on %s: %s", text, gai_strerror(rc));
    fd = first_that_opens(all);
    if (fd < 0)
        err_set(err, ERR_REFUSED, "cannot listen on %s: %s", text, strerror(errno));
    freeaddrinfo(all);
    if (fd >= 0)
        *ret_port = bound_port(fd);
    return fd;
}
