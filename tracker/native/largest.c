/* The swarms with most peers; the twin of Swarms.largest. */
#include "shards.h"

/* Whether one comes before the other: more peers, or as many and the smaller infohash. */
static bool before(uint64_t peers, const uint8_t infohash[INFOHASH], const struct large_swarm *other)
{
    return peers != other->peers ? peers > other->peers : memcmp(infohash, other->infohash, INFOHASH) < 0;
}

static size_t insert(struct large_swarm *list, size_t count, size_t most, const struct large_swarm *swarm)
{
    size_t at = count < most ? count : most - 1;
    for (; at > 0 && before(swarm->peers, swarm->infohash, &list[at - 1]); at--)
        list[at] = list[at - 1];
    list[at] = *swarm;
    return count < most ? count + 1 : most;
}

size_t store_largest(struct store *store, struct large_swarm *list, size_t most)
{
    size_t count = 0;
    for (uint32_t number = 0; most && number < SHARDS; number++) {
        struct shard *shard = &store->shards[number];
        pthread_mutex_lock(&shard->mutex);
        for (uint32_t slot = 0; slot < shard->swarms.size; slot++) {
            const struct swarm *swarm = table_at(&shard->swarms, slot);
            struct large_swarm found = {.peers = swarm_peers(swarm)};
            if (!found.peers || (count == most && !before(found.peers, swarm->record.key, &list[most - 1])))
                continue;
            memcpy(found.infohash, swarm->record.key, INFOHASH);
            found.counts = shard_counts(shard, swarm, infohash_hash(store, found.infohash));
            count = insert(list, count, most, &found);
        }
        shard_leave(shard);
    }
    return count;
}
