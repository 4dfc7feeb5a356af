#include "common/config/shared.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/str.h"
#include "common/broker/props.h"

#define KAFKA_NAME_MAX_BYTES 249 /* the broker's limit for topic names */
#define DATABASE_NAME_BYTES  63  /* PostgreSQL cuts longer identifiers */
#define WORD_CHARS           "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"

static const char *const log_formats[] = { "auto", "logfmt", "json", NULL };
static const char *const log_levels[] = { "debug", "info", "warn", "error", NULL };

static const char *check_schema(const char *text)
{
    size_t len = strlen(text);
    bool digit = text[0] >= '0' && text[0] <= '9';

    if (len > 0 && len <= DATABASE_NAME_BYTES && !digit && strspn(text, WORD_CHARS) == len)
        return NULL;
    return "a schema name (letters, digits and _, at most 63, not a digit first)";
}

static const char *check_topic_prefix(const char *text)
{
    size_t len = strlen(text);

    if (len <= KAFKA_NAME_MAX_BYTES - sizeof("requests.high.v1") && text[0] != '.' &&
        strspn(text, WORD_CHARS ".-") == len)
        return NULL;
    return "the start of a topic name (letters, digits, '.', '_' and '-')";
}

static const char *check_not_empty(const char *text)
{
    return text[0] != '\0' ? NULL : "a name";
}

static const char *check_server(const char *text)
{
    char url[REPLICA_URL_BYTES];

    return shared_url(text, url, sizeof(url));
}

static const char *check_property(const char *text)
{
    const char *equals = strchr(text, '=');

    return equals != NULL && equals != text ? NULL : "a librdkafka property (name=value)";
}

static bool property_is_secret(const char *text)
{
    static const char *const words[] = { "password", "secret", "ssl.key.pem",
                                         "oauthbearer.config" };
    const char *equals = strchr(text, '=');

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        const char *at = strstr(text, words[i]);

        if (at != NULL && (equals == NULL || at < equals))
            return true;
    }
    return false;
}

#define AT(field) .offset = offsetof(struct shared_config, field)

