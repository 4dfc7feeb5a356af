/* Addresses of Connect: one normal form of a url, so that a replica is not counted twice. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/base/str.h"
#include "common/config/shared.h"

#define NAME_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"
#define WANT_URL   "an http or https URL such as https://connect.example.com:3939/prefix"

static bool host_valid(const char *host, size_t len)
{
    bool six = len > 2 && host[0] == '[' && host[len - 1] == ']';

    if (six)
        return strspn(host + 1, "0123456789abcdefABCDEF:.") == len - 2;
    return len > 0 && strspn(host, NAME_CHARS) >= len && host[0] != '-' && host[0] != '.';
}

/* ":3939" as a number; -1: not a port. */
static int64_t port_of(const char *colon, size_t len)
{
    char digits[8];
    int64_t port = -1;

    if (len < 2 || len > sizeof(digits))
        return -1;
    memcpy(digits, colon + 1, len - 1);
    digits[len - 1] = '\0';
    return str_to_i64(digits, 1, 65535, &port) ? port : -1;
}

/* No query, no fragment, and nothing that a request line could not carry. */
static bool path_valid(const char *path)
{
    for (; *path != '\0'; path++)
        if (*path <= 0x20 || *path >= 0x7f || strchr("?#\"<>\\^`{|}", *path) != NULL)
            return false;
    return true;
}

/* A url in pieces that point into its text. */
struct url {
    bool tls;
    const char *host, *path;
    size_t host_len, path_len;
    int64_t port;
};

static bool split(const char *text, struct url *u)
{
    const char *colon, *bracket;

    u->tls = strncasecmp(text, "https://", 8) == 0;
    u->host = text + (u->tls ? 8 : 7);
    if (!u->tls && strncasecmp(text, "http://", 7) != 0)
        return false;
    u->path = u->host + strcspn(u->host, "/?#");
    bracket = memchr(u->host, ']', (size_t)(u->path - u->host));
    colon = bracket == NULL ? u->host : bracket; /* the colons in [::1] are not the port's */
    colon = memchr(colon, ':', (size_t)(u->path - colon));
    u->host_len = (size_t)((colon == NULL ? u->path : colon) - u->host);
    u->port = u->tls ? 443 : 80;
    if (colon != NULL)
        u->port = port_of(colon, (size_t)(u->path - colon));
    for (u->path_len = strlen(u->path); u->path_len > 0 && u->path[u->path_len - 1] == '/';)
        u->path_len--;
    return u->port > 0 && host_valid(u->host, u->host_len) && path_valid(u->path);
}

const char *shared_url(const char *text, char *out, size_t out_bytes)
{
    struct url u;
    char port[8] = "";
    int n;

    if (!split(text, &u))
        return WANT_URL;
    if (u.port != (u.tls ? 443 : 80))
        snprintf(port, sizeof(port), ":%d", (int)u.port);
    n = snprintf(out, out_bytes, "%s%.*s%s%.*s", u.tls ? "https://" : "http://", (int)u.host_len,
                 u.host, port, (int)u.path_len, u.path);
    if (n < 0 || (size_t)n >= out_bytes)
        return "a URL of at most 511 bytes";
    for (char *p = out + (u.tls ? 8 : 7); u.host_len > 0; p++, u.host_len--)
        *p = (char)tolower((unsigned char)*p);
    return NULL;
}

bool shared_url_split(const char *text, struct url_parts *ret)
{
    struct url u;

    if (!split(text, &u) || u.host_len >= sizeof(ret->host) || u.path_len >= sizeof(ret->path))
        return false;
    *ret = (struct url_parts){ .tls = u.tls, .port = (int)u.port };
    memcpy(ret->host, u.host, u.host_len);
    memcpy(ret->path, u.path, u.path_len);
    return true;
}

/* Host and port of a normal url. */
static bool name_from_url(struct replica_address *r)
{
    const char *host = strstr(r->url, "//") + 2;
    size_t len = strcspn(host, "/");

    if (len >= sizeof(r->name))
        return false;
    memcpy(r->name, host, len);
    r->name[len] = '\0';
    return true;
}

