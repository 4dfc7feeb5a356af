/* How far something is, on stderr: a bar on a terminal, a line every 30 s elsewhere. */
#ifndef PRODUCER_PROGRESS_H
#define PRODUCER_PROGRESS_H

#include "producer/options.h"

#define PROGRESS_LINE_MS 30000 /* between two lines where there is no terminal */
#define PROGRESS_BAR     40    /* columns */

struct progress {
    bool bar, lines;
    bool dirty; /* an unfinished line stands on the terminal */
    int64_t next_line_ms;
};

void progress_init(struct progress *p, const struct producer_config *c);
/* now_ms is a clock that only goes forward. text says what the numbers do not. */
void progress_show(struct progress *p, int64_t done, int64_t total, const char *text,
                   int64_t now_ms);
/* The last state stays, and a new line begins. */
void progress_end(struct progress *p);

#endif
