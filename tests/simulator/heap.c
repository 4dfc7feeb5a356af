#include "tests/simulator/heap.h"

#include <stdlib.h>

#include "tests/simulator/memory.h"

#define FIRST_ROOM 64

static void put(struct heap *heap, size_t place, struct heap_node *node)
{
    heap->nodes[place - 1] = node;
    node->place = place;
}

static void sift_up(struct heap *heap, struct heap_node *node)
{
    size_t place = node->place;

    while (place > 1 && heap->nodes[place / 2 - 1]->key > node->key) {
        put(heap, place, heap->nodes[place / 2 - 1]);
        place /= 2;
    }
    put(heap, place, node);
}

static void sift_down(struct heap *heap, struct heap_node *node)
{
    size_t place = node->place;

    for (;;) {
        size_t child = place * 2;
        if (child < heap->n && heap->nodes[child]->key < heap->nodes[child - 1]->key)
            child++;
        if (child > heap->n || heap->nodes[child - 1]->key >= node->key)
            break;
        put(heap, place, heap->nodes[child - 1]);
        place = child;
    }
    put(heap, place, node);
}

void heap_push(struct heap *heap, struct heap_node *node, double key)
{
    if (heap->n == heap->room) {
        heap->room = heap->room == 0 ? FIRST_ROOM : heap->room * 2;
        heap->nodes = memory_grown(heap->nodes, heap->room * sizeof *heap->nodes);
    }
    node->key = key;
    heap->n++;
    put(heap, heap->n, node);
    sift_up(heap, node);
}

struct heap_node *heap_top(const struct heap *heap)
{
    return heap->n == 0 ? NULL : heap->nodes[0];
}

void heap_remove(struct heap *heap, struct heap_node *node)
{
    if (node->place == 0)
        return;
    struct heap_node *last = heap->nodes[heap->n - 1];
    heap->n--;
    if (last != node) {
        put(heap, node->place, last);
        sift_up(heap, last);
        sift_down(heap, last);
    }
    node->place = 0;
}

void heap_done(struct heap *heap)
{
    free(heap->nodes);
    *heap = (struct heap){ 0 };
}
