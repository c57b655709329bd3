// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "core/pool.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* A piece has one set in which it is looked for. Whoever finds it full is not shared, and nothing else: users choose the bytes,
 * and with them the set, but not how long it takes to look. */
#define POOL_WAYS      8
#define SETS_MIN       8
#define POOL_PIECE_MAX (UINT32_C(1) << 30)

struct pool_piece {
	uint32_t references, hash, owner;
	uint32_t size;
	char bytes[];
};
_Static_assert(sizeof(struct pool_piece) % _Alignof(max_align_t) == 0, "bytes of any type");

/* FNV-1a. */
static uint32_t hash_of(uint32_t owner, const char *bytes, size_t size)
{
	uint32_t hash = UINT32_C(2166136261) ^ owner;

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ (unsigned char)bytes[i]) * UINT32_C(16777619);
	return hash;
}

/* The place in the set of that hash that holds `piece`, or one that is free where that is NULL. NULL: there is none. */
static struct pool_piece **place_of(const struct pool *pool, uint32_t hash,
				    const struct pool_piece *piece)
{
	size_t first = pool->set_count ? (hash & (pool->set_count - 1)) * POOL_WAYS : 0;

	for (size_t i = first; pool->set_count && i < first + POOL_WAYS; i++)
		if (pool->sets[i] == piece)
			return &pool->sets[i];
	return NULL;
}

static struct pool_piece *find(const struct pool *pool, const struct pool_piece *like,
			       const char *bytes)
{
	size_t first = pool->set_count ? (like->hash & (pool->set_count - 1)) * POOL_WAYS : 0;

	for (size_t i = first; pool->set_count && i < first + POOL_WAYS; i++) {
		struct pool_piece *piece = pool->sets[i];

		if (piece && piece->hash == like->hash && piece->owner == like->owner &&
		    piece->size == like->size && !memcmp(piece->bytes, bytes, like->size))
			return piece;
	}
	return NULL;
}

static void place(struct pool *pool, struct pool_piece *piece)
{
	struct pool_piece **free_place = place_of(pool, piece->hash, NULL);

	if (free_place) {
		*free_place = piece;
		pool->placed++;
	}
}

static void displace(struct pool *pool, const struct pool_piece *piece)
{
	struct pool_piece **its_place = place_of(pool, piece->hash, piece);

	if (its_place) {
		*its_place = NULL;
		pool->placed--;
	}
}

/* Without memory for other sets these do, too. */
static void resize(struct pool *pool, size_t set_count)
{
	struct pool old = *pool;

	pool->sets = calloc(set_count * POOL_WAYS, sizeof(struct pool_piece *));
	if (!pool->sets) {
		pool->sets = old.sets;
		return;
	}
	pool->set_count = set_count;
	pool->placed = 0;
	for (size_t i = 0; i < old.set_count * POOL_WAYS; i++)
		if (old.sets[i])
			place(pool, old.sets[i]);
	free(old.sets);
}

/* From an eighth of the places to a half of them is taken. */
static void fit(struct pool *pool)
{
	size_t places = pool->set_count * POOL_WAYS;

	if (!pool->pieces) {
		free(pool->sets);
		*pool = (struct pool){0};
	} else if (pool->placed >= places / 2) {
		resize(pool, places ? 2 * pool->set_count : SETS_MIN);
	} else if (pool->set_count > SETS_MIN && pool->placed < places / 8) {
		resize(pool, pool->set_count / 2);
	}
}

static void *add(struct pool *pool, const struct pool_piece *like, const char *bytes)
{
	struct pool_piece *piece = malloc(sizeof(*piece) + like->size);

	if (!piece)
		return NULL;
	*piece = *like;
	memcpy(piece->bytes, bytes, like->size);
	pool->pieces++;
	pool->bytes += sizeof(*piece) + like->size;
	fit(pool);
	place(pool, piece);
	return piece->bytes;
}

void *pool_take(struct pool *pool, uint32_t owner, const void *bytes, size_t size)
{
	struct pool_piece like = {.references = 1, .owner = owner}, *piece;

	if (size > POOL_PIECE_MAX)
		return NULL;
	like.size = (uint32_t)size;
	like.hash = hash_of(owner, bytes, size);
	piece = find(pool, &like, bytes);
	if (!piece)
		return add(pool, &like, bytes);
	piece->references++;
	return piece->bytes;
}

void pool_release(struct pool *pool, void *bytes)
{
	struct pool_piece *piece = bytes ? (void *)((char *)bytes - sizeof(*piece)) : NULL;

	if (!piece || --piece->references)
		return;
	displace(pool, piece);
	pool->pieces--;
	pool->bytes -= sizeof(*piece) + piece->size;
	free(piece);
	fit(pool);
}

size_t pool_bytes(const struct pool *pool)
{
	return pool->bytes + pool->set_count * POOL_WAYS * sizeof(struct pool_piece *);
}
