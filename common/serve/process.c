#include "common/serve/process.h"

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/str.h"

#define STAT_START_FIELD 22 /* proc(5): clock ticks from the boot to the start of the process */

static bool read_line(const char *path, char *line, size_t bytes)
{
    FILE *f = fopen(path, "re");
    bool got;

    if (f == NULL)
        return false;
    got = fgets(line, (int)bytes, f) != NULL;
    fclose(f);
    return got;
}

/* The n-th word (from 1) of what follows start. */
static bool number_at(char *start, int n, int64_t *ret)
{
    char *rest = start, *word = NULL;

    for (int i = 0; i < n; i++)
        word = strsep(&rest, " \n");
    return word != NULL && str_to_i64(word, 0, INT64_MAX, ret);
}

double process_start_seconds(void)
{
    char line[1024];
    char *name_end;
    int64_t ticks;
    long ticks_per_s = sysconf(_SC_CLK_TCK);

    if (!read_line("/proc/self/stat", line, sizeof(line)) || ticks_per_s <= 0)
        return 0;
    name_end = strrchr(line, ')'); /* field 2; may hold anything */
    if (name_end == NULL || !number_at(name_end + 2, STAT_START_FIELD - 2, &ticks))
        return 0;
    return (double)(clock_wall_ms() - clock_boot_ms()) / 1000 + (double)ticks / (double)ticks_per_s;
}

static double seconds(const struct timeval *t)
{
    return (double)t->tv_sec + (double)t->tv_usec / 1e6;
}

static double count_fds(void)
{
    DIR *dir = opendir("/proc/self/fd");
    double n = 0;

    if (dir == NULL)
        return 0;
    /* cppcheck-suppress readdirCalled ; nobody else has this dir */
    for (const struct dirent *e = readdir(dir); e != NULL; e = readdir(dir))
        n += e->d_name[0] != '.' ? 1 : 0;
    closedir(dir);
    return n - 1; /* the directory's own */
}

bool process_read(struct process_figures *ret)
{
    struct rusage usage;
    struct rlimit files;
    char line[256], again[256];
    int64_t pages, resident;
    double page_bytes = (double)sysconf(_SC_PAGESIZE);

    if (getrusage(RUSAGE_SELF, &usage) != 0 || getrlimit(RLIMIT_NOFILE, &files) != 0 ||
        !read_line("/proc/self/statm", line, sizeof(line)))
        return false;
    str_copy(again, sizeof(again), line); /* number_at takes its text apart */
    if (!number_at(line, 1, &pages) || !number_at(again, 2, &resident))
        return false;
    *ret = (struct process_figures){
        .cpu_seconds = seconds(&usage.ru_utime) + seconds(&usage.ru_stime),
        .resident_bytes = (double)resident * page_bytes,
        .virtual_bytes = (double)pages * page_bytes,
        .open_fds = count_fds(),
        .max_fds = (double)files.rlim_cur,
    };
    return true;
}
