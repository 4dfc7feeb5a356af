#include "producer/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "producer/output.h"

#define LINE_BYTES 512

void progress_init(struct progress *p, const struct producer_config *c)
{
    bool wanted = !c->quiet && !c->no_progress;

    *p = (struct progress){ .bar = wanted && isatty(STDERR_FILENO) };
    p->lines = wanted && !p->bar;
}

/* Cut to the terminal, so that it stays one line. */
static void show_bar(struct progress *p, int64_t done, int64_t total, const char *text)
{
    char bar[PROGRESS_BAR + 1], line[LINE_BYTES];
    int64_t share = total > 0 ? done * PROGRESS_BAR / total : PROGRESS_BAR;
    int width = output_columns(stderr) - 1;
    size_t filled = share > PROGRESS_BAR ? PROGRESS_BAR : (size_t)share;

    memset(bar, '-', PROGRESS_BAR);
    memset(bar, '#', filled);
    bar[PROGRESS_BAR] = '\0';
    if (width > PROGRESS_BAR + 40)
        snprintf(line, sizeof(line), "[%s] %" PRId64 "/%" PRId64 " %s", bar, done, total, text);
    else
        snprintf(line, sizeof(line), "%" PRId64 "/%" PRId64 " %s", done, total, text);
    fprintf(stderr, "\r%.*s\033[K", width, line);
    fflush(stderr);
    p->dirty = true;
}

void progress_show(struct progress *p, int64_t done, int64_t total, const char *text,
                   int64_t now_ms)
{
    if (p->bar)
        show_bar(p, done, total, text);
    if (!p->lines)
        return;
    if (p->next_line_ms == 0) {
        p->next_line_ms = now_ms + PROGRESS_LINE_MS;
    } else if (now_ms >= p->next_line_ms) {
        p->next_line_ms = now_ms + PROGRESS_LINE_MS;
        fprintf(stderr, "rebuild-producer: %" PRId64 "/%" PRId64 " %s\n", done, total, text);
    }
}

void progress_end(struct progress *p)
{
    if (p->dirty)
        fputc('\n', stderr);
    p->dirty = false;
}
