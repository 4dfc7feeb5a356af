#include "tests/simulator/options.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/simulator/mode.h"
#include "tests/simulator/text.h"

#define DAY_MS   86400000 /* no build of a test takes longer */
#define MAX_PORT 65535

enum kind { TEXT, WHOLE, SHARE, FLAG, SPECIAL };

/* Sets what no plain kind can; value is one argument. */
typedef bool special_fn(struct options *options, const char *value);

static special_fn set_ports, set_front, set_admin, set_build_ms, set_slow, set_modes, set_fault;

struct row {
    const char *name;
    enum kind kind;
    size_t at;    /* of the member, or with TEXT its offset */
    int64_t high; /* WHOLE: the greatest value; TEXT: the size */
    special_fn *set;
    const char *initial; /* NULL: as zeroed */
    const char *help;
};

#define AT(member)   offsetof(struct options, member)
#define SIZE(member) sizeof(((struct options *)0)->member)

static const struct row rows[] = {
    { "ports", SPECIAL, 0, 0, set_ports, NULL,
      "[ADDRESS:]PORT,... one per replica; 0 takes a free port; address 127.0.0.1" },
    { "front", SPECIAL, 0, 0, set_front, NULL, "[ADDRESS:]PORT of the sticky ingress" },
    { "admin", SPECIAL, 0, 0, set_admin, NULL, "[ADDRESS:]PORT of the admin API" },
    { "items", WHOLE, AT(items_n), MAX_ITEMS, NULL, "100", "content items to make up" },
    { "api-key", TEXT, AT(api_key), SIZE(api_key), NULL, NULL,
      "the valid key; without it CONNECT_API_KEY of the environment" },
    { "build-ms", SPECIAL, 0, 0, set_build_ms, "200,600", "MIN,MAX duration of a build" },
    { "seed", WHOLE, AT(seed), INT64_C(999999999999999999), NULL, "1", "of everything drawn" },
    { "slots", WHOLE, AT(slots), 100000, NULL, "0",
      "builds that a replica runs at full speed; more share it; 0: any number" },
    { "slow", SPECIAL, 0, 0, set_slow, NULL, "F,F,... per replica: builds take F times as long" },
    { "hostname-prefix", TEXT, AT(hostname_prefix), SIZE(hostname_prefix), NULL, "connect-",
      "replicas are named by it and a number from 0" },
    { "connect-version", TEXT, AT(connect_version), SIZE(connect_version), NULL, "2025.06.0",
      "of the server; below 2025.06.0 it refuses 'activate'" },
    { "prefix", TEXT, AT(prefix), SIZE(prefix), NULL, NULL, "path that all URLs begin with" },
    { "cookie-name", TEXT, AT(cookie_name), SIZE(cookie_name), NULL, "posit-connect",
      "of the cookie that the front sets" },
    { "cookie-per-client", FLAG, AT(cookie_per_client), 0, NULL, NULL,
      "each client gets a value of its own, not one per replica" },
    { "log-lines", WHOLE, AT(log_lines), 1000000, NULL, "8", "of a build that succeeds" },
    { "images", WHOLE, AT(images_n), 50, NULL, "2", "different image names; 0: all null" },
    { "r-versions", WHOLE, AT(r_versions_n), 9, NULL, "3", "different R versions (at least 1)" },
    { "py-versions", WHOLE, AT(py_versions_n), 9, NULL, "3",
      "different Python versions (at least 1)" },
    { "app-modes", SPECIAL, 0, 0, set_modes, NULL,
      "MODE,... only these, evenly; else a real mixture" },
    { "static-share", SHARE, AT(static_share), 0, NULL, NULL, "items that are static" },
    { "locked-share", SHARE, AT(locked_share), 0, NULL, NULL, "items that are locked" },
    { "unpublished-share", SHARE, AT(unpublished_share), 0, NULL, NULL,
      "items without active bundle" },
    { "draft-share", SHARE, AT(draft_share), 0, NULL, NULL, "items with a newer, inactive bundle" },
    { "unmanaged-share", SHARE, AT(unmanaged_share), 0, NULL, NULL,
      "items whose packages Connect does not install" },
    { "vanity-share", SHARE, AT(vanity_share), 0, NULL, NULL, "items with a vanity URL" },
    { "fault", SPECIAL, 0, 0, set_fault, NULL, "NAME=VALUE, see below; may be repeated" },
};

