#include "common/base/checkpoint.h"

#ifdef CHECKPOINTS

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/str.h"

#define NAME_BYTES 64 /* the longest name with its line feed */
#define POINTS_MAX 4  /* of one process: frozen here, killed there */

/* The event loop and the publisher thread pass in turn, so that "the n-th" is one passing. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int64_t passed[POINTS_MAX];

/* A program that cannot tell where it was told to stop would pass every test. */
static void refuse(const char *value)
{
    fprintf(stderr, "REBUILD_CHECKPOINT is [NAME:]N[=freeze],..., not '%s'\n", value);
    abort();
}

/* Does the point speak of name? *ret_n is the passing it means. */
static bool meant(const char *point, const char *name, int64_t *ret_n)
{
    const char *colon = strrchr(point, ':');

    if (!str_to_i64(colon == NULL ? point : colon + 1, 1, INT64_MAX, ret_n))
        refuse(point);
    return colon == NULL ||
           ((size_t)(colon - point) == strlen(name) && strncmp(point, name, strlen(name)) == 0);
}

/* Stops at the point, if this passing is its own. raise() stops this very thread first: with kill()
 * it might do its act while the signal goes to another one. */
static void stop_at(char *point, int64_t *count, const char *name)
{
    char *act = strchr(point, '=');
    int64_t n;

    if (act != NULL)
        *act++ = '\0';
    if (act != NULL && strcmp(act, "freeze") != 0)
        refuse(act);
    if (meant(point, name, &n) && ++*count == n)
        raise(act != NULL ? SIGSTOP : SIGKILL);
}

static void stop(const char *where, const char *name)
{
    char *copy = str_dup(where), *rest = copy;
    size_t n = 0;

    for (char *point = strsep(&rest, ","); point != NULL; point = strsep(&rest, ",")) {
        if (n == POINTS_MAX)
            refuse(where);
        stop_at(point, &passed[n++], name);
    }
    free(copy);
}

/* One write of a whole line: it is in the file when the process dies in the next moment. */
static void count(const char *file, const char *name)
{
    char line[NAME_BYTES];
    int n = snprintf(line, sizeof(line), "%s\n", name);
    int fd = open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0 || write(fd, line, (size_t)n) != n) {
        fprintf(stderr, "REBUILD_CHECKPOINT_COUNT: %s: %s\n", file, strerror(errno));
        abort();
    }
    close(fd);
}

void checkpoint(const char *name)
{
    const char *where = getenv("REBUILD_CHECKPOINT");
    const char *file = getenv("REBUILD_CHECKPOINT_COUNT");

    pthread_mutex_lock(&lock);
    if (file != NULL)
        count(file, name);
    if (where != NULL)
        stop(where, name);
    pthread_mutex_unlock(&lock);
}

#endif
