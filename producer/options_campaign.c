/* CAMPAIGN: how, when, and for whom; and what only `enqueue` takes. */
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/base/str.h"
#include "common/base/uuid.h"
#include "producer/options.h"

#define DAY_MIN        (24 * 60)
#define LOGIN_BYTES    4096 /* getpwuid_r's scratch */
#define URL_MAX_BYTES  2048 /* of --on-complete, which may have a query */
#define ZONE_MAX_BYTES 64

static const char *const lanes[] = { "normal", "high", NULL };
static const char *const reprocesses[] = { "all", "missing", "failed", NULL };
static const char *const validates[] = { "auto", "strict", "off", NULL };

static const char *check_text(const char *text)
{
    size_t len = strlen(text);

    return len > 0 && len <= TEXT_FIELD_MAX_BYTES ? NULL : "a text of 1 to 1024 bytes";
}

static const char *check_uuid(const char *text)
{
    struct uuid u;

    return uuid_parse(text, &u) && !uuid_is_nil(&u) ? NULL : "a UUID";
}

/* May carry a query, unlike the address of a replica. */
static const char *check_url(const char *text)
{
    char base[REPLICA_URL_BYTES], normal[REPLICA_URL_BYTES];
    size_t len = strcspn(text, "?");

    if (len >= sizeof(base) || strlen(text) > URL_MAX_BYTES || strpbrk(text, " #\"<>") != NULL)
        return "an http or https URL of at most 2048 bytes";
    memcpy(base, text, len);
    base[len] = '\0';
    return shared_url(base, normal, sizeof(normal));
}

bool campaign_max_failures(const char *text, int64_t *ret_items, double *ret_percent)
{
    size_t len = strlen(text);
    char number[24];
    double percent = 0;
    int64_t items = 0;

    if (len == 0 || len >= sizeof(number))
        return false;
    str_copy(number, sizeof(number), text);
    if (number[len - 1] == '%') {
        number[len - 1] = '\0';
        if (!str_to_double(number, &percent) || percent <= 0 || percent > 100)
            return false;
    } else if (!str_to_i64(number, 1, 1000000000, &items)) {
        return false;
    }
    *ret_items = items;
    *ret_percent = percent;
    return true;
}

static const char *check_max_failures(const char *text)
{
    int64_t items;
    double percent;

    return campaign_max_failures(text, &items, &percent) ? NULL : "a share or a number (5% or 20)";
}

/* "22:00" at the start of text; 24:00 is the day's end. -1: not a time of day. */
static int minute_of_day(const char *text)
{
    int minute;

    for (int i = 0; i < 5; i++)
        if (i == 2 ? text[i] != ':' : text[i] < '0' || text[i] > '9')
            return -1;
    if (text[3] > '5')
        return -1;
    minute = ((text[0] - '0') * 10 + text[1] - '0') * 60 + (text[3] - '0') * 10 + text[4] - '0';
    return minute <= DAY_MIN ? minute : -1;
}

