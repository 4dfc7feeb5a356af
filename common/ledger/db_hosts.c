#include "common/ledger/db_hosts.h"

#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/str.h"
#include "common/connect/resolve.h"

struct server {
    struct db_hosts *hosts;
    char *host, *addr, *port; /* "" where the connection string has none */
    struct resolver_query *query;
    char found[DB_HOST_ADDRESSES_MAX][RESOLVE_ADDRESS_BYTES];
    size_t found_n;
};

struct db_hosts {
    struct resolver *resolver;
    struct server server[DB_HOSTS_MAX];
    size_t n;      /* 0: libpq finds out by itself (a service file, or its default socket) */
    bool own_port; /* each server has its own port in the list */
    size_t asked_n;
    struct err err; /* of the last look-up that failed */
    db_hosts_fn *fn;
    void *arg;
};

/* ---- the connection string ---- */

static const char *option(const PQconninfoOption *all, const char *name, const char *variable)
{
    const char *value = NULL;

    for (const PQconninfoOption *o = all; o->keyword != NULL; o++)
        if (strcmp(o->keyword, name) == 0)
            value = o->val;
    if ((value == NULL || value[0] == '\0') && variable != NULL)
        value = getenv(variable);
    return value != NULL ? value : "";
}

static size_t count(const char *list)
{
    size_t n = list[0] != '\0';

    for (; *list != '\0'; list++)
        n += *list == ',';
    return n;
}

/* The i-th of a list with commas; the only one of a list of one, for every i. */
static char *nth(const char *list, size_t i)
{
    if (strchr(list, ',') == NULL)
        i = 0;
    while (i > 0 && (list = strchr(list, ',')) != NULL) {
        list++;
        i--;
    }
    return list != NULL ? strndup(list, strcspn(list, ",")) : NULL;
}

/* Lists whose lengths do not fit are left to libpq, which has the sentence for it. */
static bool split(struct db_hosts *h, const char *host, const char *addr, const char *port)
{
    size_t n = count(host) > count(addr) ? count(host) : count(addr);

    if (n > DB_HOSTS_MAX || (count(host) != n && count(host) != 0) ||
        (count(addr) != n && count(addr) != 0) || (count(port) != n && count(port) > 1))
        return true;
    for (size_t i = 0; i < n; i++) {
        struct server *s = &h->server[i];

        s->hosts = h;
        s->host = nth(host, i);
        s->addr = nth(addr, i);
        s->port = nth(port, i);
        h->n = i + 1;
        if (s->host == NULL || s->addr == NULL || s->port == NULL)
            return false;
    }
    h->own_port = count(port) > 1;
    return true;
}

static bool take_options(struct db_hosts *h, const PQconninfoOption *all)
{
    const char *host = option(all, "host", NULL), *addr = option(all, "hostaddr", NULL);

    if (option(all, "service", "PGSERVICE")[0] != '\0')
        return true;
    if (host[0] == '\0' && addr[0] == '\0') {
        host = option(all, "host", "PGHOST");
        addr = option(all, "hostaddr", "PGHOSTADDR");
    }
    return split(h, host, addr, option(all, "port", "PGPORT"));
}

static void refuse(struct err *err, const char *message)
{
    bool harmless = message != NULL && (strstr(message, "connection option \"") != NULL ||
                                        strstr(message, "URI query parameter: \"") != NULL);
    char text[ERR_MSG_BYTES];

    str_copy(text, sizeof(text), harmless ? message : "");
    text[strcspn(text, "\n")] = '\0';
    err_set(err, ERR_CONFIG,
            "the connection string of PostgreSQL cannot be read%s%s; it is a URI "
            "(postgresql://...) or a list of keyword=value",
            harmless ? ": " : "", text);
}

struct db_hosts *db_hosts_new(struct event_loop *loop, const char *conninfo, struct err *err)
{
    struct db_hosts *h = calloc(1, sizeof(*h));
    char *message = NULL;
    PQconninfoOption *all = PQconninfoParse(conninfo != NULL ? conninfo : "", &message);
    bool ok;

    if (all == NULL) {
        refuse(err, message);
        PQfreemem(message);
        free(h);
        return NULL;
    }
    ok = h != NULL && (h->resolver = resolver_new(loop, NULL)) != NULL && take_options(h, all);
    PQconninfoFree(all);
    if (!ok) {
        err_set(err, ERR_INTERNAL, "no memory for the connection string of PostgreSQL");
        db_hosts_free(h);
        return NULL;
    }
    return h;
}

