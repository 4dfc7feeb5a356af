#include "common/serve/metrics.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "common/base/str.h"
#include "common/serve/process.h"

#define NUMBER_BYTES 32
#define KEY_BYTES    (METRICS_LABELS_MAX * (METRICS_VALUE_MAX_BYTES + 1))

struct metric {
    UT_hash_handle hh;
    struct metric_family *family;
    char *key;    /* its label values, each with its NUL */
    double value; /* of a histogram: the sum */
    uint64_t observed_n;
    uint64_t bucket[]; /* buckets_n of them, not cumulated */
};

struct metric_family {
    struct metric_family *next; /* in the order they were made */
    const struct metric_spec *spec;
    size_t labels_n;
    struct metric *series; /* without labels: none, `other` is the only one */
    struct metric *other;  /* made with the family, shown only when it is used */
    size_t other_key_len;
    bool other_used;
};

struct metrics {
    struct metric_family *first, **last;
    double start_seconds;
};

/* ---- series ---- */

static size_t buckets_n(const struct metric_spec *spec)
{
    return spec->type == METRIC_HISTOGRAM ? spec->buckets_n : 0;
}

static struct metric *series_new(struct metric_family *f, const char *key, size_t key_len)
{
    struct metric *s = calloc(1, sizeof(*s) + buckets_n(f->spec) * sizeof(s->bucket[0]));

    if (s == NULL)
        return NULL;
    s->family = f;
    s->key = malloc(key_len + 1);
    if (s->key == NULL) {
        free(s);
        return NULL;
    }
    memcpy(s->key, key, key_len);
    s->key[key_len] = '\0';
    return s;
}

static void series_free(struct metric *s)
{
    if (s == NULL)
        return;
    free(s->key);
    free(s);
}

static size_t key_make(const struct metric_family *f, const char *const *values,
                       char key[KEY_BYTES])
{
    size_t len = 0;

    for (size_t i = 0; i < f->labels_n; i++) {
        const char *value = values[i] == NULL ? "" : values[i];

        len += str_clean_utf8(key + len, METRICS_VALUE_MAX_BYTES, value, strlen(value), NULL) + 1;
    }
    return len;
}

static struct metric *use_other(struct metric_family *f)
{
    f->other_used = true;
    return f->other;
}

struct metric *metrics_series(struct metric_family *f, const char *const *values)
{
    char key[KEY_BYTES];
    size_t len;
    struct metric *s = NULL;

    if (f->labels_n == 0)
        return f->other;
    len = key_make(f, values, key);
    if (len == f->other_key_len && memcmp(key, f->other->key, len) == 0)
        return use_other(f);
    HASH_FIND(hh, f->series, key, len, s);
    if (s != NULL)
        return s;
    s = HASH_COUNT(f->series) < METRICS_SERIES_MAX - 1 ? series_new(f, key, len) : NULL;
    if (s == NULL)
        return use_other(f);
    HASH_ADD_KEYPTR(hh, f->series, s->key, len, s);
    if (s->hh.tbl != NULL)
        return s;
    series_free(s);
    return use_other(f);
}

void metric_add(struct metric *s, double delta)
{
    if (s->family->spec->type == METRIC_GAUGE || delta > 0)
        s->value += delta;
}

void metric_set(struct metric *s, double value)
{
    if (s->family->spec->type == METRIC_GAUGE || value > s->value)
        s->value = value;
}

void metric_observe(struct metric *s, double value)
{
    const struct metric_spec *spec = s->family->spec;

    for (size_t i = 0; i < buckets_n(spec); i++) {
        if (value <= spec->buckets[i]) {
            s->bucket[i]++;
            break;
        }
    }
    s->observed_n++;
    s->value += value;
}

double metric_value(const struct metric *s)
{
    return s->family->spec->type == METRIC_HISTOGRAM ? (double)s->observed_n : s->value;
}

/* ---- families ---- */

