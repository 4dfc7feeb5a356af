/* What both programs need to know: database, Kafka, Connect, logging. */
#ifndef COMMON_CONFIG_SHARED_H
#define COMMON_CONFIG_SHARED_H

#include "common/config/options.h"

struct shared_config {
    char *config_file;  /* --config */
    char *database_url; /* secret; REBUILD_DATABASE_URL; NULL: libpq's environment */
    char *schema;       /* "rebuild" */
    char *kafka_bootstrap_servers;
    char *kafka_config;                  /* -F: librdkafka properties file */
    struct option_list kafka_properties; /* -X prop=value */
    char *kafka_security_protocol, *kafka_sasl_mechanism, *kafka_sasl_username;
    char *kafka_sasl_password; /* secret */
    char *kafka_ssl_ca_location, *kafka_ssl_certificate_location, *kafka_ssl_key_location;
    char *kafka_group_id;  /* "rebuild-workers" */
    char *topic_prefix;    /* "rebuild." */
    char *connect_server;  /* CONNECT_SERVER, no trailing slash kept; NULL */
    char *connect_api_key; /* secret; CONNECT_API_KEY */
    char *connect_ca_certificate;
    bool connect_insecure;
    int64_t connect_request_timeout_ms; /* CONNECT_REQUEST_TIMEOUT, 300 s */
    char *replicas;                     /* REBUILD_REPLICAS */
    int64_t replica_max_inflight;       /* 3 */
    double replica_start_rate;          /* 0: unlimited */
    int log_format;                     /* enum log_format */
    int log_level;                      /* enum log_level */
};

/* The rows, for a table with base = struct shared_config. */
extern const struct option_row shared_rows[];
extern const size_t shared_rows_n;

/* What a row cannot do: connect_server loses its trailing slash. Call it after options_load. */
int shared_finish(struct shared_config *c, struct err *err);

/* The one form of a base url: http or https, host in lower case, no default port, no trailing
 * slash, nothing behind the path. NULL: out holds it; else what the text must be. */
const char *shared_url(const char *text, char *out, size_t out_bytes);

/* The pieces of a url that shared_url accepts. False: it does not. */
struct url_parts {
    bool tls;
    char host[256]; /* IPv6 in brackets */
    int port;
    char path[512]; /* without a trailing slash; may be empty */
};
bool shared_url_split(const char *text, struct url_parts *ret);

struct kafka_props;
/* librdkafka properties from the options, the properties file and -X, in this order (later
 * wins). ERR_CONFIG when none of them names a broker. group.id is not among them: consumer_new
 * wants it apart, and producers would complain of it. */
struct kafka_props *shared_kafka_props(const struct shared_config *c, struct err *err);

/* REBUILD_REPLICAS as a list: "name=url,name=url" or plain urls (named by host and port), or the
 * one of CONNECT_SERVER when empty. Urls without trailing slash, http or https, checked.
 * dns+http:// is told by *ret_dns (its one url in list[0], without the dns+ prefix). */
#define REPLICA_NAME_BYTES 64
#define REPLICA_URL_BYTES  512
struct replica_address {
    bool named; /* else the name is host and port */
    char name[REPLICA_NAME_BYTES];
    char url[REPLICA_URL_BYTES];
};
int shared_replicas(const struct shared_config *c, struct replica_address **ret, size_t *ret_n,
                    bool *ret_dns, struct err *err);

/* Topic names from the prefix. */
struct topic_names {
    char requests[256], requests_high[256], results[256], dlq[256];
};
int shared_topics(const struct shared_config *c, struct topic_names *ret, struct err *err);

#endif
