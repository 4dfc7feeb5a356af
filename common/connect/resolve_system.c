/* What resolve.h asks the system. */
#include <arpa/inet.h>
#include <netdb.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "common/base/str.h"
#include "common/connect/resolve.h"

static void found_add(struct resolver_found *found, const struct sockaddr *sa)
{
    const void *raw = sa->sa_family == AF_INET
                          ? (const void *)&((const struct sockaddr_in *)(const void *)sa)->sin_addr
                          : &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr;
    char text[RESOLVE_ADDRESS_BYTES];

    if (found->n == RESOLVE_ADDRESSES_MAX ||
        inet_ntop(sa->sa_family, raw, text, sizeof(text)) == NULL)
        return;
    for (size_t i = 0; i < found->n; i++)
        if (strcmp(found->address[i], text) == 0)
            return;
    str_copy(found->address[found->n++], RESOLVE_ADDRESS_BYTES, text);
}

int resolver_ask_system(const char *host, struct resolver_found *ret, struct err *err)
{
    const struct addrinfo hints = { .ai_family = AF_UNSPEC,
                                    .ai_socktype = SOCK_STREAM,
                                    .ai_flags = AI_ADDRCONFIG };
    struct addrinfo *all = NULL;
    int rc = getaddrinfo(host, NULL, &hints, &all);

    if (rc == EAI_NONAME || rc == EAI_NODATA)
        return 0;
    if (rc != 0)
        return err_set(err, ERR_UNREACHABLE, "cannot look up %s: %s", host, gai_strerror(rc));
    for (const struct addrinfo *a = all; a != NULL; a = a->ai_next)
        if (a->ai_family == AF_INET || a->ai_family == AF_INET6)
            found_add(ret, a->ai_addr);
    freeaddrinfo(all);
    return 0;
}

bool resolver_is_name(const char *host)
{
    unsigned char raw[sizeof(struct in6_addr)];
    size_t len = strlen(host);

    if (host[0] == '[' || strchr(host, ':') != NULL || inet_pton(AF_INET, host, raw) == 1)
        return false;
    if (len > 0 && host[len - 1] == '.')
        len--;
    return !(len == 9 && strncasecmp(host, "localhost", len) == 0);
}