static bool other_make(struct metric_family *f)
{
    static const char *const others[METRICS_LABELS_MAX] = { "other", "other", "other", "other",
                                                            "other" };
    char key[KEY_BYTES];

    f->other_key_len = key_make(f, others, key);
    f->other = series_new(f, key, f->other_key_len);
    return f->other != NULL;
}

struct metric_family *metrics_family(struct metrics *m, const struct metric_spec *spec)
{
    struct metric_family *f = calloc(1, sizeof(*f));

    if (f == NULL)
        return NULL;
    f->spec = spec;
    while (f->labels_n < METRICS_LABELS_MAX && spec->labels[f->labels_n] != NULL)
        f->labels_n++;
    f->other_used = f->labels_n == 0;
    if (!other_make(f)) {
        free(f);
        return NULL;
    }
    *m->last = f;
    m->last = &f->next;
    return f;
}

void metrics_family_zero(struct metric_family *f)
{
    if (f->spec->type != METRIC_GAUGE)
        return;
    f->other->value = 0;
    for (struct metric *s = f->series; s != NULL; s = s->hh.next)
        s->value = 0;
}

struct metrics *metrics_new(void)
{
    struct metrics *m = calloc(1, sizeof(*m));

    if (m == NULL)
        return NULL;
    m->last = &m->first;
    m->start_seconds = process_start_seconds();
    return m;
}

static void family_free(struct metric_family *f)
{
    struct metric *s = f->series, *next;

    HASH_CLEAR(hh, f->series); /* the table; its members are still chained */
    for (; s != NULL; s = next) {
        next = s->hh.next;
        series_free(s);
    }
    series_free(f->other);
    free(f);
}

void metrics_free(struct metrics *m)
{
    struct metric_family *f = m == NULL ? NULL : m->first, *next;

    for (; f != NULL; f = next) {
        next = f->next;
        family_free(f);
    }
    free(m);
}

/* ---- text ---- */

/* The shortest decimal that reads back as the same double. */
static const char *number(double v, char out[NUMBER_BYTES])
{
    double back;

    if (isnan(v))
        return "NaN";
    if (isinf(v))
        return v > 0 ? "+Inf" : "-Inf";
    snprintf(out, NUMBER_BYTES, "%.15g", v);
    if (!str_to_double(out, &back) || back != v)
        snprintf(out, NUMBER_BYTES, "%.17g", v);
    return out;
}

/* OpenMetrics wants le="1.0", where the older text says le="1". */
static void add_bound(struct buf *out, double bound, bool openmetrics)
{
    char space[NUMBER_BYTES];
    const char *text = number(bound, space);

    buf_str_add(out, text);
    if (openmetrics && strpbrk(text, ".eI") == NULL)
        buf_str_add(out, ".0");
}

static void add_escaped(struct buf *out, const char *text, bool quotes)
{
    for (; *text != '\0'; text++) {
        if (*text == '\n')
            buf_str_add(out, "\\n");
        else if (*text == '\\' || (*text == '"' && quotes))
            buf_printf(out, "\\%c", *text);
        else
            buf_char_add(out, *text);
    }
}

/* What the samples of a histogram have besides: le of a bucket. NULL: none. */
struct bound {
    double value;
    bool openmetrics;
};

static void add_labels(struct buf *out, const struct metric *s, const struct bound *le)
{
    const struct metric_family *f = s->family;
    const char *value = s->key;

    if (f->labels_n == 0 && le == NULL)
        return;
    buf_char_add(out, '{');
    for (size_t i = 0; i < f->labels_n; i++, value += strlen(value) + 1) {
        buf_printf(out, "%s%s=\"", i == 0 ? "" : ",", f->spec->labels[i]);
        add_escaped(out, value, true);
        buf_char_add(out, '"');
    }
    if (le != NULL) {
        buf_printf(out, "%sle=\"", f->labels_n == 0 ? "" : ",");
        add_bound(out, le->value, le->openmetrics);
        buf_char_add(out, '"');
    }
    buf_char_add(out, '}');
}

