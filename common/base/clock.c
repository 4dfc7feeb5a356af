#include "common/base/clock.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define DAY_MS      INT64_C(86400000)
#define WALL_MIN_MS INT64_C(-62135596800000) /* 0001-01-01T00:00:00Z: four digits from here ... */
#define WALL_MAX_MS INT64_C(253402300799999) /* ... to 9999-12-31T23:59:59.999Z */

struct civil {
    int year, month, day, hour, minute, second;
};

static int64_t now_us(clockid_t which)
{
    struct timespec ts = { 0 };

    clock_gettime(which, &ts); /* cannot fail with a valid clock and address */
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t clock_boot_ms(void)
{
    return now_us(CLOCK_BOOTTIME) / 1000;
}

int64_t clock_boot_us(void)
{
    return now_us(CLOCK_BOOTTIME);
}

int64_t clock_wall_ms(void)
{
    return now_us(CLOCK_REALTIME) / 1000;
}

/* Days since 1970-01-01 of a proleptic Gregorian date; the year is counted from March, so that the
 * leap day is its last. */
static int64_t days_of(int year, int month, int day)
{
    int y = month <= 2 ? year - 1 : year;
    int era = y / 400; /* year >= 1, so y >= 0 */
    int yoe = y - era * 400;
    int doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;

    return (int64_t)era * 146097 + doe - 719468;
}

static struct civil civil_of(int64_t wall_ms)
{
    int64_t days = wall_ms / DAY_MS, rest = wall_ms % DAY_MS;
    int z, era, doe, yoe, doy, mp, secs;

    if (rest < 0) {
        rest += DAY_MS;
        days--;
    }
    z = (int)days + 719468; /* >= 306 within WALL_MIN_MS..WALL_MAX_MS */
    era = z / 146097;
    doe = z - era * 146097;
    yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    mp = (5 * doy + 2) / 153;
    secs = (int)(rest / 1000);
    return (struct civil){
        .year = yoe + era * 400 + (mp >= 10 ? 1 : 0),
        .month = mp < 10 ? mp + 3 : mp - 9,
        .day = doy - (153 * mp + 2) / 5 + 1,
        .hour = secs / 3600,
        .minute = secs / 60 % 60,
        .second = secs % 60,
    };
}

const char *clock_format_rfc3339(int64_t wall_ms, char out[CLOCK_RFC3339_BYTES])
{
    struct civil c;
    int64_t ms;

    wall_ms = wall_ms < WALL_MIN_MS ? WALL_MIN_MS : wall_ms > WALL_MAX_MS ? WALL_MAX_MS : wall_ms;
    c = civil_of(wall_ms);
    ms = (wall_ms % 1000 + 1000) % 1000;
    snprintf(out, CLOCK_RFC3339_BYTES, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ",
             (unsigned)c.year % 10000, (unsigned)c.month % 100, (unsigned)c.day % 100,
             (unsigned)c.hour % 100, (unsigned)c.minute % 100, (unsigned)c.second % 100,
             (unsigned)ms % 1000);
    return out;
}

/* Exactly n digits at *p, which is moved behind them. */
static bool take_digits(const char **p, int n, int *ret)
{
    int v = 0;

    for (int i = 0; i < n; i++) {
        if (!isdigit((unsigned char)**p))
            return false;
        v = v * 10 + (*(*p)++ - '0');
    }
    *ret = v;
    return true;
}

static bool take_char(const char **p, const char *any_of)
{
    if (**p == '\0' || strchr(any_of, **p) == NULL)
        return false;
    (*p)++;
    return true;
}

static bool civil_valid(const struct civil *c)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = (c->year % 4 == 0 && c->year % 100 != 0) || c->year % 400 == 0;

    if (c->year < 1 || c->month < 1 || c->month > 12 || c->day < 1)
        return false;
    if (c->day > days[c->month - 1] + (leap && c->month == 2 ? 1 : 0))
        return false;
    return c->hour <= 23 && c->minute <= 59 && c->second <= 60; /* 60: a leap second */
}

static int64_t civil_ms(const struct civil *c)
{
    return days_of(c->year, c->month, c->day) * DAY_MS +
           (c->hour * 3600 + c->minute * 60 + c->second) * INT64_C(1000);
}

static bool take_time(const char **p, struct civil *c)
{
    return take_digits(p, 2, &c->hour) && take_char(p, ":") && take_digits(p, 2, &c->minute) &&
           take_char(p, ":") && take_digits(p, 2, &c->second);
}

/* ".402" as milliseconds, further digits cut; nothing there is 0. */
static bool take_fraction(const char **p, int *ret_ms)
{
    int ms = 0, n = 0;

    *ret_ms = 0;
    if (!take_char(p, "."))
        return true;
    for (; isdigit((unsigned char)**p); (*p)++, n++)
        if (n < 3)
            ms = ms * 10 + (**p - '0');
    for (int i = n; i < 3; i++)
        ms *= 10;
    *ret_ms = ms;
    return n > 0;
}

/* Z, +hh:mm or +hh. */
static bool take_zone(const char **p, int *ret_minutes)
{
    int sign = **p == '-' ? -1 : 1, hours, minutes = 0;

    *ret_minutes = 0;
    if (take_char(p, "Zz"))
        return true;
    if (!take_char(p, "+-") || !take_digits(p, 2, &hours))
        return false;
    if (take_char(p, ":") && !take_digits(p, 2, &minutes))
        return false;
    *ret_minutes = sign * (hours * 60 + minutes);
    return hours <= 23 && minutes <= 59;
}

bool clock_parse_rfc3339(const char *text, int64_t *ret_wall_ms)
{
    const char *p = text;
    struct civil c;
    int ms, zone;

    if (!take_digits(&p, 4, &c.year) || !take_char(&p, "-") || !take_digits(&p, 2, &c.month) ||
        !take_char(&p, "-") || !take_digits(&p, 2, &c.day) || !take_char(&p, "Tt "))
        return false;
    if (!take_time(&p, &c) || !take_fraction(&p, &ms) || !take_zone(&p, &zone))
        return false;
    if (*p != '\0' || !civil_valid(&c))
        return false;
    *ret_wall_ms = civil_ms(&c) + ms - zone * INT64_C(60000);
    return *ret_wall_ms >= WALL_MIN_MS && *ret_wall_ms <= WALL_MAX_MS;
}

/* One of the three-letter names at *p; its index from 1, or 0. */
static int take_name(const char **p, const char *names)
{
    for (int i = 0; names[3 * i] != '\0'; i++) {
        if (strncmp(*p, names + 3 * i, 3) == 0) {
            *p += 3;
            return i + 1;
        }
    }
    return 0;
}

bool clock_parse_http_date(const char *text, int64_t *ret_wall_ms)
{
    const char *p = text;
    struct civil c;

    if (take_name(&p, "MonTueWedThuFriSatSun") == 0 || !take_char(&p, ",") || !take_char(&p, " ") ||
        !take_digits(&p, 2, &c.day) || !take_char(&p, " "))
        return false;
    c.month = take_name(&p, "JanFebMarAprMayJunJulAugSepOctNovDec");
    if (!take_char(&p, " ") || !take_digits(&p, 4, &c.year) || !take_char(&p, " "))
        return false;
    if (!take_time(&p, &c) || strcmp(p, " GMT") != 0 || !civil_valid(&c))
        return false;
    *ret_wall_ms = civil_ms(&c);
    return true;
}
