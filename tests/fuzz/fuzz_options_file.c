/* Any configuration file is either refused with a sentence or read; and what `config show` prints
 * of it is itself such a file, which says the same. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/config/shared.h"
#include "worker/options.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool truth)
{
    if (!truth)
        abort();
}

/* The settings as text, or NULL when they were refused; the caller frees. */
static char *read_and_show(const void *data, size_t size)
{
    static struct worker_config c;
    struct options o = {
        .tables = {
            { .title = "Shared", .rows = shared_rows, .n = shared_rows_n, .base = &c.shared },
            { .title = "Worker", .rows = worker_rows, .n = worker_rows_n, .base = &c },
        },
        .tables_n = 2,
        .known_elsewhere = worker_known_elsewhere,
    };
    struct err err = { .kind = ERR_NONE };
    int fd = memfd_create("options", MFD_CLOEXEC);
    char path[64], *text = NULL;
    size_t len = 0;
    FILE *out;

    must(fd >= 0 && fchmod(fd, 0600) == 0 && write(fd, data, size) == (ssize_t)size);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (options_load(&o, 0, NULL, path, &err) != 0) {
        must(err.kind == ERR_CONFIG && err.msg[0] != '\0' && o.origin == NULL);
    } else {
        out = open_memstream(&text, &len);
        must(out != NULL);
        options_show(&o, out, false);
        fclose(out);
        options_done(&o);
    }
    close(fd);
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *first = read_and_show(data, size), *second, *third;

    if (first == NULL)
        return 0;
    /* 60/h becomes 1/m, so it is the second that must stay as it is */
    second = read_and_show(first, strlen(first));
    must(second != NULL);
    third = read_and_show(second, strlen(second));
    must(third != NULL && strcmp(second, third) == 0);
    free(first);
    free(second);
    free(third);
    return 0;
}
