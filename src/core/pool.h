/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Equal pieces of bytes, held once however many want them: of ten thousand services most have the environment, the limits
 * and the directory of the others. Pure. */
#ifndef OBIT_CORE_POOL_H
#define OBIT_CORE_POOL_H

#include <stddef.h>
#include <stdint.h>

/* All of it 0: an empty one. It takes memory only while pieces of it are held. */
struct pool {
	struct pool_piece **sets; /* owned: POOL_WAYS places a set, each a piece or NULL */
	size_t set_count;	  /* a power of two, or 0 */
	size_t placed;		  /* pieces that have a place */
	size_t pieces, bytes;	  /* all of them */
};

/* A reference to the piece that is equal, byte by byte, and of the same owner; to a new copy where there is none. It is never to
 * be changed, and there until pool_release(). NULL without memory.
 *
 * Of another owner nothing is shared: who sees how much memory is taken could otherwise try what his secrets are. */
void *pool_take(struct pool *pool, uint32_t owner, const void *bytes, size_t size);
void pool_release(struct pool *pool, void *bytes); /* NULL is fine */

/* How much memory it takes, without what the allocator adds. */
size_t pool_bytes(const struct pool *pool);

#endif
