/* Changes of other nodes: taken over by rank, and their completed counts; the twin of Swarms.apply. */
#include "shards.h"

#include <stdlib.h>

struct others *find_others(struct shard *shard, const uint8_t infohash[INFOHASH], uint64_t hash)
{
    uint32_t slot = table_find(&shard->others, infohash, hash);
    return slot == NONE ? NULL : table_at(&shard->others, slot);
}

void shard_drop_others(struct shard *shard, const uint8_t infohash[INFOHASH], uint64_t hash)
{
    if (!shard->others.size)
        return;
    uint32_t slot = table_find(&shard->others, infohash, hash);
    if (slot == NONE)
        return;
    free(((struct others *)table_at(&shard->others, slot))->list);
    table_remove(&shard->others, slot);
}

/* Where a node is in a list, or belongs. */
static uint32_t node_place(const struct others *others, uint32_t node)
{
    uint32_t at = 0;
    while (at < others->count && others->list[at].node < node)
        at++;
    return at;
}

/* Raise the count of another node; false: no memory. `grown` tells whether it was less. */
static bool raise_count(struct shard *shard, const uint8_t infohash[INFOHASH], uint64_t hash, uint32_t node,
                        uint64_t completed, bool *grown)
{
    struct others *others = shard_others(shard, infohash, hash);
    uint32_t at = others ? node_place(others, node) : 0;
    bool known = others && at < others->count && others->list[at].node == node;
    *grown = completed > (known ? others->list[at].completed : 0) && (known || !others || others->count < MAX_NODES);
    if (!*grown)
        return true;
    if (!others) {
        uint32_t slot = table_add(&shard->others, infohash, hash);
        if (slot == NONE)
            return false;
        others = table_at(&shard->others, slot);
    }
    if (!known) {
        struct node_count *list = realloc(others->list, (others->count + 1) * sizeof *list);
        if (!list)
            return false;
        memmove(list + at + 1, list + at, (others->count - at) * sizeof *list);
        list[at] = (struct node_count){0, node};
        others->list = list;
        others->count++;
    }
    others->sum += completed - others->list[at].completed;
    others->list[at].completed = completed;
    return true;
}

bool shard_count_node(struct store *store, struct shard *shard, struct swarm *swarm, uint64_t hash, uint32_t node,
                      uint64_t completed, bool changed)
{
    bool grown = completed > swarm->completed, done = true;
    if (node != store->terms.node)
        done = raise_count(shard, swarm->record.key, hash, node, completed, &grown);
    else if (grown)
        swarm->completed = completed;
    if (grown && changed) {
        bits_set(&swarm->dirty, 0);
        shard->changed = true;
    }
    return done;
}

static bool is_change(const struct change *change)
{
    uint32_t flags = change->value & (GONE | LEECHER | FLAGS);
    if (change->length != 6 && change->length != 18)
        return false;
    return flags == GONE || !(flags & GONE || (flags & PAUSED && flags & LEECHER));
}

static bool is_full(const atomic_uint_fast64_t *counter, uint64_t cap)
{
    return atomic_load_explicit(counter, memory_order_relaxed) >= cap;
}

static int apply_count(struct store *store, struct shard *shard, const uint8_t infohash[INFOHASH], uint64_t hash,
                       const struct change *change, int64_t now)
{
    if (!change->value || change->value > MAX_COMPLETED)
        return 0;
    struct swarm *swarm = shard_swarm(shard, infohash, hash);
    if (!swarm) {
        if (is_full(&store->torrents, store->terms.max_torrents))
            return 0;
        swarm = shard_make(store, shard, infohash, hash, now);
    }
    return swarm && shard_count_node(store, shard, swarm, hash, change->node, change->value, true) ? 0 : -1;
}

static void apply_departure(struct store *store, struct shard *shard, struct swarm *swarm, struct place place,
                            const uint8_t infohash[INFOHASH], const struct change *change, bool stale)
{
    if (place.slot != NONE) {
        struct before before = swarm_before(swarm);
        swarm_remove(swarm, &store->peer_hash, place);
        bits_set(&swarm->dirty, 0);
        swarm_update_totals(store, swarm, before);
    }
    if (!stale)
        tombstone_put(store, shard, infohash, change->peer, change->length, change->value);
}

static int apply_peer(struct store *store, struct shard *shard, const uint8_t infohash[INFOHASH], uint64_t hash,
                      const struct change *change, int64_t now)
{
    struct lookup lookup = {.peer = change->peer, .peer_hash = &store->peer_hash, .stride = change->length};
    int64_t time = (int64_t)(change->value >> RANK_SHIFT) + EPOCH;
    bool gone = change->value & GONE, stale = time < now - store->terms.timeout;
    if (!is_change(change) || time > now + CLOCK_SKEW || (stale && !gone))
        return 0;
    struct swarm *swarm = shard_swarm(shard, infohash, hash);
    struct place place = swarm ? swarm_locate(swarm, &lookup) : (struct place){0, NONE};
    uint64_t known = place.slot != NONE
                         ? rank_of(place.which, *pool_state(swarm_pool(swarm, place.which), place.slot))
                         : tombstone_rank(store, shard, infohash, change->peer, change->length);
    if (change->value <= known)
        return 0;
    if (gone) {
        apply_departure(store, shard, swarm, place, infohash, change, stale);
        return 0;
    }
    if ((!swarm && is_full(&store->torrents, store->terms.max_torrents)) ||
        (place.slot == NONE && is_full(&store->peers, store->terms.max_peers)))
        return 0;
    tombstone_drop(store, shard, infohash, change->peer, change->length);
    if (!swarm && !(swarm = shard_make(store, shard, infohash, hash, time)))
        return -1;
    struct before before = swarm_before(swarm);
    swarm_replace(swarm, &lookup, place, change->value);
    bits_set(&swarm->dirty, 0);
    swarm_adopt(store, swarm);
    swarm_update_totals(store, swarm, before);
    return 0;
}

int store_apply(struct store *store, const struct change *changes, size_t count, int64_t now)
{
    int done = 0;
    for (size_t at = 0; at < count; at++) {
        const struct change *change = &changes[at];
        if (store_verdict(store, change->infohash) != VERDICT_OK)
            continue;
        uint8_t infohash[INFOHASH];
        uint64_t hash;
        memcpy(infohash, change->infohash, INFOHASH);
        struct shard *shard = shard_enter_canonical(store, infohash, &hash);
        done |= change->length ? apply_peer(store, shard, infohash, hash, change, now)
                               : apply_count(store, shard, infohash, hash, change, now);
        shard_leave(shard);
    }
    return done;
}
