#include "common/base/list.h"

void list_insert_after(struct list *l, struct list_node *at, struct list_node *node)
{
    node->prev = at;
    node->next = at->next;
    at->next->prev = node;
    at->next = node;
    l->n++;
}

void list_push(struct list *l, struct list_node *node)
{
    list_insert_after(l, l->head.prev, node);
}

void list_remove(struct list *l, struct list_node *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    node->prev = node->next = NULL;
    l->n--;
}

struct list_node *list_pop(struct list *l)
{
    struct list_node *node = list_first(l);

    if (node != NULL)
        list_remove(l, node);
    return node;
}