#define ROWS_N (sizeof rows / sizeof rows[0])

/* Where set_fault leaves its better sentence; options_parse() is not re-entrant because of it. */
static char fault_error[ERROR_BYTES];

static bool set_place(struct place *place, const char *value)
{
    const char *colon = strrchr(value, ':');
    struct in_addr ignored;
    long long port = 0;
    struct place read = { .address = "127.0.0.1", .wanted = true };

    if (colon != NULL) {
        if ((size_t)(colon - value) >= sizeof read.address)
            return false;
        snprintf(read.address, sizeof read.address, "%.*s", (int)(colon - value), value);
    }
    if (!text_to_whole(colon == NULL ? value : colon + 1, &port) || port > MAX_PORT)
        return false;
    if (inet_pton(AF_INET, read.address, &ignored) != 1)
        return false;
    read.port = (int)port;
    *place = read;
    return true;
}

/* Cuts the next part of a comma list into part; false at the end of the list. */
static bool next_part(const char **list, char *part, size_t size)
{
    if (*list == NULL)
        return false;
    size_t n = strcspn(*list, ",");
    snprintf(part, size, "%.*s", (int)n, *list);
    *list = (*list)[n] == ',' ? *list + n + 1 : NULL;
    return true;
}

static bool set_ports(struct options *options, const char *value)
{
    char part[NAME_BYTES];

    options->replicas_n = 0;
    while (next_part(&value, part, sizeof part)) {
        if (options->replicas_n == MAX_REPLICAS)
            return false;
        if (!set_place(&options->replicas[options->replicas_n], part))
            return false;
        options->replicas_n++;
    }
    return true;
}

static bool set_front(struct options *options, const char *value)
{
    return set_place(&options->front, value);
}

static bool set_admin(struct options *options, const char *value)
{
    return set_place(&options->admin, value);
}

static bool set_build_ms(struct options *options, const char *value)
{
    char part[NAME_BYTES];
    long long limits[2] = { 0, 0 };
    size_t n = 0;

    while (next_part(&value, part, sizeof part)) {
        if (n == 2 || !text_to_whole(part, &limits[n]) || limits[n] > DAY_MS)
            return false;
        n++;
    }
    if (n == 1)
        limits[1] = limits[0];
    options->build_min_ms = limits[0];
    options->build_max_ms = limits[1];
    return limits[0] <= limits[1];
}

static bool set_slow(struct options *options, const char *value)
{
    char part[NAME_BYTES];
    size_t n = 0;

    while (next_part(&value, part, sizeof part)) {
        if (n == MAX_REPLICAS || !text_to_real(part, &options->slow[n]) || options->slow[n] <= 0)
            return false;
        n++;
    }
    return true;
}

static bool set_modes(struct options *options, const char *value)
{
    char part[NAME_BYTES];

    options->modes_n = 0;
    while (next_part(&value, part, sizeof part)) {
        const struct mode *mode = mode_find(part, strlen(part));
        if (mode == NULL || options->modes_n == MAX_MODES)
            return false;
        options->modes[options->modes_n++] = mode->name;
    }
    return true;
}

static bool set_fault(struct options *options, const char *value)
{
    return faults_set(&options->faults, value, fault_error, sizeof fault_error);
}

static bool assign(const struct row *row, struct options *options, const char *value)
{
    void *to = (char *)options + row->at;
    long long whole = 0;
    double share = 0;

    switch (row->kind) {
    case TEXT: return text_copy(to, (size_t)row->high, value);
    case WHOLE:
        if (!text_to_whole(value, &whole) || whole > row->high)
            return false;
        *(int64_t *)to = whole;
        return true;
    case SHARE:
        if (!text_to_real(value, &share) || share < 0 || share > 1)
            return false;
        *(double *)to = share;
        return true;
    case FLAG: *(bool *)to = true; return true;
    case SPECIAL: return row->set(options, value);
    }
    return false;
}

