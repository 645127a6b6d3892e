/* The sweep: drops silent peers and forgets empty swarms, in the order of Swarms.expire.
 *
 * Shards go round from the first to the last, the swarms of a shard and the slots of a pool from the last down,
 * so that what a removal moves into a hole was looked at already. */
#include "shards.h"

#define AT_ONCE 2048 /* slots that are looked at while a shard is locked */

/* One look at a swarm. */
struct look {
    int64_t now, limit, budget; /* peers with a state below `limit` are too old */
    int64_t used;
    uint64_t dropped;
    bool done;
};

static int64_t lesser(int64_t one, int64_t other)
{
    return one < other ? one : other;
}

/* A peer that was silent too long is gone from the second on in which it was last seen. */
static void log_expiry(struct store *store, struct shard *shard, const struct swarm *swarm, struct place place,
                       uint32_t state)
{
    const uint8_t *peer = pool_peer(swarm_pool(swarm, place.which), STRIDE(place.which), place.slot);
    log_change(store, shard, swarm->record.key, peer, STRIDE(place.which), rank_of(0, state & ~FLAGS) | GONE);
}

/* Look at the slots first .. end-1 of a pool, from the last down. */
static uint64_t drop(struct store *store, struct shard *shard, struct swarm *swarm, uint32_t which, uint32_t first,
                     uint32_t end, int64_t limit)
{
    uint64_t dropped = 0;
    while (end > first) {
        uint32_t start = (end - 1) & ~(ROW - 1);
        if (start < first)
            start = first;
        uint32_t oldest = UINT32_MAX;
        const uint32_t *states = pool_state(swarm_pool(swarm, which), start);
        for (uint32_t at = 0; at < end - start; at++)
            oldest = states[at] < oldest ? states[at] : oldest;
        for (uint32_t slot = end; (int64_t)oldest < limit && slot-- > start;) {
            uint32_t state = *pool_state(swarm_pool(swarm, which), slot);
            if ((int64_t)state >= limit)
                continue;
            if (shard->consumers)
                log_expiry(store, shard, swarm, (struct place){which, slot}, state);
            swarm_remove(swarm, &store->peer_hash, (struct place){which, slot});
            dropped++;
        }
        end = start;
    }
    return dropped;
}

/* Go on with the swarm at the cursor until it is done, the budget is used up, or the shard was locked long enough. */
static void look_at(struct store *store, struct shard *shard, struct swarm *swarm, struct look *look)
{
    struct cursor *cursor = &store->cursor;
    struct before before = swarm_before(swarm);
    uint64_t dropped = 0;
    int64_t stop = lesser(look->budget, look->used + AT_ONCE);
    while (cursor->pool < POOLS && look->used < stop) {
        uint32_t size = swarm_size(swarm, cursor->pool), end = cursor->slot < size ? cursor->slot : size;
        int64_t count = lesser(end, stop - look->used);
        uint32_t first = end - (uint32_t)count;
        dropped += drop(store, shard, swarm, cursor->pool, first, end, look->limit);
        look->used += count;
        cursor->slot = first ? first : NONE;
        cursor->pool += !first;
    }
    look->done = cursor->pool >= POOLS;
    look->dropped += dropped;
    if (dropped) {
        bits_set(&swarm->dirty, 0);
        swarm_update_totals(store, swarm, before);
    }
}

static bool forgettable(struct store *store, struct shard *shard, const struct swarm *swarm, int64_t now)
{
    if (swarm_peers(swarm))
        return false;
    bool near_cap = (double)atomic_load(&store->torrents) > (double)store->terms.max_torrents * EVICT_ABOVE;
    const uint8_t *infohash = swarm->record.key;
    bool completed = swarm->completed || shard_others(shard, infohash, infohash_hash(store, infohash));
    return !completed || near_cap || now - EPOCH - swarm->touched > store->terms.remember_completed;
}

bool shard_forget(struct store *store, struct shard *shard, uint32_t slot)
{
    struct swarm *swarm = table_at(&shard->swarms, slot);
    const uint8_t *infohash = swarm->record.key;
    if (swarm->parts && !shard_note_deleted(shard, infohash, infohash_hash(store, infohash), swarm->parts))
        return false;
    shares_add(&store->shares, swarm->owner, -1);
    shard_drop_others(shard, infohash, infohash_hash(store, infohash));
    swarm_free(swarm);
    table_remove(&shard->swarms, slot);
    shard->changed = true; /* a flush that is looking through the shard may miss the one that moved */
    atomic_fetch_sub_explicit(&store->torrents, 1, memory_order_relaxed);
    return true;
}

/* Find the next shard with a swarm to visit; false: there is none at all. */
static bool seek_swarm(struct store *store)
{
    struct cursor *cursor = &store->cursor;
    for (uint32_t tries = 0; tries <= SHARDS; tries++) {
        struct shard *shard = &store->shards[cursor->shard];
        pthread_mutex_lock(&shard->mutex);
        if (cursor->swarm > shard->swarms.size) /* NONE too; swarms that made room may be gone */
            cursor->swarm = shard->swarms.size;
        shard_leave(shard);
        if (cursor->swarm)
            return true;
        *cursor = (struct cursor){(cursor->shard + 1) % SHARDS, NONE, 0, NONE};
    }
    return false;
}

/* Visit the swarm at the cursor, in as many turns at its shard as it takes. */
static void visit(struct store *store, struct look *look)
{
    struct cursor *cursor = &store->cursor;
    struct shard *shard = &store->shards[cursor->shard];
    uint32_t slot = cursor->swarm - 1;
    do {
        pthread_mutex_lock(&shard->mutex);
        if (slot >= shard->swarms.size) { /* it went meanwhile */
            shard_leave(shard);
            look->done = true;
            return;
        }
        struct swarm *swarm = table_at(&shard->swarms, slot);
        look_at(store, shard, swarm, look);
        if (look->done) {
            *cursor = (struct cursor){cursor->shard, slot, 0, NONE};
            if (forgettable(store, shard, swarm, look->now))
                shard_forget(store, shard, slot); /* or in the next round */
        }
        shard_leave(shard);
    } while (!look->done && look->used < look->budget);
}

/* Forget old sessions and tombstones of the next shard. */
static void look_after(struct store *store, int64_t now)
{
    uint32_t number = store->upkeep;
    struct shard *shard = &store->shards[number];
    store->upkeep = (store->upkeep + 1) % SHARDS;
    pthread_mutex_lock(&shard->mutex);
    sessions_expire(store, shard, now);
    limits_expire(store, shard, number, now);
    tombstones_expire(store, shard, (now - store->terms.timeout - EPOCH) * (1 << RANK_SHIFT));
    shard_leave(shard);
}

uint64_t store_expire(struct store *store, int64_t now, int64_t budget)
{
    struct look look = {.now = now, .limit = (now - store->terms.timeout - EPOCH) * 4};
    pthread_mutex_lock(&store->sweeping);
    look_after(store, now);
    uint64_t rounds = atomic_load(&store->torrents);
    while (budget > 0 && rounds-- > 0 && seek_swarm(store)) {
        look.used = SWARM_COST;
        look.budget = budget > SWARM_COST ? budget : SWARM_COST + 1;
        visit(store, &look);
        budget -= look.used;
        if (!look.done)
            break;
    }
    pthread_mutex_unlock(&store->sweeping);
    return look.dropped;
}
