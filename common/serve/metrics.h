/* Metrics: families made once, series found by label values, text in Prometheus 0.0.4 or
 * OpenMetrics 1.0.0. Single threaded. Series live as long as the registry; each family has a
 * ceiling. */
#ifndef COMMON_SERVE_METRICS_H
#define COMMON_SERVE_METRICS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/buf.h"

#define METRICS_LABELS_MAX      5
#define METRICS_SERIES_MAX      2000 /* per family; beyond it a series named "other" takes the rest */
#define METRICS_TEXT_MAX_BYTES  (8 * 1024 * 1024)
#define METRICS_VALUE_MAX_BYTES 200 /* a label value; cut, and made clean UTF-8 */

struct metrics;
struct metric_family;
struct metric; /* one series */

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

struct metric_spec {
    const char *name; /* counters end in _total */
    enum metric_type type;
    const char *help;
    const char *labels[METRICS_LABELS_MAX]; /* NULL terminated if fewer */
    const double *buckets;                  /* histograms: ascending, without +Inf */
    size_t buckets_n;
};

struct metrics *metrics_new(void);
void metrics_free(struct metrics *m);
/* Borrows spec. NULL: no memory. A family without labels has its one series at 0 from the start;
 * values may be NULL for it. */
struct metric_family *metrics_family(struct metrics *m, const struct metric_spec *spec);
/* Finds or makes the series at 0. values: one per label. Never NULL once a family exists (memory
 * exhaustion gives the family's "other" series). Keep the pointer: it stays valid. */
struct metric *metrics_series(struct metric_family *f, const char *const *values);
void metric_add(struct metric *s, double delta); /* counters and gauges; a counter never falls */
void metric_set(struct metric *s, double value); /* gauges; a counter, when value is higher */
void metric_observe(struct metric *s, double value); /* histograms */
double metric_value(const struct metric *s);         /* of a histogram: how many observations */
/* Removes no family; sets every series of a gauge family to 0 (before a refresh of bounded labels).
 */
void metrics_family_zero(struct metric_family *f);
/* Also writes process_* of this process. */
void metrics_render(struct metrics *m, bool openmetrics, struct buf *out);

#endif
