#include "tests/simulator/buildlog.h"

#include <cjson/cJSON.h>

#include "tests/simulator/builds.h"
#include "tests/simulator/clock.h"
#include "tests/simulator/text.h"

#define KILLED_ERROR "The process was terminated by a signal: exit status 137"

static const char *const r_lines[] = {
    "Bundle created with R version %s is compatible with environment Local",
    "Performing manifest.json to packrat transformation.",
    "Installing R packages...",
    "Validating R library read / write permissions for R version %s",
    "Using previously cached package cli for R version %s",
    "Completed packrat build against R version: '%s'",
};

static const char *const python_lines[] = {
    "Bundle created with Python version %s is compatible with environment Local",
    "Building Python environment with Python %s",
    "Collecting packages for Python %s",
    "Installing collected packages: numpy, pandas, requests",
    "Packages in the environment: numpy==2.1.0, pandas==2.2.3, requests==2.32.3",
    "Completed Python build against Python version: '%s'",
};

#define LINES_N (sizeof r_lines / sizeof r_lines[0])

static size_t count_while_running(const struct build *build)
{
    return build->log.lines + (build->log.wide_bytes > 0) + build->log.nul + build->log.invalid;
}

size_t buildlog_count(const struct builds *builds, const struct build *build, int64_t now_us)
{
    size_t usual = count_while_running(build);

    if (build->state == BUILD_ENDED)
        return usual + failure_line_count(build->failure);
    size_t written = (size_t)(builds_progress(builds, build, now_us) * (double)usual);
    return written == 0 ? 1 : written;
}

/* Lines are spread evenly over the work, as if the replica had nothing else to do. */
static int64_t time_of(const struct build *build, size_t line)
{
    size_t all = count_while_running(build) + failure_line_count(build->failure);

    return build->started_us + (int64_t)(build->work_us * (double)line / (double)all);
}

static void add_usual(const struct build *build, size_t line, struct text *to)
{
    const struct item *item = build->item;
    bool python =
        item->r_version == NULL || (item->py_version != NULL && line >= build->log.lines / 2);
    const char *version = python ? item->py_version : item->r_version;

    if (version == NULL) {
        text_add_string(to,
                        line == 0 ? "Building static content..." : "Launching static content...");
        return;
    }
    if (line == 0) {
        text_add_format(to, "Building %s (%s)...", item->title, item->mode->name);
        return;
    }
    const char *form = python ? python_lines[line % LINES_N] : r_lines[line % LINES_N];
    const char *mark = strstr(form, "%s");
    if (mark == NULL)
        text_add_string(to, form);
    else
        text_add_format(to, "%.*s%s%s", (int)(mark - form), form, version, mark + 2);
}

/* The bytes of one line; *ret_raw is what JSON must carry after them as it is, or NULL. */
static void add_line(const struct build *build, size_t line, struct text *to, const char **ret_raw)
{
    size_t usual = build->log.lines;
    size_t wide = usual + (build->log.wide_bytes > 0);
    size_t nul = wide + build->log.nul;
    char stamp[STAMP_BYTES];

    clock_log_stamp(time_of(build, line), stamp, sizeof stamp);
    text_add_format(to, "%s ", stamp);
    *ret_raw = NULL;
    if (line < usual) {
        add_usual(build, line, to);
    } else if (line < wide) {
        text_add_repeated(to, 'x', build->log.wide_bytes);
    } else if (line < nul) {
        text_add_string(to, "before the NUL");
        *ret_raw = "\\u0000after it";
    } else if (line < nul + build->log.invalid) {
        text_add_string(to, "before the bytes");
        *ret_raw = "\xff\xc3(\xed\xa0\x80 after them";
    } else {
        text_add_string(to, build->failure->lines[line - nul - build->log.invalid]);
    }
}

static cJSON *line_to_json(const struct build *build, size_t line)
{
    struct text bytes = { 0 };
    const char *odd = NULL;

    add_line(build, line, &bytes, &odd);
    if (odd == NULL) {
        cJSON *plain = cJSON_CreateString(bytes.data);
        text_done(&bytes);
        return plain;
    }
    /* cJSON cannot hold it; nothing in this line needs escaping, so it may go in raw. */
    struct text raw = { 0 };
    text_add_format(&raw, "\"%s%s\"", bytes.data, odd);
    cJSON *json = cJSON_CreateRaw(raw.data);
    text_done(&raw);
    text_done(&bytes);
    return json;
}

struct cJSON *buildlog_lines(const struct build *build, size_t first, size_t end)
{
    cJSON *array = cJSON_CreateArray();

    for (size_t i = first; i < end; i++)
        cJSON_AddItemToArray(array, line_to_json(build, i));
    return array;
}

struct cJSON *buildlog_entries(const struct build *build, const struct job *job, size_t end)
{
    cJSON *object = cJSON_CreateObject();
    cJSON *entries = cJSON_AddArrayToObject(object, "entries");

    for (size_t i = 0; i < end; i++) {
        int64_t at = time_of(build, i);
        char stamp[STAMP_BYTES];
        if (at < job->started_us || (job->ended_us != 0 && at > job->ended_us))
            continue;
        cJSON *entry = cJSON_CreateObject();
        clock_rfc3339(at, stamp, sizeof stamp);
        cJSON_AddStringToObject(entry, "source", "stdout");
        cJSON_AddStringToObject(entry, "timestamp", stamp);
        cJSON_AddItemToObject(entry, "data", line_to_json(build, i));
        cJSON_AddItemToArray(entries, entry);
    }
    return object;
}

const char *buildlog_error(const struct build *build)
{
    if (build->state != BUILD_ENDED || build->code == 0)
        return "";
    if (build->killed || build->died || build->failure == NULL)
        return KILLED_ERROR;
    return build->failure->error;
}
