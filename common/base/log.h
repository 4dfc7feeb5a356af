/* One event is one line on stderr: logfmt on a terminal, JSON otherwise (conventions.md section 4).
 * Only the wiring logs. Values are escaped here; secrets and query strings never get here.
 * Thread safe: a line is one write(2). */
#ifndef COMMON_BASE_LOG_H
#define COMMON_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_FORMAT_AUTO, LOG_FORMAT_LOGFMT, LOG_FORMAT_JSON };

/* A field whose string value is NULL is left out. */
struct log_field {
    const char *key;
    enum { LOG_FIELD_END, LOG_FIELD_STR, LOG_FIELD_INT, LOG_FIELD_NUM } type;
    const char *s;
    int64_t i;
    double d;
};
#define LOG_S(k, v)     ((struct log_field){ .key = (k), .type = LOG_FIELD_STR, .s = (v) })
#define LOG_I(k, v)     ((struct log_field){ .key = (k), .type = LOG_FIELD_INT, .i = (int64_t)(v) })
#define LOG_D(k, v)     ((struct log_field){ .key = (k), .type = LOG_FIELD_NUM, .d = (v) })
#define LOG_FIELDS(...) ((const struct log_field[]){ __VA_ARGS__, { .type = LOG_FIELD_END } })

/* component ("worker", "producer") and instance (worker id; NULL: none) are borrowed for ever and
 * stand in every line. AUTO looks at whether stderr is a terminal. */
void log_init(const char *component, const char *instance, enum log_format format,
              enum log_level level);
void log_set_level(enum log_level level); /* live, from PUT /loglevel */
enum log_level log_level_now(void);
const char *log_level_name(enum log_level level);
bool log_level_parse(const char *name, enum log_level *ret); /* debug info warn error */

/* event is a dotted name from the code ("build.attempt_failed"); fields may be NULL; the message is
 * one sentence. Equal (level, event) lines are limited to LOG_RATE_MAX in LOG_RATE_PERIOD_MS for
 * warn and error; the next one that passes carries suppressed=N. */
void log_event(enum log_level level, const char *event, const struct log_field *fields,
               const char *fmt, ...) __attribute__((format(printf, 4, 5)));

#define log_debug(event, fields, ...) log_event(LOG_DEBUG, event, fields, __VA_ARGS__)
#define log_info(event, fields, ...)  log_event(LOG_INFO, event, fields, __VA_ARGS__)
#define log_warn(event, fields, ...)  log_event(LOG_WARN, event, fields, __VA_ARGS__)
#define log_error(event, fields, ...) log_event(LOG_ERROR, event, fields, __VA_ARGS__)

#endif