static void add_sample(struct buf *out, const struct metric *s, const char *suffix,
                       const struct bound *le, double value)
{
    char text[NUMBER_BYTES];

    buf_printf(out, "%s%s", s->family->spec->name, suffix);
    add_labels(out, s, le);
    buf_printf(out, " %s\n", number(value, text));
}

static void add_histogram(struct buf *out, const struct metric *s, bool openmetrics)
{
    const struct metric_spec *spec = s->family->spec;
    uint64_t below_n = 0;

    for (size_t i = 0; i < spec->buckets_n; i++) {
        below_n += s->bucket[i];
        add_sample(out, s, "_bucket", &(struct bound){ spec->buckets[i], openmetrics },
                   (double)below_n);
    }
    add_sample(out, s, "_bucket", &(struct bound){ (double)INFINITY, openmetrics },
               (double)s->observed_n);
    add_sample(out, s, "_sum", NULL, s->value);
    add_sample(out, s, "_count", NULL, (double)s->observed_n);
}

static void add_series(struct buf *out, const struct metric *s, bool openmetrics)
{
    if (s->family->spec->type == METRIC_HISTOGRAM)
        add_histogram(out, s, openmetrics);
    else
        add_sample(out, s, "", NULL, s->value);
}

/* A family is named without _total in OpenMetrics; its samples have it in both. */
static void add_head(struct buf *out, const struct metric_spec *spec, bool openmetrics)
{
    static const char *const types[] = {
        [METRIC_COUNTER] = "counter", [METRIC_GAUGE] = "gauge", [METRIC_HISTOGRAM] = "histogram"
    };
    size_t len = strlen(spec->name), total = strlen("_total");

    if (openmetrics && spec->type == METRIC_COUNTER && len > total &&
        strcmp(spec->name + len - total, "_total") == 0)
        len -= total;
    buf_printf(out, "# HELP %.*s ", (int)len, spec->name);
    add_escaped(out, spec->help, openmetrics);
    buf_printf(out, "\n# TYPE %.*s %s\n", (int)len, spec->name, types[spec->type]);
}

static void add_process(const struct metrics *m, bool openmetrics, struct buf *out)
{
    struct process_figures p;

    if (!process_read(&p))
        return;
    const struct {
        struct metric_spec spec;
        double value;
    } rows[] = {
        { { .name = "process_cpu_seconds_total",
            .type = METRIC_COUNTER,
            .help = "CPU time used, user and system." },
          p.cpu_seconds },
        { { .name = "process_resident_memory_bytes",
            .type = METRIC_GAUGE,
            .help = "Memory in use." },
          p.resident_bytes },
        { { .name = "process_virtual_memory_bytes",
            .type = METRIC_GAUGE,
            .help = "Address space in use." },
          p.virtual_bytes },
        { { .name = "process_open_fds", .type = METRIC_GAUGE, .help = "File descriptors in use." },
          p.open_fds },
        { { .name = "process_max_fds", .type = METRIC_GAUGE, .help = "File descriptors allowed." },
          p.max_fds },
        { { .name = "process_start_time_seconds",
            .type = METRIC_GAUGE,
            .help = "When the process started, in Unix time." },
          m->start_seconds },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[NUMBER_BYTES];

        add_head(out, &rows[i].spec, openmetrics);
        buf_printf(out, "%s %s\n", rows[i].spec.name, number(rows[i].value, text));
    }
}

void metrics_render(struct metrics *m, bool openmetrics, struct buf *out)
{
    for (const struct metric_family *f = m->first; f != NULL; f = f->next) {
        const struct metric *s;

        add_head(out, f->spec, openmetrics);
        for (s = f->series; s != NULL; s = s->hh.next)
            add_series(out, s, openmetrics);
        if (f->other_used)
            add_series(out, f->other, openmetrics);
    }
    add_process(m, openmetrics, out);
    if (openmetrics)
        buf_str_add(out, "# EOF\n");
}
