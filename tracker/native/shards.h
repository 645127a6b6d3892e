/* The store's inner structure: shards, a mutex each; for the files of the store alone. */
#ifndef PEERAGE_SHARDS_H
#define PEERAGE_SHARDS_H

#include <pthread.h>
#include <stdatomic.h>

#include "swarm.h"

#define SHARDS 256 /* by the first byte, so that going through them is going through sorted keys */
#define MAX_PART (UINT64_C(1) << 20) /* journal rows of a swarm; more are damage */

/* A hash that stands for another one. */
struct alias {
    struct record record;
    uint8_t canonical[INFOHASH];
};

/* A swarm that is no more, but of which the journal may hold rows. */
struct deleted {
    struct record record;
    uint32_t parts;
};

struct shard {
    pthread_mutex_t mutex;
    bool changed; /* a swarm may be dirty; false: a flush need not look */
    struct table swarms, deleted, aliases, allowed, denied;
};

/* Where the sweep goes on: the swarms of a shard from the last slot down, the pools of a swarm likewise. */
struct cursor {
    uint32_t shard, swarm; /* swarm: one above the slot; 0: the shard is done; NONE: it is not begun */
    uint32_t pool, slot;   /* slot: one above the first to look at; NONE: all of the pool */
};

struct keys {
    uint8_t (*list)[INFOHASH];
    size_t count, room;
};

/* Where a flush is; the mutex is taken before a shard's, never after it. */
struct round {
    pthread_mutex_t mutex;
    uint32_t turn;
    struct keys keys; /* of this turn, of which those from `next` on are left */
    size_t next;
};

struct store {
    struct terms terms;
    struct peer_hash peer_hash;
    atomic_bool listed, restoring;
    atomic_uint_fast64_t torrents, peers, complete;
    pthread_mutex_t sweeping; /* guards the cursor; taken before a shard's mutex, never after it */
    struct cursor cursor;
    struct round round;
    struct shard shards[SHARDS];
};

/* What a swarm held before a change. */
struct before {
    uint64_t peers, complete;
};

static inline uint64_t infohash_hash(const struct store *store, const uint8_t infohash[INFOHASH])
{
    return sip_hash(&store->peer_hash.secret, infohash, INFOHASH);
}

/* Lock the shard of an infohash and return it; unlocked by shard_leave. */
static inline struct shard *shard_enter(struct store *store, const uint8_t infohash[INFOHASH])
{
    struct shard *shard = &store->shards[infohash[0]];
    pthread_mutex_lock(&shard->mutex);
    return shard;
}

static inline void shard_leave(struct shard *shard)
{
    pthread_mutex_unlock(&shard->mutex);
}

/* All of these are called with the shard locked. */
struct swarm *shard_swarm(struct shard *shard, const uint8_t infohash[INFOHASH], uint64_t hash);
/* A new swarm, marked dirty; NULL: no memory. */
struct swarm *shard_make(struct store *store, struct shard *shard, const uint8_t infohash[INFOHASH], uint64_t hash,
                         int64_t now);
/* Remember that the journal may hold `parts` rows of a hash that has no swarm. */
bool shard_note_deleted(struct shard *shard, const uint8_t infohash[INFOHASH], uint64_t hash, uint64_t parts);
struct before swarm_before(const struct swarm *swarm);
/* Add to the store's counters what a swarm has more or less than before, and note in its shard whether it is dirty. */
void swarm_update_totals(struct store *store, const struct swarm *swarm, struct before before);
/* Lock the shard of the hash that this one stands for, or of itself; `infohash` and `hash` become that one's. */
struct shard *shard_enter_canonical(struct store *store, uint8_t infohash[INFOHASH], uint64_t *hash);

#endif