static void set_defaults(struct options *options)
{
    *options = (struct options){ 0 };
    faults_init(&options->faults);
    for (size_t i = 0; i < MAX_REPLICAS; i++)
        options->slow[i] = 1;
    for (size_t i = 0; i < ROWS_N; i++)
        if (rows[i].initial != NULL)
            assign(&rows[i], options, rows[i].initial);
    text_copy(options->api_key, sizeof options->api_key, getenv("CONNECT_API_KEY"));
}

static const struct row *find_row(const char *argument, size_t n)
{
    if (n < 2 || strncmp(argument, "--", 2) != 0)
        return NULL;
    for (size_t i = 0; i < ROWS_N; i++)
        if (strlen(rows[i].name) == n - 2 && memcmp(rows[i].name, argument + 2, n - 2) == 0)
            return &rows[i];
    return NULL;
}

static bool check_whole(struct options *options, char *error, size_t size)
{
    const char *wrong = NULL;

    if (options->replicas_n == 0)
        wrong = "--ports is needed: one port per replica, for example --ports 0,0,0";
    else if (options->api_key[0] == '\0')
        wrong = "--api-key or CONNECT_API_KEY is needed";
    else if (options->r_versions_n == 0 || options->py_versions_n == 0 || options->log_lines == 0)
        wrong = "--r-versions, --py-versions and --log-lines must be at least 1";
    else if (options->prefix[0] != '\0' &&
             (options->prefix[0] != '/' || options->prefix[strlen(options->prefix) - 1] == '/'))
        wrong = "--prefix begins with a slash and ends without one";
    if (wrong != NULL)
        snprintf(error, size, "%s", wrong);
    return wrong == NULL;
}

/* Reads the option at argv[*at] and moves *at behind it. */
static bool parse_one(struct options *options, char **argv, int *at, char *error, size_t size)
{
    const char *argument = argv[*at];
    size_t name_n = strcspn(argument, "=");
    const struct row *row = find_row(argument, name_n);
    const char *value = argument[name_n] == '=' ? argument + name_n + 1 : NULL;

    if (row == NULL) {
        snprintf(error, size, "unknown option '%.60s'", argument);
        return false;
    }
    if (value == NULL && row->kind != FLAG)
        value = argv[++*at];
    if (value == NULL && row->kind != FLAG) {
        snprintf(error, size, "option --%s needs a value", row->name);
        return false;
    }
    ++*at;
    fault_error[0] = '\0';
    if (assign(row, options, value))
        return true;
    if (fault_error[0] != '\0')
        snprintf(error, size, "%s", fault_error);
    else
        snprintf(error, size, "option --%s does not take '%.60s': %s", row->name, value, row->help);
    return false;
}

enum options_outcome options_parse(struct options *options, int argc, char **argv, char *error,
                                   size_t error_size)
{
    int at = 1;

    set_defaults(options);
    while (at < argc) {
        if (strcmp(argv[at], "--help") == 0 || strcmp(argv[at], "-h") == 0)
            return OPTIONS_HELP;
        if (!parse_one(options, argv, &at, error, error_size))
            return OPTIONS_BAD;
    }
    return check_whole(options, error, error_size) ? OPTIONS_RUN : OPTIONS_BAD;
}

void options_print_help(void)
{
    puts("Usage: connect-simulator --ports A,B,C --api-key K [options]\n\n"
         "A simulated Posit Connect: replicas that share content and jobs but not tasks, a sticky\n"
         "front, faults on demand and an audit of every build it was asked for.\n"
         "When it listens it prints one line of JSON with the addresses. SIGTERM ends it.\n");
    for (size_t i = 0; i < ROWS_N; i++) {
        printf("  --%-18s %s", rows[i].name, rows[i].help);
        if (rows[i].initial != NULL)
            printf(" [%s]", rows[i].initial);
        putchar('\n');
    }
}
