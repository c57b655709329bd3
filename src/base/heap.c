// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "base/heap.h"

#include <errno.h>
#include <stdlib.h>

static void put(struct heap *heap, struct heap_node *node, size_t place)
{
	heap->nodes[place - 1] = node;
	node->place = place;
}

static void sift_up(struct heap *heap, struct heap_node *node, size_t place)
{
	while (place > 1 && heap->nodes[place / 2 - 1]->key > node->key) {
		put(heap, heap->nodes[place / 2 - 1], place);
		place /= 2;
	}
	put(heap, node, place);
}

static void sift_down(struct heap *heap, struct heap_node *node, size_t place)
{
	for (;;) {
		size_t child = 2 * place;

		if (child > heap->count)
			break;
		if (child < heap->count && heap->nodes[child]->key < heap->nodes[child - 1]->key)
			child++;
		if (heap->nodes[child - 1]->key >= node->key)
			break;
		put(heap, heap->nodes[child - 1], place);
		place = child;
	}
	put(heap, node, place);
}

static int grow(struct heap *heap)
{
	size_t room = heap->room ? heap->room * 2 : 16;
	struct heap_node **nodes = realloc(heap->nodes, room * sizeof(struct heap_node *));

	if (!nodes)
		return -ENOMEM;
	heap->nodes = nodes;
	heap->room = room;
	return 0;
}

int heap_reserve(struct heap *heap, size_t count)
{
	while (heap->room < count)
		if (grow(heap) < 0)
			return -ENOMEM;
	return 0;
}

int heap_set(struct heap *heap, struct heap_node *node, uint64_t key)
{
	uint64_t old = node->key;

	if (!node->place) {
		if (heap->count == heap->room && grow(heap) < 0)
			return -ENOMEM;
		node->key = key;
		sift_up(heap, node, ++heap->count);
		return 0;
	}
	node->key = key;
	if (key < old)
		sift_up(heap, node, node->place);
	else
		sift_down(heap, node, node->place);
	return 0;
}

void heap_remove(struct heap *heap, struct heap_node *node)
{
	size_t place = node->place;
	struct heap_node *last;

	if (!place)
		return;
	node->place = 0;
	last = heap->nodes[--heap->count];
	if (last == node)
		return;
	if (place > 1 && heap->nodes[place / 2 - 1]->key > last->key)
		sift_up(heap, last, place);
	else
		sift_down(heap, last, place);
}

struct heap_node *heap_first(const struct heap *heap)
{
	return heap->count ? heap->nodes[0] : NULL;
}

void heap_clear(struct heap *heap)
{
	free(heap->nodes);
	*heap = (struct heap){0};
}
