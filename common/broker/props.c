#include "common/broker/props.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/str.h"
#include "common/broker/client.h"

/* Properties that are part of how this program works, and why an operator must not change them. */
static const struct client_setting refused[] = {
    { "group.id", "it is the option kafka-group-id" },
    { "group.protocol", "only the classic group protocol is proven" },
    { "session.timeout.ms", "it is the option kafka-session-timeout" },
    { "partition.assignment.strategy", "only the eager range assignor keeps its partitions here" },
    { "enable.auto.commit", "offsets are committed together with the results" },
    { "auto.commit.enable", "offsets are committed together with the results" },
    { "enable.auto.offset.store", "offsets are committed together with the results" },
    { "offset.store.method", "offsets are committed together with the results" },
    { "auto.offset.reset", "start offsets are always explicit" },
    { "isolation.level", "exactly-once needs read_committed" },
    { "enable.partition.eof", "only the readers of whole topics use it" },
    { "enable.idempotence", "nothing may be sent twice or out of order" },
    { "acks", "every message must be on all in-sync replicas" },
    { "request.required.acks", "every message must be on all in-sync replicas" },
    { "partitioner", "all programs must agree where a key goes" },
    { "transactional.id", "it is made of group, worker and process" },
    { "transaction.timeout.ms", "it is derived from the session time-out" },
    { "log.queue", "log lines go into the program's own log" },
    { NULL, NULL },
};

/* Not on the command line, where every user of the machine can read them. */
static const char *const secrets[] = {
    "sasl.password",           "ssl.key.password", "ssl.keystore.password",
    "sasl.oauthbearer.config", "ssl.key.pem",      "sasl.oauthbearer.client.secret",
};

struct kafka_props *kafka_props_new(void)
{
    return calloc(1, sizeof(struct kafka_props));
}

void kafka_props_free(struct kafka_props *p)
{
    if (p == NULL)
        return;
    for (size_t i = 0; i < p->n; i++) {
        free(p->items[i].name);
        free(p->items[i].value);
    }
    free(p->items);
    free(p);
}

static struct kafka_prop *find(const struct kafka_props *p, const char *name)
{
    for (size_t i = 0; i < p->n; i++)
        if (str_equal(p->items[i].name, name))
            return &p->items[i];
    return NULL;
}

int kafka_props_set(struct kafka_props *p, const char *name, const char *value)
{
    struct kafka_prop *there = find(p, name), *items;
    struct kafka_prop prop = { str_dup(name), str_dup(value) };

    if (prop.name == NULL || prop.value == NULL)
        goto no_memory;
    if (there != NULL) { /* the later one also takes the later place: aliases overwrite in order */
        free(there->name);
        free(there->value);
        memmove(there, there + 1, (size_t)(p->items + p->n - (there + 1)) * sizeof(*there));
        p->items[p->n - 1] = prop;
        return 0;
    }
    items = reallocarray(p->items, p->n + 1, sizeof(*items));
    if (items == NULL)
        goto no_memory;
    p->items = items;
    p->items[p->n++] = prop;
    return 0;
no_memory:
    free(prop.name);
    free(prop.value);
    return -1;
}

const char *kafka_props_get(const struct kafka_props *p, const char *name)
{
    const struct kafka_prop *there = find(p, name);

    return there != NULL ? there->value : NULL;
}

void kafka_props_on_log(struct kafka_props *p, kafka_log_fn *fn, void *arg)
{
    p->log = fn;
    p->log_arg = arg;
}

int kafka_props_check(const char *name, struct err *err)
{
    for (const struct client_setting *r = refused; r->name != NULL; r++)
        if (str_equal(r->name, name))
            return err_set(err, ERR_CONFIG, "the Kafka property %s cannot be set: %s", name,
                           r->value);
    return 0;
}

/* Cuts white space off both ends, in place. */
static char *trim(char *text)
{
    char *end = text + strlen(text);

    while (end > text && isspace((unsigned char)end[-1]))
        *--end = '\0';
    while (isspace((unsigned char)*text))
        text++;
    return text;
}

/* line is changed. Messages never show the value, which may be a secret. */
static int set_line(struct kafka_props *p, char *line, struct err *err)
{
    char *equals = strchr(line, '=');
    const char *name, *value;

    if (equals == NULL)
        return err_set(err, ERR_CONFIG, "a Kafka property is written name=value");
    *equals = '\0';
    name = trim(line);
    value = trim(equals + 1);
    if (*name == '\0')
        return err_set(err, ERR_CONFIG, "a Kafka property needs a name before the equals sign");
    if (kafka_props_check(name, err) != 0)
        return -1;
    if (kafka_props_set(p, name, value) != 0)
        return err_set(err, ERR_INTERNAL, "out of memory");
    return 0;
}

static int check_secret(const char *pair, struct err *err)
{
    for (size_t i = 0; i < sizeof(secrets) / sizeof(*secrets); i++) {
        size_t len = strlen(secrets[i]);

        if (strncmp(pair, secrets[i], len) == 0 && pair[len + strspn(pair + len, " ")] == '=')
            return err_set(
                err, ERR_CONFIG,
                "the Kafka property %s could expose a secret in the process list: put it "
                "into a properties file",
                secrets[i]);
    }
    return 0;
}

int kafka_props_set_pair(struct kafka_props *p, const char *pair, struct err *err)
{
    char *line;
    int rc;

    if (check_secret(pair, err) != 0)
        return -1;
    line = str_dup(pair);
    if (line == NULL)
        return err_set(err, ERR_INTERNAL, "out of memory");
    rc = set_line(p, line, err);
    free(line);
    return rc;
}

/* Whole file as a text; NULL and err when it cannot be one. */
static char *read_file(FILE *in, struct err *err)
{
    char *text = malloc(PROPS_FILE_MAX_BYTES + 1);
    size_t len;

    if (text == NULL) {
        err_set(err, ERR_INTERNAL, "out of memory");
        return NULL;
    }
    len = fread(text, 1, PROPS_FILE_MAX_BYTES + 1, in);
    if (ferror(in))
        err_set(err, ERR_CONFIG, "cannot be read: %s", strerror(errno));
    else if (len > PROPS_FILE_MAX_BYTES)
        err_set(err, ERR_CONFIG, "is longer than %d bytes", PROPS_FILE_MAX_BYTES);
    else if (memchr(text, '\0', len) != NULL)
        err_set(err, ERR_CONFIG, "is not a text file");
    else {
        text[len] = '\0';
        return text;
    }
    free(text);
    return NULL;
}

static int set_lines(struct kafka_props *p, char *text, struct err *err)
{
    char *line;

    for (int number = 1; (line = strsep(&text, "\n")) != NULL; number++) {
        line = trim(line);
        if (*line != '\0' && *line != '#' && set_line(p, line, err) != 0)
            return err_prefix(err, "line %d", number);
    }
    return 0;
}

int kafka_props_load(struct kafka_props *p, const char *path, struct err *err)
{
    FILE *in = fopen(path, "re");
    char *text;
    int rc = -1;

    if (in == NULL) {
        err_set(err, ERR_CONFIG, "cannot be read: %s", strerror(errno));
    } else {
        text = read_file(in, err);
        if (text != NULL)
            rc = set_lines(p, text, err);
        free(text);
        fclose(in);
    }
    if (rc != 0)
        err_prefix(err, "Kafka properties file %s", path);
    return rc;
}
