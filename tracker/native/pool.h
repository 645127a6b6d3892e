/* The peers of one role and one address family; the C twin of tracker/pool.py.
 *
 * Slots are 0 .. size-1, filled and emptied in the order of the Python pool. Up to 32 slots are one small block
 * that is scanned. From there on an index by linear hashing lies beside the peers, one bucket a slot, so growth
 * splits one bucket per addition and nothing is ever rebuilt. Above 4,096 slots there is a block per journal row,
 * so growth copies no peers either. All peers of an address share a bucket, which is how they are counted. */
#ifndef PEERAGE_POOL_H
#define PEERAGE_POOL_H

#include <stdbool.h>

#include "table.h"

#define ROW (UINT32_C(1) << ROW_BITS) /* slots of a journal row */

#define FLAGS (COMPLETED | PAUSED)

struct pool {
    void *block; /* up to ROW slots: one block; above: an array of blocks of ROW slots */
    uint32_t size, capacity;
};

/* How peers are hashed; the same for every pool of a store. */
struct peer_hash {
    struct secret secret;
    bool with_port; /* hash address and port: nobody counts the peers of an address */
};

/* A peer that is looked for, and what is found out on the way. */
struct lookup {
    const uint8_t *peer;
    const struct peer_hash *peer_hash;
    uint32_t stride;
    bool hashed;
    uint64_t hash;
    uint32_t same_address; /* peers of its address met so far; only whole when the peer was found nowhere */
};

/* The state of a peer seen at `now` (unix seconds): seconds from EPOCH, shifted over the flags. */
uint32_t peer_state(int64_t now, uint32_t flags);

void pool_free(struct pool *pool);
/* Let what a search of two pools will read come from memory at once rather than one after the other. */
void pool_fetch(const struct pool pools[2], struct lookup *lookup);
uint32_t pool_find(const struct pool *pool, struct lookup *lookup);
uint32_t *pool_state(const struct pool *pool, uint32_t slot);
const uint8_t *pool_peer(const struct pool *pool, uint32_t stride, uint32_t slot);
/* Append a peer that is not here yet; NONE: no memory. */
uint32_t pool_add(struct pool *pool, struct lookup *lookup, uint32_t state);
/* Take the peer out of a slot and move the last one into it; return the removed state. */
uint32_t pool_remove(struct pool *pool, const struct peer_hash *peer_hash, uint32_t stride, uint32_t slot);
/* Write `count` peers without the one in slot `skip` (NONE: no one is left out); return their bytes. */
uint32_t pool_pick(const struct pool *pool, uint32_t stride, uint32_t count, uint32_t skip, struct rng *rng,
                   uint8_t *out);

#endif
