#ifndef SIMULATOR_MODE_H
#define SIMULATOR_MODE_H

#include <stdbool.h>
#include <stddef.h>

/* The app modes of Connect: how content is served and which runtimes it manages. */

enum mode_kind {
    MODE_STATIC,      /* files: no runtime, nothing to restore */
    MODE_RENDERED,    /* a document: shown without a process */
    MODE_INTERACTIVE, /* a process that shows a page */
    MODE_API,         /* a process whose root may well be 404 */
};

struct mode {
    const char *name;
    enum mode_kind kind;
    bool r;      /* always manages R */
    bool python; /* always manages Python */
    bool quarto;
    unsigned weight; /* how common among generated items; 0: only when asked for */
};

const struct mode *mode_find(const char *name, size_t n); /* NULL: no such mode */
const struct mode *mode_static(void);
const struct mode *mode_drawn(double unit); /* by weight, never static */

#endif
