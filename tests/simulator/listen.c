#include "tests/simulator/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/simulator/limits.h"
#include "tests/simulator/options.h"

static int closed(int fd)
{
    int error = errno;

    close(fd);
    errno = error;
    return -1;
}

/* With SO_REUSEADDR two sockets may be bound to one port as long as at most one listens. */
static int bound(const char *address, int port)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((in_port_t)port) };
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return -1;
    inet_pton(AF_INET, address, &at.sin_addr);
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(fd, (const struct sockaddr *)&at, sizeof at) != 0)
        return closed(fd);
    return fd;
}

int listen_guard(const struct place *place, int *ret_port)
{
    struct sockaddr_in at = { 0 };
    socklen_t size = sizeof at;
    int fd = bound(place->address, place->port);

    if (fd < 0)
        return -1;
    if (getsockname(fd, (struct sockaddr *)&at, &size) != 0)
        return closed(fd);
    *ret_port = ntohs(at.sin_port);
    return fd;
}

int listen_open(const char *address, int port)
{
    int fd = bound(address, port);

    if (fd < 0)
        return -1;
    return listen(fd, MAX_ACCEPT_BACKLOG) == 0 ? fd : closed(fd);
}