const struct option_row shared_rows[] = {
    { .name = "config",
      .type = OPT_TEXT,
      AT(config_file),
      .metavar = "FILE",
      .help =
          "configuration file with `name = value` lines; " OPTIONS_DEFAULT_FILE " if it exists" },
    { .name = "database-url",
      .type = OPT_SECRET,
      AT(database_url),
      .help = "PostgreSQL connection string, URI or keyword/value; else libpq's own variables" },
    { .name = "schema",
      .type = OPT_TEXT,
      AT(schema),
      .metavar = "NAME",
      .fallback = "rebuild",
      .check = check_schema,
      .help = "schema of the ledger's tables" },
    { .name = "kafka-bootstrap-servers",
      .type = OPT_TEXT,
      AT(kafka_bootstrap_servers),
      .metavar = "HOST:PORT,...",
      .help = "Kafka brokers to start from" },
    { .name = "kafka-config",
      .letter = 'F',
      .type = OPT_TEXT,
      AT(kafka_config),
      .metavar = "FILE",
      .help = "file of librdkafka properties, as kcat -F reads it" },
    { .name = "kafka-property",
      .letter = 'X',
      .type = OPT_LIST,
      AT(kafka_properties),
      .env = "",
      .metavar = "NAME=VALUE",
      .whole = true,
      .check = check_property,
      .is_secret = property_is_secret,
      .help = "a librdkafka property; may be repeated, and goes before the others" },
    { .name = "kafka-security-protocol",
      .type = OPT_TEXT,
      AT(kafka_security_protocol),
      .metavar = "NAME",
      .help = "plaintext, ssl, sasl_plaintext or sasl_ssl" },
    { .name = "kafka-sasl-mechanism",
      .type = OPT_TEXT,
      AT(kafka_sasl_mechanism),
      .metavar = "NAME",
      .help = "PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER or GSSAPI" },
    { .name = "kafka-sasl-username",
      .type = OPT_TEXT,
      AT(kafka_sasl_username),
      .metavar = "NAME",
      .help = "user for SASL" },
    { .name = "kafka-sasl-password",
      .type = OPT_SECRET,
      AT(kafka_sasl_password),
      .help = "password for SASL" },
    { .name = "kafka-ssl-ca-location",
      .type = OPT_TEXT,
      AT(kafka_ssl_ca_location),
      .metavar = "PATH",
      .help = "file or directory of the authorities that sign the brokers' certificates" },
    { .name = "kafka-ssl-certificate-location",
      .type = OPT_TEXT,
      AT(kafka_ssl_certificate_location),
      .metavar = "PATH",
      .help = "our certificate (PEM)" },
    { .name = "kafka-ssl-key-location",
      .type = OPT_TEXT,
      AT(kafka_ssl_key_location),
      .metavar = "PATH",
      .help = "the key of our certificate (PEM)" },
    { .name = "kafka-group-id",
      .type = OPT_TEXT,
      AT(kafka_group_id),
      .metavar = "NAME",
      .fallback = "rebuild-workers",
      .check = check_not_empty,
      .help = "consumer group of the workers" },
    { .name = "topic-prefix",
      .type = OPT_TEXT,
      AT(topic_prefix),
      .metavar = "TEXT",
      .fallback = "rebuild.",
      .check = check_topic_prefix,
      .help = "what the names of the four topics start with" },
    { .name = "connect-server",
      .type = OPT_TEXT,
      AT(connect_server),
      .env = "CONNECT_SERVER",
      .env_also = "REBUILD_CONNECT_SERVER",
      .metavar = "URL",
      .check = check_server,
      .help = "public address of Posit Connect; the only replica when no list is given" },
    { .name = "connect-api-key",
      .type = OPT_SECRET,
      AT(connect_api_key),
      .env = "CONNECT_API_KEY",
      .env_also = "REBUILD_CONNECT_API_KEY",
      .help = "API key of an administrator" },
    { .name = "connect-ca-certificate",
      .type = OPT_TEXT,
      AT(connect_ca_certificate),
      .env = "CONNECT_CA_CERTIFICATE",
      .env_also = "REBUILD_CONNECT_CA_CERTIFICATE",
      .metavar = "FILE",
      .help = "authorities that sign the replicas' certificates (PEM)" },
    { .name = "connect-insecure",
      .type = OPT_FLAG,
      AT(connect_insecure),
      .env = "CONNECT_INSECURE",
      .env_also = "REBUILD_CONNECT_INSECURE",
      .help = "do not check the replicas' certificates" },
    { .name = "connect-request-timeout",
      .type = OPT_DURATION,
      AT(connect_request_timeout_ms),
      .env = "CONNECT_REQUEST_TIMEOUT",
      .env_also = "REBUILD_CONNECT_REQUEST_TIMEOUT",
      .metavar = "DURATION",
      .fallback = "300s",
      .min = 1000,
      .max = 3600000,
      .unit_ms = 1000,
      .help = "one request to Connect, long polls apart; a bare number is seconds" },
    { .name = "replicas",
      .type = OPT_TEXT,
      AT(replicas),
      .metavar = "NAME=URL,...",
      .help =
          "where builds, polls and validations go: a list; dns+http://host:port/prefix for a name "
          "whose every address is a replica; or one address, alone or of an ingress" },
    { .name = "replica-max-inflight",
      .type = OPT_INT,
      AT(replica_max_inflight),
      .metavar = "N",
      .fallback = "3",
      .min = 1,
      .max = 1000,
      .help = "builds that one replica runs at once, until `limit` says otherwise" },
    { .name = "replica-start-rate",
      .type = OPT_RATE,
      AT(replica_start_rate),
      .metavar = "N/s",
      .fallback = "0",
      .help = "builds that start on one replica per s, m or h; 0 is unlimited" },
    { .name = "log-format",
      .type = OPT_CHOICE,
      AT(log_format),
      .choices = log_formats,
      .fallback = "auto",
      .help = "form of log lines; auto is logfmt on a terminal and JSON elsewhere" },
    { .name = "log-level",
      .type = OPT_CHOICE,
      AT(log_level),
      .choices = log_levels,
      .fallback = "info",
      .help = "the least level that is logged" },
};
const size_t shared_rows_n = sizeof(shared_rows) / sizeof(shared_rows[0]);

