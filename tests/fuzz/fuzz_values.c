/* One value of an option, whatever its type: refused, or within what its type says. */
#include <math.h>

#include "common/base/log.h"
#include "common/config/options.h"
#include "producer/options.h"
#include "tests/support/fuzz.h"

#define NOW_MS      INT64_C(1768200000000) /* 2026 */
#define DAY_MINUTES (24 * 60)

static void read_durations(const char *text)
{
    int64_t ms = -1;

    if (option_parse_duration(text, 0, &ms))
        must(ms >= 0);
    if (option_parse_duration(text, 1000, &ms))
        must(ms >= 0);
    for (int relative = -1; relative <= 1; relative++)
        option_parse_time(text, relative, NOW_MS, &ms);
}

static void read_rates(const char *text)
{
    double number = -1, percent = -1;
    int64_t items = -1;

    if (option_parse_rate(text, &number))
        must(isfinite(number) && number >= 0);
    if (campaign_max_failures(text, &items, &percent))
        must(items >= 0 && percent >= 0 && percent <= 100 && (items > 0) != (percent > 0));
}

static void read_window(const char *text)
{
    int from = -1, to = -1;
    const char *zone = NULL;

    if (!campaign_window(text, &from, &to, &zone))
        return;
    must(from >= 0 && from < DAY_MINUTES && to >= 0 && to <= DAY_MINUTES && from != to);
    must(zone[0] == '\0' || (zone > text && zone[-1] == '@'));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    enum log_level level;

    read_durations(text);
    read_rates(text);
    read_window(text);
    if (log_level_parse(text, &level))
        must(level >= LOG_DEBUG && level <= LOG_ERROR);
    free(text);
    return 0;
}
