#include "common/broker/client.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/str.h"

/* What every client gets; the operator's properties go over them. */
static const struct client_setting common_defaults[] = {
    { "socket.nagle.disable", "true" }, /* worth a factor of 2 to 4 for a transaction */
    { "socket.keepalive.enable", "true" },
    { "reconnect.backoff.max.ms", "2000" }, /* a broker that comes back is met soon */
    { NULL, NULL },
};

static int set(rd_kafka_conf_t *conf, const char *name, const char *value, struct err *err)
{
    char text[ERR_MSG_BYTES];

    if (rd_kafka_conf_set(conf, name, value, text, sizeof(text)) == RD_KAFKA_CONF_OK)
        return 0;
    return err_set(err, ERR_CONFIG, "Kafka property %s: %s", name, text);
}

static int set_table(rd_kafka_conf_t *conf, const struct client_setting *s, struct err *err)
{
    for (; s != NULL && s->name != NULL; s++)
        if (set(conf, s->name, s->value, err) != 0)
            return -1;
    return 0;
}

static bool skipped(const struct client_plan *plan, const char *name)
{
    for (const char *const *s = plan->skip; s != NULL && *s != NULL; s++)
        if (str_equal(*s, name))
            return true;
    return false;
}

static int set_client_id(rd_kafka_conf_t *conf, const char *id, struct err *err)
{
    char cut[CLIENT_ID_MAX_BYTES + 1];

    str_copy(cut, sizeof(cut), id);
    return set(conf, "client.id", cut, err);
}

static int set_operators(rd_kafka_conf_t *conf, const struct kafka_props *props,
                         const struct client_plan *plan, struct err *err)
{
    for (size_t i = 0; i < props->n; i++) {
        const struct kafka_prop *p = &props->items[i];
        int rc;

        if (kafka_props_check(p->name, err) != 0)
            return -1;
        if (skipped(plan, p->name))
            continue;
        rc = str_equal(p->name, "client.id") ? set_client_id(conf, p->value, err)
                                             : set(conf, p->name, p->value, err);
        if (rc != 0)
            return -1;
    }
    return 0;
}

/* A number that the operator may have changed; a property that cannot be read counts as big enough,
 * because rd_kafka_new() judges it as well. */
static int check_at_least(rd_kafka_conf_t *conf, const char *name, int64_t min, struct err *err)
{
    char text[64];
    size_t bytes = sizeof(text);
    int64_t value;

    if (rd_kafka_conf_get(conf, name, text, &bytes) == RD_KAFKA_CONF_OK &&
        str_to_i64(text, INT64_MIN, INT64_MAX, &value) && value < min)
        return err_set(err, ERR_CONFIG, "Kafka property %s must be at least %lld", name,
                       (long long)min);
    return 0;
}

static int fill_conf(rd_kafka_conf_t *conf, const struct kafka_props *props,
                     const struct client_plan *plan, struct err *err)
{
    if (kafka_props_get(props, "bootstrap.servers") == NULL &&
        kafka_props_get(props, "metadata.broker.list") == NULL)
        return err_set(err, ERR_CONFIG,
                       "no Kafka broker is named: set kafka-bootstrap-servers, as host:port,...");
    if (set_table(conf, common_defaults, err) != 0 || set_table(conf, plan->defaults, err) != 0 ||
        set_client_id(conf, plan->client_id, err) != 0 ||
        set_operators(conf, props, plan, err) != 0 || set_table(conf, plan->fixed, err) != 0)
        return -1;
    return plan->consumer ? 0
                          : check_at_least(conf, "message.max.bytes", OWN_MESSAGE_MAX_BYTES, err);
}

/* OAUTHBEARER tokens are refreshed by the library's own thread: not every client is polled. */
static bool wants_oauth(rd_kafka_conf_t *conf)
{
    char text[64];
    size_t bytes = sizeof(text);

    return rd_kafka_conf_get(conf, "sasl.mechanisms", text, &bytes) == RD_KAFKA_CONF_OK &&
           strcasecmp(text, "OAUTHBEARER") == 0;
}

static void on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    if (rk != NULL)
        client_log(rd_kafka_opaque(rk), level, facility, text);
}

static int enable_oauth(rd_kafka_t *rk, struct err *err)
{
    rd_kafka_error_t *error = rd_kafka_sasl_background_callbacks_enable(rk);

    if (error == NULL)
        return 0;
    client_err(err, rd_kafka_error_code(error), "OAUTHBEARER", rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
    return -1;
}

/* conf is used up, whatever happens. */
static int open_handle(struct client *c, rd_kafka_conf_t *conf, const struct client_plan *plan,
                       struct err *err)
{
    char text[ERR_MSG_BYTES];
    bool oauth = wants_oauth(conf);

    rd_kafka_conf_set_opaque(conf, c);
    rd_kafka_conf_set_log_cb(conf, on_log);
    rd_kafka_conf_set_events(conf, plan->events);
    if (plan->delivered != NULL)
        rd_kafka_conf_set_dr_msg_cb(conf, plan->delivered);
    if (oauth)
        rd_kafka_conf_enable_sasl_queue(conf, 1);
    c->rk = rd_kafka_new(plan->consumer ? RD_KAFKA_CONSUMER : RD_KAFKA_PRODUCER, conf, text,
                         sizeof(text));
    if (c->rk == NULL) {
        rd_kafka_conf_destroy(conf);
        return err_set(err, ERR_CONFIG, "Kafka client: %s", text);
    }
    return oauth ? enable_oauth(c->rk, err) : 0;
}

struct client *client_new(const struct kafka_props *props, const struct client_plan *plan,
                          struct err *err)
{
    struct client *c = calloc(1, sizeof(*c));
    rd_kafka_conf_t *conf;

    if (c == NULL) {
        err_set(err, ERR_INTERNAL, "out of memory");
        return NULL;
    }
    atomic_init(&c->refs, 1);
    c->consumer = plan->consumer;
    c->log = props->log;
    c->log_arg = props->log_arg;
    c->owner = plan->owner;
    conf = rd_kafka_conf_new();
    if (fill_conf(conf, props, plan, err) != 0 ||
        (plan->log_queue && set(conf, "log.queue", "true", err) != 0)) {
        rd_kafka_conf_destroy(conf);
        free(c);
        return NULL;
    }
    if (open_handle(c, conf, plan, err) != 0) {
        client_unref(c);
        return NULL;
    }
    return c;
}

void client_ref(struct client *c)
{
    atomic_fetch_add(&c->refs, 1);
}

void client_unref(struct client *c)
{
    if (c == NULL || atomic_fetch_sub(&c->refs, 1) > 1)
        return;
    /* Without the flag a consumer would wait for an answer to a rebalance event that nobody polls.
     */
    if (c->rk != NULL)
        rd_kafka_destroy_flags(c->rk, c->consumer ? RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE : 0);
    free(c);
}

void client_log(const struct client *c, int level, const char *facility, const char *text)
{
    bool shared_file = str_equal(facility, "CONFWARN") &&
                       strstr(text, "property and will be ignored by this") != NULL;

    if (c->log != NULL && !shared_file)
        c->log(c->log_arg, level, facility, text);
}

int client_fatal(const struct client *c, struct err *err)
{
    char text[ERR_MSG_BYTES];
    rd_kafka_resp_err_t code = rd_kafka_fatal_error(c->rk, text, sizeof(text));

    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        return 0;
    client_err(err, code, "fatal Kafka error", text);
    if (err != NULL)
        err->retriable = false;
    return 1;
}
