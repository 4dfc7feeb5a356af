#ifndef SIMULATOR_HEAP_H
#define SIMULATOR_HEAP_H

#include <stddef.h>

/* A binary min-heap of nodes that live inside their owners. A node is in at most one heap; a zeroed
 * node is in none. The heap borrows its nodes. */

struct heap_node {
    double key;   /* do not change while the node is in a heap */
    size_t place; /* 1-based; 0: in no heap */
};

struct heap {
    struct heap_node **nodes;
    size_t n;
    size_t room;
};

void heap_push(struct heap *heap, struct heap_node *node, double key);
struct heap_node *heap_top(const struct heap *heap);         /* NULL: empty */
void heap_remove(struct heap *heap, struct heap_node *node); /* in no heap: nothing happens */
void heap_done(struct heap *heap);

#endif
