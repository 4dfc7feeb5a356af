/* Private to serve: figures of this process, as the kernel tells them. */
#ifndef COMMON_SERVE_PROCESS_H
#define COMMON_SERVE_PROCESS_H

#include <stdbool.h>

struct process_figures {
    double cpu_seconds, resident_bytes, virtual_bytes, open_fds, max_fds;
};

double process_start_seconds(void); /* Unix time; 0: cannot tell */
bool process_read(struct process_figures *ret);

#endif
