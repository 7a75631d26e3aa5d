/*
 * list.h: intrusive doubly linked list. The node sits in the struct; the list owns nothing.
 * An empty list, and a node that is in none, point to themselves.
 */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>

#include "base/macros.h"

struct list {
    struct list *next, *prev;
};

static inline void list_init(struct list *l)
{
    l->next = l->prev = l;
}

static inline bool list_empty(const struct list *l)
{
    return l->next == l;
}

static inline void list_push_back(struct list *l, struct list *node)
{
    node->prev = l->prev;
    node->next = l;
    l->prev->next = node;
    l->prev = node;
}

static inline void list_push_front(struct list *l, struct list *node)
{
    list_push_back(l->next, node);
}

/* Harmless for a node that is in no list. */
static inline void list_remove(struct list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}

static inline struct list *list_pop_front(struct list *l)
{
    struct list *node = l->next;
    if (node == l)
        return NULL;
    list_remove(node);
    return node;
}

#define LIST_ENTRY(node, type, member) CONTAINER_OF(node, type, member)

/* The body must not remove `it`; use LIST_EACH_SAFE for that. */
#define LIST_EACH(l, it) for (struct list *it = (l)->next; it != (l); it = it->next)
#define LIST_EACH_SAFE(l, it)                                                                      \
    for (struct list *it = (l)->next, *it##_next = it->next; it != (l);                            \
         it = it##_next, it##_next = it->next)

#endif
