#include "producer/metrics_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/str.h"

#define LAST_SUCCESS   "rebuild_producer_last_success_timestamp_seconds"
#define LINE_BYTES     256
#define PATH_MAX_BYTES 4096

/* 0: no run that the file knows of was a success. */
static double last_success(const char *path)
{
    FILE *file = fopen(path, "re");
    char line[LINE_BYTES];
    double value = 0;

    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, LAST_SUCCESS " ", sizeof(LAST_SUCCESS)) == 0 &&
            !str_to_double(line + sizeof(LAST_SUCCESS), &value))
            value = 0;
    }
    if (file != NULL)
        fclose(file);
    return value;
}

static void print(FILE *out, const struct run_metrics *m, double success_s)
{
    fprintf(out,
            "# HELP rebuild_producer_selected_items Items that the last run selected.\n"
            "# TYPE rebuild_producer_selected_items gauge\n"
            "rebuild_producer_selected_items %" PRId64 "\n"
            "# HELP rebuild_producer_enqueued_items_total Items that the last run published.\n"
            "# TYPE rebuild_producer_enqueued_items_total counter\n"
            "rebuild_producer_enqueued_items_total %" PRId64 "\n",
            m->selected, m->published);
    if (success_s > 0)
        fprintf(out,
                "# HELP " LAST_SUCCESS " When a run last ended well.\n"
                "# TYPE " LAST_SUCCESS " gauge\n" LAST_SUCCESS " %.3f\n",
                success_s);
}

int metrics_file_write(const char *path, const struct run_metrics *m, struct err *err)
{
    char beside[PATH_MAX_BYTES];
    double success_s = m->success ? (double)m->now_ms / 1000 : last_success(path);
    FILE *out = NULL;
    bool whole;

    if ((size_t)snprintf(beside, sizeof(beside), "%s.%ld", path, (long)getpid()) < sizeof(beside))
        out = fopen(beside, "we");
    if (out == NULL)
        return err_set(err, ERR_CONFIG, "the metrics file %s cannot be written: %s", path,
                       strerror(errno));
    print(out, m, success_s);
    whole = ferror(out) == 0;
    whole = fclose(out) == 0 && whole;
    if (whole && rename(beside, path) == 0)
        return 0;
    err_set(err, ERR_CONFIG, "the metrics file %s cannot be written: %s", path, strerror(errno));
    unlink(beside);
    return -1;
}
