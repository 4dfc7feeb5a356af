#include "tests/simulator/clock.h"

#include <stdio.h>
#include <time.h>

static int64_t read_us(clockid_t which)
{
    struct timespec t;

    clock_gettime(which, &t);
    return (int64_t)t.tv_sec * US_PER_SECOND + t.tv_nsec / 1000;
}

int64_t clock_now_us(void)
{
    static int64_t offset_us;

    if (offset_us == 0)
        offset_us = read_us(CLOCK_REALTIME) - read_us(CLOCK_MONOTONIC);
    return read_us(CLOCK_MONOTONIC) + offset_us;
}

static struct tm broken_down(int64_t us)
{
    time_t seconds = (time_t)(us / US_PER_SECOND);
    struct tm parts;

    gmtime_r(&seconds, &parts);
    return parts;
}

void clock_rfc3339(int64_t us, char *to, size_t size)
{
    struct tm parts = broken_down(us);
    int fraction = (int)(us % US_PER_SECOND);
    char second[24];

    strftime(second, sizeof second, "%Y-%m-%dT%H:%M:%S", &parts);
    if (fraction == 0)
        snprintf(to, size, "%sZ", second);
    else
        snprintf(to, size, "%s.%06dZ", second, fraction);
}

void clock_log_stamp(int64_t us, char *to, size_t size)
{
    struct tm parts = broken_down(us);
    char second[24];

    strftime(second, sizeof second, "%Y/%m/%d %H:%M:%S", &parts);
    snprintf(to, size, "%s.%06d000", second, (int)(us % US_PER_SECOND));
}
