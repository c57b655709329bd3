/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A binary heap of deadlines: the nodes live in what they belong to. */
#ifndef OBIT_BASE_HEAP_H
#define OBIT_BASE_HEAP_H

#include <stddef.h>
#include <stdint.h>

struct heap_node {
	uint64_t key;
	size_t place; /* in the heap, from 1; 0: not in it */
};

struct heap {
	struct heap_node **nodes; /* owned; the nodes are not */
	size_t count, room;
};

/* Puts the node in, or moves it to its new key. 0, or -ENOMEM and nothing has changed. A heap that held
 * n nodes at once takes n again without allocating. */
int heap_set(struct heap *heap, struct heap_node *node, uint64_t key);

/* Makes room for so many nodes, which heap_set() takes then without fail. 0 or -ENOMEM. */
int heap_reserve(struct heap *heap, size_t count);

/* Takes the node out; one that is not in is fine. */
void heap_remove(struct heap *heap, struct heap_node *node);

/* The node with the smallest key, or NULL. */
struct heap_node *heap_first(const struct heap *heap);

void heap_clear(struct heap *heap);

#endif
