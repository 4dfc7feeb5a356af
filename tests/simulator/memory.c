#include "tests/simulator/memory.h"

#include <stdio.h>
#include <stdlib.h>

#define EXIT_NO_MEMORY 70

static void *present(void *memory)
{
    if (memory == NULL) {
        fputs("connect-simulator: out of memory\n", stderr);
        exit(EXIT_NO_MEMORY);
    }
    return memory;
}

void *memory_zeroed(size_t count, size_t size)
{
    return present(calloc(count == 0 ? 1 : count, size));
}

void *memory_grown(void *old, size_t bytes)
{
    return present(realloc(old, bytes));
}