static bool zone_valid(const char *zone)
{
    static const char chars[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-/";
    size_t len = strlen(zone);

    return len > 0 && len <= ZONE_MAX_BYTES && strspn(zone, chars) == len;
}

bool campaign_window(const char *text, int *ret_from_min, int *ret_to_min, const char **ret_zone)
{
    size_t len = strlen(text);
    int from = minute_of_day(text), to;

    if (from < 0 || from == DAY_MIN || len < 11 || text[5] != '-')
        return false;
    to = minute_of_day(text + 6);
    if (to < 0 || to == from || (text[11] != '\0' && text[11] != '@'))
        return false;
    if (text[11] == '@' && !zone_valid(text + 12))
        return false;
    *ret_from_min = from;
    *ret_to_min = to;
    *ret_zone = text[11] == '@' ? text + 12 : "";
    return true;
}

static const char *check_window(const char *text)
{
    int from, to;
    const char *zone;

    return campaign_window(text, &from, &to, &zone)
               ? NULL
               : "a window such as 22:00-06:00 or 22:00-06:00@Europe/Berlin";
}

#define AT(field) .offset = offsetof(struct campaign_config, field)

static const struct option_row rows[] = {
    { .name = "name",
      .type = OPT_TEXT,
      AT(name),
      .metavar = "TEXT",
      .check = check_text,
      .help = "name of the campaign" },
    { .name = "reason",
      .type = OPT_TEXT,
      AT(reason),
      .metavar = "TEXT",
      .check = check_text,
      .help = "why; it stands in the campaign, in each result and in the acts" },
    { .name = "actor",
      .type = OPT_TEXT,
      AT(actor),
      .metavar = "NAME",
      .check = check_text,
      .help = "who does it; else the login name" },
    { .name = "campaign-id",
      .type = OPT_TEXT,
      AT(campaign_id),
      .metavar = "UUID",
      .check = check_uuid,
      .help = "id of the campaign; given again it resumes a half-done enqueue" },
    { .name = "lane",
      .type = OPT_CHOICE,
      AT(lane),
      .choices = lanes,
      .fallback = "normal",
      .help = "high goes before everything that waits in the normal lane" },
    { .name = "reprocess",
      .type = OPT_CHOICE,
      AT(reprocess),
      .choices = reprocesses,
      .fallback = "all",
      .help =
          "missing: what had no success for the same bundle and image; failed: what failed last" },
    { .name = "since",
      .type = OPT_TIME,
      AT(since_ms),
      .relative = -1,
      .metavar = "TIME",
      .help = "with --reprocess: only what happened since then counts" },
    { .name = "not-before",
      .type = OPT_TIME,
      AT(not_before_ms),
      .relative = 1,
      .metavar = "TIME",
      .help = "start nothing before this time" },
    { .name = "deadline",
      .type = OPT_TIME,
      AT(deadline_ms),
      .relative = 1,
      .metavar = "TIME",
      .help = "what has not started by then expires; 2h counts from now" },
    { .name = "max-attempts",
      .type = OPT_INT,
      AT(max_attempts),
      .metavar = "N",
      .fallback = "3",
      .min = 1,
      .max = 20,
      .help = "builds of one item, when the error may pass" },
    { .name = "backoff",
      .type = OPT_SPAN,
      AT(backoff),
      .metavar = "MIN:MAX",
      .fallback = "30s:10m",
      .min = 1000,
      .max = 86400000,
      .unit_ms = 1000,
      .help = "pause between attempts, doubled each time" },
    { .name = "warm-up",
      .type = OPT_INT,
      AT(warm_up),
      .metavar = "N",
      .fallback = "1",
      .max = 1000,
      .help = "builds at once of one runtime and image until the first has succeeded; 0: all" },
    { .name = "max-inflight",
      .type = OPT_INT,
      AT(max_inflight),
      .metavar = "N",
      .min = 1,
      .max = 100000,
      .help = "builds of this campaign at once" },
    { .name = "start-rate",
      .type = OPT_RATE,
      AT(start_rate),
      .metavar = "N/s",
      .help = "builds of this campaign that start per s, m or h" },
    { .name = "max-failures",
      .type = OPT_TEXT,
      AT(max_failures),
      .metavar = "N|N%",
      .check = check_max_failures,
      .help = "when so many items have failed, the campaign pauses" },
    { .name = "validate",
      .type = OPT_CHOICE,
      AT(validate),
      .choices = validates,
      .fallback = "auto",
      .help = "check after the build that the content opens; strict: only 2xx is good" },
    { .name = "on-complete",
      .type = OPT_TEXT,
      AT(on_complete),
      .metavar = "URL",
      .check = check_url,
      .help = "POST there when the campaign has ended" },
    { .name = "window",
      .type = OPT_TEXT,
      AT(window),
      .metavar = "FROM-TO[@ZONE]",
      .check = check_window,
      .help = "hours in which builds may start, such as 22:00-06:00; outside the campaign pauses" },
};

void campaign_options_add(struct options *o, struct campaign_config *c)
{
    producer_table_add(o, &(struct option_table){ .title = "Campaign",
                                                  .rows = rows,
                                                  .n = sizeof(rows) / sizeof(rows[0]),
                                                  .base = c,
                                                  .command_line_only = true });
}

#define ENQUEUE_AT(field) .offset = offsetof(struct enqueue_config, field)

static const struct option_row enqueue_rows[] = {
    { .name = "dry-run",
      .type = OPT_FLAG,
      ENQUEUE_AT(dry_run),
      .help = "say what would be done; change nothing" },
    { .name = "wait",
      .type = OPT_DURATION,
      ENQUEUE_AT(wait_ms),
      .metavar = "DURATION",
      .bare = "365d",
      .min = 1000,
      .max = ENQUEUE_WAIT_MAX_MS,
      .help = "wait until the campaign has ended, or for this long" },
    { .name = "fail-empty",
      .type = OPT_FLAG,
      ENQUEUE_AT(fail_empty),
      .help = "exit 4 when nothing is selected" },
};

void enqueue_options_add(struct options *o, struct enqueue_config *e)
{
    producer_table_add(o,
                       &(struct option_table){ .title = "Enqueue",
                                               .rows = enqueue_rows,
                                               .n = sizeof(enqueue_rows) / sizeof(enqueue_rows[0]),
                                               .base = e,
                                               .command_line_only = true });
}

/* Login names come from a directory, so they are cleaned like any other answer. */
static char *login_name(void)
{
    struct passwd entry, *found = NULL;
    char scratch[LOGIN_BYTES], name[TEXT_FIELD_MAX_BYTES + 1];

    if (getpwuid_r(getuid(), &entry, scratch, sizeof(scratch), &found) == 0 && found != NULL &&
        found->pw_name[0] != '\0')
        str_clean_utf8(name, sizeof(name) - 1, found->pw_name, strlen(found->pw_name), NULL);
    else
        snprintf(name, sizeof(name), "uid %u", (unsigned)getuid());
    return str_dup(name);
}

int campaign_options_finish(struct campaign_config *c, int64_t now_ms, struct err *err)
{
    char at[CLOCK_RFC3339_BYTES];

    if (c->since_ms != 0 && c->reprocess == REPROCESS_ALL)
        return err_set(err, ERR_CONFIG, "--since needs --reprocess missing or --reprocess failed");
    if (c->since_ms > now_ms)
        return err_set(err, ERR_CONFIG, "--since: %s is still to come",
                       clock_format_rfc3339(c->since_ms, at));
    if (c->deadline_ms != 0 && c->deadline_ms <= now_ms)
        return err_set(err, ERR_CONFIG, "--deadline: %s is over",
                       clock_format_rfc3339(c->deadline_ms, at));
    if (c->deadline_ms != 0 && c->not_before_ms >= c->deadline_ms)
        return err_set(err, ERR_CONFIG, "--not-before is not before --deadline");
    if (c->actor == NULL)
        c->actor = login_name();
    return c->actor != NULL ? 0 : err_set(err, ERR_INTERNAL, "no memory for the login name");
}
