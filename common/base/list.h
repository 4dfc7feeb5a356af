/* Intrusive doubly linked list. A state is a list and its length the metric, so each list counts.
 */
#ifndef COMMON_BASE_LIST_H
#define COMMON_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list_node {
    struct list_node *prev, *next; /* both NULL: in no list */
};

struct list {
    struct list_node head; /* ring through head; head.next is the first */
    size_t n;
};

static inline void list_init(struct list *l)
{
    l->head.prev = l->head.next = &l->head;
    l->n = 0;
}

static inline bool list_linked(const struct list_node *node)
{
    return node->next != NULL;
}

static inline void list_insert_after(struct list *l, struct list_node *at, struct list_node *node)
{
    node->prev = at;
    node->next = at->next;
    at->next->prev = node;
    at->next = node;
    l->n++;
}

static inline void list_push(struct list *l, struct list_node *node) /* at the end */
{
    list_insert_after(l, l->head.prev, node);
}

static inline void list_remove(struct list *l, struct list_node *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    node->prev = node->next = NULL;
    l->n--;
}

static inline struct list_node *list_first(const struct list *l) /* NULL: empty */
{
    return l->head.next == &l->head ? NULL : l->head.next;
}

static inline struct list_node *list_next(const struct list *l, const struct list_node *node)
{
    return node->next == &l->head ? NULL : node->next;
}

static inline struct list_node *list_pop(struct list *l) /* NULL: empty */
{
    struct list_node *node = list_first(l);

    if (node != NULL)
        list_remove(l, node);
    return node;
}

#define list_entry(node, type, member) ((type *)((char *)(node)-offsetof(type, member)))

#endif
