#ifndef SIMULATOR_MEMORY_H
#define SIMULATOR_MEMORY_H

#include <stddef.h>

/* Allocation for a test tool: it has nothing to save when memory ends, so these say a sentence and
 * exit 70 instead of returning NULL. */

void *memory_zeroed(size_t count, size_t size); /* caller frees */
void *memory_grown(void *old, size_t bytes);    /* as realloc; takes old */

/* The structure that contains this member. */
#define container_of(pointer, type, member) \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#endif
