/* One swarm: its peers in four pools by role and family; the C twin of tracker/swarm.py. */
#ifndef PEERAGE_SWARM_H
#define PEERAGE_SWARM_H

#include "pool.h"
#include "shares.h"
#include "store.h"

enum { SEEDERS4, LEECHERS4, SEEDERS6, LEECHERS6, POOLS };

#define STRIDE(which) ((which) < SEEDERS6 ? 6u : 18u)
#define ALL_ROWS UINT32_MAX

/* A bit a row: in `word` up to 64 rows, beyond that in an array; ALL_ROWS as length: no memory, so all are set. */
struct bits {
    union {
        uint64_t word;
        uint64_t *words;
    };
    uint32_t length; /* of the array, 0: there is none */
};

/* What few swarms have. */
struct extra {
    struct pool six[2];                       /* the pools of IPv6 */
    uint32_t socket_seeders, socket_leechers; /* over WebSocket: in numbers alone, they have no address to give */
};

struct swarm {
    struct record record;
    uint32_t touched; /* seconds from EPOCH */
    uint64_t completed;
    struct bits dirty;
    uint32_t paused;
    uint32_t parts; /* rows that the journal may hold */
    struct pool four[2];
    owner_t owner;       /* to whose share it counts */
    struct extra *extra; /* once there is a peer for it */
};

/* Where a peer is; slot NONE: in neither pool of its family, of which `which` is the first. */
struct place {
    uint32_t which, slot;
};

/* The rank of a peer's state in a pool: its second, then LEECHER and the flags. Departures have GONE. */
static inline uint64_t rank_of(uint32_t which, uint32_t state)
{
    return (uint64_t)(state >> 2) << RANK_SHIFT | (which & 1) * LEECHER | (state & FLAGS);
}

bool bits_any(const struct bits *bits);
bool bits_has(const struct bits *bits, uint64_t at);
void bits_set(struct bits *bits, uint64_t at);
void bits_free(struct bits *bits);

const struct pool *swarm_pool(const struct swarm *swarm, uint32_t which);
uint32_t swarm_size(const struct swarm *swarm, uint32_t which);
uint64_t swarm_peers(const struct swarm *swarm);
uint64_t swarm_complete(const struct swarm *swarm);
/* The peers over WebSocket among them, and so many more or fewer of these, never below none; false: no memory. */
uint64_t swarm_sockets(const struct swarm *swarm);
bool swarm_count_sockets(struct swarm *swarm, int64_t seeders, int64_t leechers);
/* The address of the first peer and its length, 0 where there is none. */
const uint8_t *swarm_first_address(const struct swarm *swarm, size_t *length);
uint32_t swarm_rows(const struct swarm *swarm);
struct counts swarm_counts(const struct swarm *swarm);
void swarm_touch(struct swarm *swarm, int64_t now);
struct place swarm_locate(const struct swarm *swarm, struct lookup *lookup);
/* Store or refresh the announcer; where its rank would be below `known`, it is dated later. */
struct place swarm_put(struct swarm *swarm, const struct announce *announce, struct lookup *lookup, struct place place,
                       int64_t now, uint64_t known);
/* Make a peer what a change of that rank says. */
void swarm_replace(struct swarm *swarm, struct lookup *lookup, struct place place, uint64_t rank);
void swarm_remove(struct swarm *swarm, const struct peer_hash *peer_hash, struct place place);
/* Append a peer that is not here yet, marking its row dirty or not; NONE: no memory. */
uint32_t swarm_insert(struct swarm *swarm, struct lookup *lookup, uint32_t which, uint32_t state, bool changed);
/* Merge one peer of another copy of this swarm; false: no memory. */
bool swarm_merge_peer(struct swarm *swarm, const struct peer_hash *peer_hash, uint32_t which, const uint8_t *peer,
                  uint32_t state);
void swarm_pick(const struct swarm *swarm, const struct announce *announce, struct place place, struct rng *rng,
                struct answer *answer);
/* Forget all peers and the completed count. */
void swarm_clear(struct swarm *swarm);
void swarm_free(struct swarm *swarm);

#endif