int shared_finish(struct shared_config *c, struct err *err)
{
    char url[REPLICA_URL_BYTES];
    const char *want;

    if (c->connect_server == NULL)
        return 0;
    want = shared_url(c->connect_server, url, sizeof(url));
    if (want != NULL)
        return err_set(err, ERR_CONFIG, "connect-server: \"%s\" is not %s", c->connect_server,
                       want);
    free(c->connect_server);
    c->connect_server = str_dup(url);
    return c->connect_server != NULL ? 0 : err_set(err, ERR_INTERNAL, "no memory for an address");
}

static int set_props(const struct shared_config *c, struct kafka_props *p, struct err *err)
{
    const struct {
        const char *name, *value;
    } pairs[] = {
        { "bootstrap.servers", c->kafka_bootstrap_servers },
        { "security.protocol", c->kafka_security_protocol },
        { "sasl.mechanism", c->kafka_sasl_mechanism },
        { "sasl.username", c->kafka_sasl_username },
        { "sasl.password", c->kafka_sasl_password },
        { "ssl.ca.location", c->kafka_ssl_ca_location },
        { "ssl.certificate.location", c->kafka_ssl_certificate_location },
        { "ssl.key.location", c->kafka_ssl_key_location },
    };

    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
        if (pairs[i].value != NULL && kafka_props_set(p, pairs[i].name, pairs[i].value) != 0)
            return err_set(err, ERR_INTERNAL, "no memory for Kafka's properties");
    if (c->kafka_config != NULL && kafka_props_load(p, c->kafka_config, err) != 0)
        return -1;
    for (size_t i = 0; i < c->kafka_properties.n; i++)
        if (kafka_props_set_pair(p, c->kafka_properties.items[i], err) != 0)
            return -1;
    return 0;
}

struct kafka_props *shared_kafka_props(const struct shared_config *c, struct err *err)
{
    struct kafka_props *p = kafka_props_new();

    if (p == NULL) {
        err_set(err, ERR_INTERNAL, "no memory for Kafka's properties");
        return NULL;
    }
    if (set_props(c, p, err) != 0)
        goto fail;
    if (kafka_props_get(p, "bootstrap.servers") == NULL &&
        kafka_props_get(p, "metadata.broker.list") == NULL) {
        err_set(err, ERR_CONFIG, "no Kafka broker is named; set REBUILD_KAFKA_BOOTSTRAP_SERVERS");
        goto fail;
    }
    return p;
fail:
    kafka_props_free(p);
    return NULL;
}

static bool topic(char *out, size_t out_bytes, const char *prefix, const char *name)
{
    int n = snprintf(out, out_bytes, "%s%s", prefix, name);

    return n > 0 && n <= KAFKA_NAME_MAX_BYTES;
}

int shared_topics(const struct shared_config *c, struct topic_names *ret, struct err *err)
{
    const char *prefix = c->topic_prefix == NULL ? "" : c->topic_prefix;
    struct topic_names t = { .requests = "" };

    if (check_topic_prefix(prefix) != NULL ||
        !topic(t.requests, sizeof(t.requests), prefix, "requests.v1") ||
        !topic(t.requests_high, sizeof(t.requests_high), prefix, "requests.high.v1") ||
        !topic(t.results, sizeof(t.results), prefix, "results.v1") ||
        !topic(t.dlq, sizeof(t.dlq), prefix, "dlq.v1"))
        return err_set(err, ERR_CONFIG, "topic-prefix: \"%s\" is not %s", prefix,
                       "the start of a topic name (letters, digits, '.', '_' and '-')");
    *ret = t;
    return 0;
}
