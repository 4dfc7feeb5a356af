#include "common/base/log.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log_rate.h"
#include "common/base/str.h"

#define LINE_MAX_BYTES  16384 /* one line; fields that do not fit are left out, cut=true says so */
#define VALUE_MAX_BYTES 4096  /* one escaped value; a longer one is cut */
#define TAIL_BYTES      32    /* kept free for the cut mark, the brace and the newline */

struct line {
    bool json;
    bool cut;
    size_t len;
    char data[LINE_MAX_BYTES];
};

static struct {
    const char *component, *instance;
    bool json;
    atomic_int level;
} settings = { .level = LOG_INFO };
static struct log_rate rate;
static pthread_mutex_t rate_lock = PTHREAD_MUTEX_INITIALIZER;
static const char *const level_names[] = { "debug", "info", "warn", "error" };

void log_init(const char *component, const char *instance, enum log_format format,
              enum log_level level)
{
    settings.component = component;
    settings.instance = instance;
    settings.json =
        format == LOG_FORMAT_JSON || (format == LOG_FORMAT_AUTO && isatty(STDERR_FILENO) == 0);
    log_set_level(level);
}

void log_set_level(enum log_level level)
{
    atomic_store(&settings.level, (int)level);
}

enum log_level log_level_now(void)
{
    return (enum log_level)atomic_load(&settings.level);
}

const char *log_level_name(enum log_level level)
{
    return level_names[level];
}

bool log_level_parse(const char *name, enum log_level *ret)
{
    for (int i = LOG_DEBUG; i <= LOG_ERROR; i++) {
        if (strcmp(name, level_names[i]) == 0) {
            *ret = (enum log_level)i;
            return true;
        }
    }
    return false;
}

/* All or nothing, so that a line is well-formed whatever it leaves out. */
static bool put(struct line *l, const char *data, size_t len)
{
    if (len > sizeof(l->data) - TAIL_BYTES - l->len)
        return false;
    memcpy(l->data + l->len, data, len);
    l->len += len;
    return true;
}

static bool put_text(struct line *l, const char *text)
{
    return put(l, text, strlen(text));
}

/* The escaped form of one character, in out or in place; control characters (C1 too, they steer
 * terminals) never leave as they are. */
static const char *escape(const char *s, size_t *len, uint32_t code, char out[8])
{
    static const char pairs[][3] = { "\"\"", "\\\\", "\nn", "\rr", "\tt" };

    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        if (code == (unsigned char)pairs[i][0]) {
            out[0] = '\\';
            out[1] = pairs[i][1];
            *len = 2;
            return out;
        }
    }
    if (code >= 0x20 && (code < 0x7f || code > 0x9f))
        return s;
    *len = (size_t)snprintf(out, 8, "\\u%04x", code & 0xffff);
    return out;
}

static bool put_quoted(struct line *l, const char *s)
{
    size_t left = strlen(s), start = l->len, n;
    bool ok = put(l, "\"", 1);

    for (; ok && left > 0; s += n, left -= n) {
        uint32_t code = 0xfffd;
        char out[8];
        const char *piece = s;
        size_t piece_len = n = str_utf8_next(s, left, &code);

        if (n == 0) {
            n = 1;
            piece = "\xef\xbf\xbd";
            piece_len = 3;
        } else {
            piece = escape(s, &piece_len, code, out);
        }
        if (l->len - start > VALUE_MAX_BYTES) {
            l->cut = true;
            break;
        }
        ok = put(l, piece, piece_len);
    }
    return ok && put(l, "\"", 1);
}

/* logfmt needs no quotes around plain words. */
static bool is_bare(const char *s)
{
    size_t n = 0;

    for (; s[n] > 0x20 && s[n] < 0x7f; n++)
        if (s[n] == '"' || s[n] == '=' || s[n] == '\\')
            return false;
    return s[n] == '\0' && n > 0 && n <= VALUE_MAX_BYTES;
}

static bool put_key(struct line *l, const char *key)
{
    if (!l->json)
        return (l->len == 0 || put(l, " ", 1)) && put_text(l, key) && put(l, "=", 1);
    return put(l, l->len == 0 ? "{\"" : ",\"", 2) && put_text(l, key) && put(l, "\":", 2);
}

static bool put_value(struct line *l, const struct log_field *f)
{
    char number[40];

    if (f->type == LOG_FIELD_STR)
        return !l->json && is_bare(f->s) ? put_text(l, f->s) : put_quoted(l, f->s);
    if (f->type == LOG_FIELD_INT)
        snprintf(number, sizeof(number), "%lld", (long long)f->i);
    else if (isfinite(f->d))
        snprintf(number, sizeof(number), "%.15g", f->d);
    else
        return put_text(l, "null");
    return put_text(l, number);
}

static void put_field(struct line *l, struct log_field f)
{
    size_t before = l->len;

    if (f.type == LOG_FIELD_STR && f.s == NULL)
        return;
    if (put_key(l, f.key) && put_value(l, &f))
        return;
    l->len = before;
    l->cut = true;
}

static void finish(struct line *l)
{
    const char *end = l->json ? "}\n" : "\n";

    if (l->cut) {
        const char *mark = l->json ? ",\"cut\":true" : " cut=true";

        memcpy(l->data + l->len, mark, strlen(mark));
        l->len += strlen(mark);
    }
    memcpy(l->data + l->len, end, strlen(end));
    l->len += strlen(end);
}

/* One write(2) for the line; what a full pipe leaves over follows. Nobody can be told of a failure.
 */
static void emit(const struct line *l)
{
    size_t done = 0;

    while (done < l->len) {
        ssize_t n = write(STDERR_FILENO, l->data + done, l->len - done);

        if (n < 0 && errno != EINTR)
            return;
        done += n > 0 ? (size_t)n : 0;
    }
}

static bool may_pass(enum log_level level, const char *event, int64_t *ret_suppressed)
{
    bool pass;

    if (level < LOG_WARN)
        return true;
    pthread_mutex_lock(&rate_lock);
    pass = log_rate_pass(&rate, (int)level, event, clock_boot_ms(), ret_suppressed);
    pthread_mutex_unlock(&rate_lock);
    return pass;
}

void log_event(enum log_level level, const char *event, const struct log_field *fields,
               const char *fmt, ...)
{
    struct line l; /* data stays unwritten: 16 KiB */
    char ts[CLOCK_RFC3339_BYTES], msg[VALUE_MAX_BYTES];
    int64_t suppressed = 0;
    int saved_errno = errno;
    va_list ap;

    if (level < log_level_now() || !may_pass(level, event, &suppressed))
        return;
    l.json = settings.json;
    l.cut = false;
    l.len = 0;
    va_start(ap, fmt);
    if (vsnprintf(msg, sizeof(msg), fmt, ap) < 0)
        msg[0] = '\0';
    va_end(ap);
    put_field(&l, LOG_S("ts", clock_format_rfc3339(clock_wall_ms(), ts)));
    put_field(&l, LOG_S("level", level_names[level]));
    put_field(&l, LOG_S("event", event));
    put_field(&l, LOG_S("msg", msg));
    put_field(&l, LOG_S("component", settings.component));
    for (const struct log_field *f = fields; f != NULL && f->type != LOG_FIELD_END; f++)
        put_field(&l, *f);
    if (suppressed > 0)
        put_field(&l, LOG_I("suppressed", suppressed));
    put_field(&l, LOG_S("worker", settings.instance));
    finish(&l);
    emit(&l);
    errno = saved_errno;
}
