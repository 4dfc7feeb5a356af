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

/* The event loop and the publisher thread pass in turn, so that "the n-th" is one passing. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int64_t passed;

/* A program that cannot tell where it was told to stop would pass every test. */
static void refuse(const char *value)
{
    fprintf(stderr, "REBUILD_CHECKPOINT is NAME:N or N, not '%s'\n", value);
    abort();
}

/* Does `where` speak of name? *ret_n is the passing it means. */
static bool meant(const char *where, const char *name, int64_t *ret_n)
{
    const char *colon = strrchr(where, ':');

    if (!str_to_i64(colon == NULL ? where : colon + 1, 1, INT64_MAX, ret_n))
        refuse(where);
    return colon == NULL ||
           ((size_t)(colon - where) == strlen(name) && strncmp(where, name, strlen(name)) == 0);
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
    const char *act = getenv("REBUILD_CHECKPOINT_ACT");
    int64_t n;

    pthread_mutex_lock(&lock);
    if (file != NULL)
        count(file, name);
    if (where != NULL && meant(where, name, &n) && ++passed == n)
        kill(getpid(), act != NULL && strcmp(act, "freeze") == 0 ? SIGSTOP : SIGKILL);
    pthread_mutex_unlock(&lock);
}

#endif
