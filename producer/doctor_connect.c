/* doctor: every replica, what the key may do, and the clocks. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/connect/api.h"
#include "producer/doctor.h"
#include "producer/probe.h"

#define SKEW_MAX_MS   60000 /* harmless to us; wrong clocks confuse people who read logs */
#define URL_MAX_BYTES 1024

/* ---- one replica ---- */

struct seen {
    struct api_verdict verdict;
    char hostname[256], version[64];
    char user[128], role[32];
    int64_t date_ms; /* 0: not said */
    int64_t here_ms;
    enum http_failure failure;
};

static void note_date(struct seen *s, const struct http_answer *a)
{
    s->here_ms = clock_wall_ms();
    s->failure = a->failure;
    if (!clock_parse_http_date(a->date, &s->date_ms))
        s->date_ms = 0;
}

static void read_settings(void *arg, const struct http_answer *a)
{
    struct seen *s = arg;

    note_date(s, a);
    s->verdict = api_read_settings(a, s->hostname, s->version);
}

static void read_user(void *arg, const struct http_answer *a)
{
    struct seen *s = arg;

    note_date(s, a);
    s->verdict = api_read_user(a, s->user, s->role);
}

static int ask(struct probe *p, const struct probe_request *request, struct seen *ret,
               void (*read)(void *, const struct http_answer *), struct err *err)
{
    *ret = (struct seen){ .date_ms = 0 };
    if (probe_get(p, request, read, ret, err) != 0)
        return -1;
    if (ret->verdict.what == API_GOOD)
        return 0;
    if (ret->verdict.what == API_KEY_REFUSED)
        return err_set(err, ERR_DENIED, "%s: %s", request->url, ret->verdict.msg);
    return err_set(err, ret->failure == HTTP_OK ? ERR_CONFIG : ERR_UNREACHABLE, "%s: %s",
                   request->url, ret->verdict.msg);
}

static bool replica(struct doctor *d, struct probe *p, const struct replica_address *r,
                    const char *address)
{
    struct seen seen;
    struct buf url;
    struct err err;
    int rc;

    buf_init(&url, URL_MAX_BYTES);
    api_url_settings(&url, r->url);
    rc =
        ask(p, &(struct probe_request){ buf_str(&url), address, true }, &seen, read_settings, &err);
    buf_done(&url);
    if (rc != 0) {
        doctor_fail(d, "replica", &err);
        return false;
    }
    doctor_say(d, VERDICT_OK, "replica", "%s%s%s: Connect %s%s%s", r->name,
               address != NULL ? " at " : "", address != NULL ? address : "",
               seen.version[0] != '\0' ? seen.version : "(version hidden)",
               seen.hostname[0] != '\0' ? ", host " : "", seen.hostname);
    return true;
}

/* A name whose every address is a replica. How many answer. */
static size_t addresses(struct doctor *d, struct probe *p, const struct replica_address *r)
{
    char list[PROBE_ADDRESSES_MAX][PROBE_ADDRESS_BYTES];
    size_t n = 0, good = 0;
    struct err err = { .kind = ERR_NONE };

    if (probe_resolve(p, r->url, list, &n, &err) == 0 && n == 0)
        err_set(&err, ERR_UNREACHABLE, "the name in %s has no address", r->url);
    if (err.kind != ERR_NONE) {
        doctor_fail(d, "replica", &err);
        return 0;
    }
    for (size_t i = 0; i < n; i++)
        good += replica(d, p, r, list[i]) ? 1 : 0;
    return good;
}

/* ---- key and clocks ---- */

static void clocks(struct doctor *d, const struct seen *seen)
{
    int64_t ahead_ms = seen->date_ms - seen->here_ms; /* its resolution is a second */
    int64_t apart_ms;

    if (!d->database_time || seen->date_ms == 0)
        return;
    apart_ms = ahead_ms - d->database_ahead_ms;
    if (apart_ms < 0)
        apart_ms = -apart_ms;
    doctor_say(d, apart_ms > SKEW_MAX_MS ? VERDICT_WARN : VERDICT_OK, "clocks",
               "Connect and PostgreSQL are %" PRId64 " s apart%s", (apart_ms + 500) / 1000,
               apart_ms > SKEW_MAX_MS ? "; nothing depends on it but those who compare logs" : "");
}

static void key(struct doctor *d, struct probe *p, const struct replica_address *r)
{
    struct seen seen;
    struct buf url;
    struct err err;
    int rc;

    if (d->call->config.shared.connect_api_key == NULL) {
        err_set(&err, ERR_CONFIG, "CONNECT_API_KEY is not set");
        doctor_fail(d, "key", &err);
        return;
    }
    buf_init(&url, URL_MAX_BYTES);
    api_url_user(&url, r->url);
    rc = ask(p, &(struct probe_request){ buf_str(&url), NULL, true }, &seen, read_user, &err);
    buf_done(&url);
    if (rc != 0) {
        doctor_fail(d, "key", &err);
        return;
    }
    if (strcmp(seen.role, "administrator") == 0)
        doctor_say(d, VERDICT_OK, "key", "of %s, an administrator", seen.user);
    else
        doctor_say(d, VERDICT_WARN, "key",
                   "of %s, a %s: what this user may not see can be built, and not be validated",
                   seen.user, seen.role[0] != '\0' ? seen.role : "user without a role");
    clocks(d, &seen);
}

/* The key is asked about at the first replica that answers. */
static void look(struct doctor *d, struct probe *p, const struct replica_address *list, size_t n,
                 bool dns)
{
    size_t asked = n;

    for (size_t i = 0; i < n; i++) {
        bool good = dns ? addresses(d, p, &list[i]) > 0 : replica(d, p, &list[i], NULL);

        if (good && asked == n)
            asked = i;
    }
    if (asked < n)
        key(d, p, &list[asked]);
}

void doctor_connect(struct doctor *d)
{
    struct replica_address *list = NULL;
    struct probe *p = NULL;
    size_t n = 0;
    bool dns = false;
    struct err err;

    if (shared_replicas(&d->call->config.shared, &list, &n, &dns, &err) != 0 ||
        (p = probe_new(&d->call->session, &err)) == NULL)
        doctor_fail(d, "replica", &err);
    else
        look(d, p, list, n, dns);
    probe_free(p);
    free(list);
}