void db_hosts_free(struct db_hosts *h)
{
    if (h == NULL)
        return;
    db_hosts_stop(h);
    for (size_t i = 0; i < h->n; i++) {
        free(h->server[i].host);
        free(h->server[i].addr);
        free(h->server[i].port);
    }
    resolver_free(h->resolver);
    free(h);
}

/* ---- the look-up ---- */

static bool is_name(const struct server *s)
{
    return s->addr[0] == '\0' && s->host[0] != '\0' && s->host[0] != '/' && s->host[0] != '@' &&
           resolver_is_name(s->host);
}

static bool usable(const struct server *s)
{
    return !is_name(s) || s->found_n > 0;
}

static void look_up_over(struct db_hosts *h)
{
    db_hosts_fn *fn = h->fn;
    bool any = false;

    for (size_t i = 0; i < h->n; i++)
        any = any || usable(&h->server[i]);
    h->fn = NULL;
    fn(h->arg, any ? NULL : &h->err);
}

static void on_answer(void *arg, const struct resolver_answer *answer, const struct err *err)
{
    struct server *s = arg;
    struct db_hosts *h = s->hosts;

    s->query = NULL;
    s->found_n = answer->n < DB_HOST_ADDRESSES_MAX ? answer->n : DB_HOST_ADDRESSES_MAX;
    for (size_t i = 0; i < s->found_n; i++)
        str_copy(s->found[i], sizeof(s->found[i]), answer->address[i]);
    if (err != NULL)
        h->err = *err;
    else if (s->found_n == 0)
        err_set(&h->err, ERR_UNREACHABLE, "the host \"%s\" of PostgreSQL has no address", s->host);
    if (--h->asked_n == 0)
        look_up_over(h);
}

bool db_hosts_lookup(struct db_hosts *h, db_hosts_fn *fn, void *arg)
{
    h->fn = fn;
    h->arg = arg;
    for (size_t i = 0; i < h->n; i++) {
        struct server *s = &h->server[i];

        if (!is_name(s))
            continue;
        s->found_n = 0;
        s->query = resolver_lookup(h->resolver, s->host, 0, on_answer, s);
        h->asked_n += s->query != NULL;
    }
    return h->asked_n > 0;
}

void db_hosts_stop(struct db_hosts *h)
{
    for (size_t i = 0; i < h->n; i++) {
        resolver_cancel(h->server[i].query);
        h->server[i].query = NULL;
    }
    h->asked_n = 0;
    h->fn = NULL;
}

/* ---- for libpq ---- */

struct target {
    const struct server *server;
    const char *addr;
};

static size_t targets(const struct db_hosts *h,
                      struct target ret[DB_HOSTS_MAX * DB_HOST_ADDRESSES_MAX])
{
    size_t n = 0;

    for (size_t i = 0; i < h->n; i++) {
        const struct server *s = &h->server[i];

        if (!is_name(s))
            ret[n++] = (struct target){ .server = s, .addr = s->addr };
        for (size_t a = 0; a < s->found_n; a++)
            ret[n++] = (struct target){ .server = s, .addr = s->found[a] };
    }
    return n;
}

/* A list in which nothing stands but commas says nothing. */
static char *take_list(struct buf *b)
{
    if (!b->failed && buf_str(b)[strspn(buf_str(b), ",")] == '\0')
        buf_clear(b);
    return buf_take(b, NULL);
}

bool db_hosts_text(const struct db_hosts *h, size_t first, struct db_hosts_text *ret)
{
    struct target all[DB_HOSTS_MAX * DB_HOST_ADDRESSES_MAX];
    size_t n = targets(h, all);
    struct buf host, addr, port;

    buf_init(&host, DB_HOSTS_TEXT_BYTES);
    buf_init(&addr, DB_HOSTS_TEXT_BYTES);
    buf_init(&port, DB_HOSTS_TEXT_BYTES);
    for (size_t i = 0; i < n; i++) {
        const struct target *t = &all[(first + i) % n];
        const char *comma = i > 0 ? "," : "";

        buf_printf(&host, "%s%s", comma, t->server->host);
        buf_printf(&addr, "%s%s", comma, t->addr);
        buf_printf(&port, "%s%s", comma, h->own_port ? t->server->port : "");
    }
    ret->host = take_list(&host);
    ret->hostaddr = take_list(&addr);
    ret->port = take_list(&port);
    if (ret->host != NULL && ret->hostaddr != NULL && ret->port != NULL)
        return true;
    db_hosts_text_free(ret);
    return false;
}

void db_hosts_text_free(struct db_hosts_text *text)
{
    free(text->host);
    free(text->hostaddr);
    free(text->port);
}
