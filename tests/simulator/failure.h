#ifndef SIMULATOR_FAILURE_H
#define SIMULATOR_FAILURE_H

#include <stdbool.h>
#include <stddef.h>

/* The ways a build fails, with the texts that Connect really writes. */

enum failure_runtime {
    FAILURE_ANY,    /* in whichever restore runs last */
    FAILURE_R,      /* in the R restore, if there is one */
    FAILURE_PYTHON, /* in the Python restore, if there is one */
    FAILURE_EARLY,  /* before any restore: no job is ever listed */
};

#define FAILURE_LINES 4 /* the most lines that one class writes */

struct failure {
    const char *name;
    enum failure_runtime runtime;
    const char *lines[FAILURE_LINES]; /* of the log, NULL after the last */
    const char *error;                /* of the task */
};

/* "" is no failure and NULL, as is a name that is not known. */
const struct failure *failure_find(const char *name);
const char *failure_names(void);                          /* for a sentence: "package, …" */
size_t failure_line_count(const struct failure *failure); /* NULL: 0 */

#endif
