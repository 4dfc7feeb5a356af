#include "tests/simulator/faults.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include "tests/simulator/failure.h"
#include "tests/simulator/route.h"
#include "tests/simulator/text.h"

#define DAY_MS (24 * 3600 * 1000) /* no test waits longer */

enum kind {
    SHARE, /* double, 0 to 1 */
    WHOLE, /* int64_t */
    FLAG,  /* bool */
    CLASS, /* a failure class by name */
    ROUTE, /* a route by name, or empty */
};

struct row {
    const char *name;
    enum kind kind;
    size_t at;
    int64_t low;
    int64_t high;
    const char *initial;
    const char *help;
};

/* The beginnings of rows; what follows is the help. */
#define SHARE_ROW(m)                     #m, SHARE, offsetof(struct faults, m), 0, 1, "0"
#define FLAG_ROW(m)                      #m, FLAG, offsetof(struct faults, m), 0, 1, "false"
#define WHOLE_ROW(m, low, high, initial) #m, WHOLE, offsetof(struct faults, m), low, high, initial

static const struct row rows[] = {
    { SHARE_ROW(fail_share), "items whose builds fail, always" },
    { "fail_class", CLASS, offsetof(struct faults, fail_class), 0, 0, "package", "why they fail" },
    { SHARE_ROW(flaky_share), "items whose first builds fail" },
    { "flaky_class", CLASS, offsetof(struct faults, flaky_class), 0, 0, "cache_race",
      "why those fail" },
    { WHOLE_ROW(flaky_attempts, 0, 1000, "1"), "how many builds of a flaky item fail" },
    { SHARE_ROW(http_401_share), "API requests answered by the proxy with 401 and HTML" },
    { SHARE_ROW(http_429_share), "API requests answered 429, code 277, with Retry-After" },
    { SHARE_ROW(http_502_share), "API requests answered by the proxy with 502 and HTML" },
    { SHARE_ROW(http_503_share), "API requests answered by the proxy with 503 and HTML" },
    { SHARE_ROW(reset_before_share),
      "API requests whose connection is reset before they take effect" },
    { SHARE_ROW(reset_after_share),
      "API requests whose connection is reset after they took effect" },
    { SHARE_ROW(cut_share), "API requests whose answer ends in the middle" },
    { "only_route", ROUTE, offsetof(struct faults, only_route), 0, 0, "",
      "the seven shares above hit this route only (names: GET /audit, requests)" },
    { WHOLE_ROW(retry_after_s, 0, 3600, "1"), "Retry-After of a 429, in seconds" },
    { WHOLE_ROW(latency_ms, 0, DAY_MS, "0"), "every API answer is this late" },
    { WHOLE_ROW(submit_delay_ms, 0, DAY_MS, "0"),
      "a build starts at once, its answer is this late" },
    { WHOLE_ROW(submit_status, 200, 299, "200"), "HTTP status of an accepted build" },
    { FLAG_ROW(numeric_ids), "bundle and content ids are JSON numbers" },
    { FLAG_ROW(old_task_404), "an unknown task is code 4 (older servers) in place of 141" },
    { WHOLE_ROW(task_retention_ms, 0, DAY_MS, "0"),
      "a finished task is forgotten after this; 0: never" },
    { FLAG_ROW(poll_ignores_wait), "task polls answer at once" },
    { WHOLE_ROW(job_row_delay_ms, 0, DAY_MS, "0"), "a job is listed this long after it started" },
    { WHOLE_ROW(log_line_bytes, 0, MAX_LOG_LINE_BYTES, "0"),
      "one line of each build log has this many bytes" },
    { FLAG_ROW(log_nul), "one line of each build log contains a NUL" },
    { FLAG_ROW(log_invalid), "one line of each build log is not UTF-8" },
    { WHOLE_ROW(cold_start_ms, 0, DAY_MS, "0"),
      "first answer of a process after a build is this late" },
    { SHARE_ROW(access_fail_share), "items whose content answers access_fail_status" },
    { WHOLE_ROW(access_fail_status, 400, 599, "500"), "what they answer" },
    { SHARE_ROW(too_open_share), "items of type acl or logged_in that anybody can see" },
    { SHARE_ROW(forbidden_share), "items that become acl without our key (app_role none)" },
    { FLAG_ROW(forbidden_code_19), "the API answers 403 code 19 for those too" },
    { FLAG_ROW(login_redirect), "blocked content redirects to /__login__ in place of 404" },
    { FLAG_ROW(api_root_401),
      "content that is an API answers 401 at its root, in the words that Connect has for a key" },
    { FLAG_ROW(api_root_404), "content that is an API answers 404 at its root" },
    { FLAG_ROW(hide_hostname), "server_settings and hosts do not tell the host name" },
    { FLAG_ROW(hold_builds), "builds that start do not end before POST /builds/release" },
    { FLAG_ROW(static_refused), "a build of static content is refused with 400 code 147" },
    { FLAG_ROW(key_revoked), "the API key is wrong from now on (401 code 30)" },
};

#define ROWS_N (sizeof rows / sizeof rows[0])

