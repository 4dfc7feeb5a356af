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

void list_insert_after(struct list *l, struct list_node *at, struct list_node *node);
void list_push(struct list *l, struct list_node *node); /* at the end */
void list_remove(struct list *l, struct list_node *node);
struct list_node *list_pop(struct list *l); /* the first, taken out; NULL: empty */

static inline struct list_node *list_first(const struct list *l) /* NULL: empty */
{
    return l->head.next == &l->head ? NULL : l->head.next;
}

static inline struct list_node *list_next(const struct list *l, const struct list_node *node)
{
    return node->next == &l->head ? NULL : node->next;
}

#define list_entry(node, type, member) ((type *)((char *)(node)-offsetof(type, member)))

#endif