/* "name=url" or "url". An = behind the :// belongs to the url. */
static int parse_item(const char *item, struct replica_address *ret, struct err *err)
{
    const char *equals = strchr(item, '='), *scheme = strstr(item, "://"), *url = item, *want;
    bool named = equals != NULL && (scheme == NULL || equals < scheme);

    if (named) {
        size_t len = (size_t)(equals - item);

        if (len == 0 || len >= sizeof(ret->name) || strspn(item, NAME_CHARS) != len)
            return err_set(err, ERR_CONFIG,
                           "replicas: \"%.80s\" does not start with a name (letters, digits, '.', "
                           "'_' and '-', at most %zu)",
                           item, sizeof(ret->name) - 1);
        memcpy(ret->name, item, len);
        ret->name[len] = '\0';
        url = equals + 1;
    }
    want = shared_url(url, ret->url, sizeof(ret->url));
    if (want != NULL)
        return err_set(err, ERR_CONFIG, "replicas: \"%.80s\" is not %s", url, want);
    ret->named = named;
    if (!named && !name_from_url(ret))
        return err_set(err, ERR_CONFIG, "replicas: %.80s needs a short name (name=url)", url);
    return 0;
}

static int add(struct replica_address *list, size_t *n, const char *item, struct err *err)
{
    struct replica_address *r = &list[*n];

    if (*n == REPLICAS_MAX)
        return err_set(err, ERR_CONFIG, "replicas: more than %d are given", REPLICAS_MAX);
    if (parse_item(item, r, err) != 0)
        return -1;
    for (size_t i = 0; i < *n; i++) {
        if (strcmp(list[i].name, r->name) == 0)
            return err_set(err, ERR_CONFIG, "replicas: the name %s is given twice", r->name);
        if (strcmp(list[i].url, r->url) == 0)
            return err_set(err, ERR_CONFIG, "replicas: %s and %s have the same address %.200s",
                           list[i].name, r->name, r->url);
    }
    (*n)++;
    return 0;
}

static char *trim(char *item)
{
    size_t len;

    item += strspn(item, " \t");
    len = strlen(item);
    while (len > 0 && (item[len - 1] == ' ' || item[len - 1] == '\t'))
        len--;
    item[len] = '\0';
    return item;
}

/* Cuts `rest` up. Empty pieces, as after a last comma, are passed over. */
static int parse_all(char *rest, struct replica_address *list, size_t *ret_n, bool *ret_dns,
                     struct err *err)
{
    char *item;
    bool dns = false;

    while ((item = strsep(&rest, ",")) != NULL) {
        const char *url = trim(item);
        const char *value = strchr(url, '=');
        bool named_dns = value != NULL && strncmp(value, "=dns+", 5) == 0;

        if (*url == '\0')
            continue;
        dns = dns || named_dns || strncmp(url, "dns+", 4) == 0;
        if (named_dns)
            return err_set(err, ERR_CONFIG,
                           "replicas: %.80s cannot have a name: its addresses get "
                           "their own",
                           url);
        if (add(list, ret_n, strncmp(url, "dns+", 4) == 0 ? url + 4 : url, err) != 0)
            return -1;
    }
    if (dns && *ret_n > 1)
        return err_set(err, ERR_CONFIG, "replicas: dns+ stands alone, not in a list");
    *ret_dns = dns;
    return 0;
}

int shared_replicas(const struct shared_config *c, struct replica_address **ret, size_t *ret_n,
                    bool *ret_dns, struct err *err)
{
    bool given = c->replicas != NULL && c->replicas[strspn(c->replicas, " \t,")] != '\0';
    char *text = str_dup(given ? c->replicas : c->connect_server);
    struct replica_address *list = calloc(REPLICAS_MAX, sizeof(*list));
    size_t n = 0;
    int rc = -1;

    if (!given && c->connect_server == NULL)
        err_set(err, ERR_CONFIG, "no Connect is named; set REBUILD_REPLICAS or CONNECT_SERVER");
    else if (text == NULL || list == NULL)
        err_set(err, ERR_INTERNAL, "no memory for the replicas");
    else
        rc = parse_all(text, list, &n, ret_dns, err);
    free(text);
    if (rc != 0) {
        free(list);
        return -1;
    }
    *ret = list;
    *ret_n = n;
    return 0;
}