static const struct row *find_row(const char *name, size_t n)
{
    for (size_t i = 0; i < ROWS_N; i++)
        if (strlen(rows[i].name) == n && memcmp(rows[i].name, name, n) == 0)
            return &rows[i];
    return NULL;
}

static bool parse_flag(const char *value, bool *ret_flag)
{
    bool yes = strcmp(value, "true") == 0 || strcmp(value, "1") == 0;
    bool no = strcmp(value, "false") == 0 || strcmp(value, "0") == 0;

    if (yes || no)
        *ret_flag = yes;
    return yes || no;
}

static bool known_word(const struct row *row, const char *value)
{
    if (row->kind == CLASS)
        return failure_find(value) != NULL;
    return value[0] == '\0' || route_is_name(value);
}

static bool assign(const struct row *row, char *base, const char *value)
{
    void *to = base + row->at;
    long long whole = 0;

    switch (row->kind) {
    case SHARE: {
        double share = 0;
        if (!text_to_real(value, &share) || share < 0 || share > 1)
            return false;
        *(double *)to = share;
        return true;
    }
    case WHOLE:
        if (!text_to_whole(value, &whole) || whole < row->low || whole > row->high)
            return false;
        *(int64_t *)to = whole;
        return true;
    case FLAG: return parse_flag(value, to);
    case CLASS:
    case ROUTE: return known_word(row, value) && text_copy(to, WORD_BYTES, value);
    }
    return false;
}

static void refuse(const struct row *row, const char *value, char *error, size_t size)
{
    switch (row->kind) {
    case SHARE:
        snprintf(error, size, "fault %s is a share from 0 to 1, not '%.60s'", row->name, value);
        return;
    case WHOLE:
        snprintf(error, size, "fault %s is a whole number from %lld to %lld, not '%.60s'",
                 row->name, (long long)row->low, (long long)row->high, value);
        return;
    case FLAG:
        snprintf(error, size, "fault %s is true or false, not '%.60s'", row->name, value);
        return;
    case CLASS:
        snprintf(error, size, "fault %s is one of %s, not '%.60s'", row->name, failure_names(),
                 value);
        return;
    case ROUTE: snprintf(error, size, "fault %s names no route: '%.60s'", row->name, value); return;
    }
}

void faults_init(struct faults *faults)
{
    *faults = (struct faults){ 0 };
    for (size_t i = 0; i < ROWS_N; i++)
        assign(&rows[i], (char *)faults, rows[i].initial);
}

bool faults_set(struct faults *faults, const char *assignment, char *error, size_t error_size)
{
    const char *equals = strchr(assignment, '=');

    if (equals == NULL) {
        snprintf(error, error_size, "a fault is NAME=VALUE, not '%.60s'", assignment);
        return false;
    }
    const struct row *row = find_row(assignment, (size_t)(equals - assignment));
    if (row == NULL) {
        snprintf(error, error_size, "there is no fault '%.*s'", (int)(equals - assignment),
                 assignment);
        return false;
    }
    if (!assign(row, (char *)faults, equals + 1)) {
        refuse(row, equals + 1, error, error_size);
        return false;
    }
    return true;
}

/* One member of a JSON object as "name=value". */
static void member_to_text(const cJSON *member, struct text *to)
{
    text_add_format(to, "%s=", member->string);
    if (cJSON_IsString(member)) {
        text_add_string(to, member->valuestring);
        return;
    }
    char *value = cJSON_PrintUnformatted(member);
    if (value != NULL)
        text_add_string(to, value);
    cJSON_free(value);
}

bool faults_set_all(struct faults *faults, const struct cJSON *object, char *error,
                    size_t error_size)
{
    struct faults changed = *faults;
    const cJSON *member = NULL;
    bool good = cJSON_IsObject(object);

    if (!good)
        snprintf(error, error_size, "the body must be a JSON object of faults");
    cJSON_ArrayForEach (member, object) {
        struct text assignment = { 0 };
        member_to_text(member, &assignment);
        good = good && faults_set(&changed, assignment.data, error, error_size);
        text_done(&assignment);
    }
    if (good)
        *faults = changed;
    return good;
}

struct cJSON *faults_to_json(const struct faults *faults)
{
    cJSON *object = cJSON_CreateObject();

    for (size_t i = 0; i < ROWS_N; i++) {
        const void *at = (const char *)faults + rows[i].at;
        switch (rows[i].kind) {
        case SHARE: cJSON_AddNumberToObject(object, rows[i].name, *(const double *)at); break;
        case WHOLE:
            cJSON_AddNumberToObject(object, rows[i].name, (double)*(const int64_t *)at);
            break;
        case FLAG: cJSON_AddBoolToObject(object, rows[i].name, *(const bool *)at); break;
        case CLASS:
        case ROUTE: cJSON_AddStringToObject(object, rows[i].name, at); break;
        }
    }
    return object;
}

void faults_print_help(void)
{
    puts("\nFaults (all off; --fault NAME=VALUE, or live: POST /faults on the admin port):");
    for (size_t i = 0; i < ROWS_N; i++)
        printf("  %-20s %s [%s]\n", rows[i].name, rows[i].help,
               rows[i].initial[0] == '\0' ? "none" : rows[i].initial);
    printf("Failure classes: %s\n", failure_names());
}
