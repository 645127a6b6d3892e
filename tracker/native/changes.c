/* Changes of single peers: the log that consumers read, and tombstones; the twin of tracker/changes.py. */
#include "shards.h"

#include <stdlib.h>

static void write_key(uint8_t key[CHANGE_KEY], const uint8_t infohash[INFOHASH], const uint8_t *peer, uint32_t length)
{
    memset(key, 0, CHANGE_KEY);
    memcpy(key, infohash, INFOHASH);
    if (length)
        memcpy(key + INFOHASH, peer, length);
    key[CHANGE_KEY - 1] = (uint8_t)length;
}

static uint64_t key_hash(const struct store *store, const uint8_t key[CHANGE_KEY])
{
    return sip_hash(&store->peer_hash.secret, key, CHANGE_KEY);
}

/* Make room for one more at the cap, in the place of the oldest; false: there is none in this shard. */
static bool make_room(const struct store *store, struct queue *queue, atomic_uint_fast64_t *counter)
{
    if (atomic_load_explicit(counter, memory_order_relaxed) < store->terms.max_changes)
        return true;
    if (queue->first == NONE)
        return false;
    queue_remove(queue, queue->first);
    atomic_fetch_sub_explicit(counter, 1, memory_order_relaxed);
    return true;
}

static struct logged *logged_at(const struct queue *queue, uint32_t slot)
{
    return table_at(&queue->table, slot);
}

void log_change(struct store *store, struct shard *shard, const uint8_t infohash[INFOHASH], const uint8_t *peer,
                uint32_t length, uint64_t value)
{
    struct queue *queue = &shard->logged;
    uint8_t key[CHANGE_KEY];
    write_key(key, infohash, peer, length);
    uint64_t hash = key_hash(store, key), sequence = ++shard->sequence;
    uint32_t slot = table_find(&queue->table, key, hash);
    if (slot != NONE) {
        queue_move_to_end(queue, slot);
    } else {
        uint32_t size = queue->table.size;
        uint64_t oldest = size ? logged_at(queue, queue->first)->sequence : sequence;
        if (!make_room(store, queue, &store->logged) || (slot = queue_add(queue, key, hash)) == NONE) {
            shard->dropped = sequence;
            return;
        }
        if (queue->table.size == size)
            shard->dropped = oldest;
        atomic_fetch_add_explicit(&store->logged, 1, memory_order_relaxed);
    }
    struct logged *logged = logged_at(queue, slot);
    logged->value = value;
    logged->sequence = sequence;
}

/* Drop the entries that every consumer has acknowledged. */
static void free_read(struct store *store, struct shard *shard)
{
    struct queue *queue = &shard->logged;
    uint64_t seen = shard->sequence;
    for (unsigned at = 0; at < MAX_CONSUMERS; at++)
        if (shard->consumers >> at & 1 && shard->cursors[at] < seen)
            seen = shard->cursors[at];
    while (queue->first != NONE && logged_at(queue, queue->first)->sequence <= seen) {
        queue_remove(queue, queue->first);
        atomic_fetch_sub_explicit(&store->logged, 1, memory_order_relaxed);
    }
}

static bool is_open(const struct store *store, unsigned consumer)
{
    return consumer < MAX_CONSUMERS && store->consuming.open >> consumer & 1;
}

int store_open_changes(struct store *store)
{
    int consumer = 0;
    pthread_mutex_lock(&store->consuming.mutex);
    while (consumer < MAX_CONSUMERS && is_open(store, (unsigned)consumer))
        consumer++;
    for (uint32_t at = 0; at < SHARDS && consumer < MAX_CONSUMERS; at++) {
        struct shard *shard = &store->shards[at];
        pthread_mutex_lock(&shard->mutex);
        shard->cursors[consumer] = shard->sequence;
        shard->consumers |= (uint8_t)(1u << consumer);
        shard_leave(shard);
    }
    if (consumer < MAX_CONSUMERS) {
        store->consuming.open |= (uint8_t)(1u << consumer);
        store->consuming.starts[consumer] = 0;
    }
    pthread_mutex_unlock(&store->consuming.mutex);
    return consumer < MAX_CONSUMERS ? consumer : -1;
}

void store_close_changes(struct store *store, unsigned consumer)
{
    pthread_mutex_lock(&store->consuming.mutex);
    if (is_open(store, consumer)) {
        store->consuming.open &= (uint8_t)~(1u << consumer);
        for (uint32_t at = 0; at < SHARDS; at++) {
            struct shard *shard = &store->shards[at];
            pthread_mutex_lock(&shard->mutex);
            shard->consumers &= (uint8_t)~(1u << consumer);
            free_read(store, shard);
            shard_leave(shard);
        }
    }
    pthread_mutex_unlock(&store->consuming.mutex);
}

void *reserve(void *array, size_t *room, size_t used, size_t more, size_t width)
{
    if (used + more <= *room)
        return array;
    size_t wider = (used + more) * 3 / 2 + 16;
    void *grown = realloc(array, wider * width);
    if (grown)
        *room = wider;
    return grown;
}

static struct change *add_change(struct changes *changes)
{
    struct change *list = reserve(changes->list, &changes->room, changes->count, 1, sizeof *list);
    if (!list)
        return NULL;
    changes->list = list;
    struct change *change = &list[changes->count++];
    memset(change, 0, sizeof *change);
    return change;
}

void changes_free(struct changes *changes)
{
    free(changes->list);
    changes->list = NULL;
    changes->count = changes->room = 0;
}

static bool add_keyed(struct changes *changes, const uint8_t key[CHANGE_KEY], uint32_t node, uint64_t value)
{
    struct change *change = add_change(changes);
    if (!change)
        return false;
    memcpy(change->infohash, key, INFOHASH);
    memcpy(change->peer, key + INFOHASH, sizeof change->peer);
    change->length = key[CHANGE_KEY - 1];
    change->node = node;
    change->value = value;
    return true;
}

static const uint8_t *key_of(const void *record)
{
    return (const uint8_t *)record + offsetof(struct record, key);
}

static bool has_lagged(struct store *store, unsigned consumer)
{
    bool lagged = false;
    for (uint32_t at = 0; at < SHARDS && !lagged; at++) {
        struct shard *shard = &store->shards[at];
        pthread_mutex_lock(&shard->mutex);
        lagged = shard->dropped > shard->cursors[consumer];
        shard_leave(shard);
    }
    return lagged;
}

/* Take everything as read: the consumer is going to take a snapshot. */
static void skip_all(struct store *store, unsigned consumer)
{
    for (uint32_t at = 0; at < SHARDS; at++) {
        struct shard *shard = &store->shards[at];
        pthread_mutex_lock(&shard->mutex);
        shard->cursors[consumer] = shard->sequence;
        free_read(store, shard);
        shard_leave(shard);
    }
}

static bool read_shard(struct store *store, uint32_t number, unsigned consumer, size_t limit, struct changes *out)
{
    struct shard *shard = &store->shards[number];
    struct queue *queue = &shard->logged;
    uint64_t last = 0;
    bool done = true;
    pthread_mutex_lock(&shard->mutex);
    uint32_t slot = shard->sequence > shard->cursors[consumer] ? queue->first : NONE;
    for (; slot != NONE && out->count < limit && done; slot = queue_links(queue, slot)->newer) {
        const struct logged *logged = logged_at(queue, slot);
        if (logged->sequence <= shard->cursors[consumer])
            continue;
        done = add_keyed(out, key_of(logged), store->terms.node, logged->value);
        if (done)
            last = logged->sequence;
    }
    shard_leave(shard);
    if (last)
        out->position[out->positions++] = (struct reading_position){number, last};
    return done;
}

int store_read_changes(struct store *store, unsigned consumer, size_t limit, struct changes *out)
{
    bool done = true, open;
    out->lagged = false;
    out->list = NULL;
    out->count = out->room = out->positions = 0;
    pthread_mutex_lock(&store->consuming.mutex);
    open = is_open(store, consumer);
    if (open && has_lagged(store, consumer)) {
        out->lagged = true;
        skip_all(store, consumer);
    } else if (open) {
        uint32_t start = store->consuming.starts[consumer];
        for (uint32_t at = 0; at < SHARDS && done; at++) {
            if (out->count >= limit) {
                store->consuming.starts[consumer] = (start + at) % SHARDS;
                break;
            }
            done = read_shard(store, (start + at) % SHARDS, consumer, limit, out);
        }
    }
    pthread_mutex_unlock(&store->consuming.mutex);
    return !open ? -2 : done ? 0 : -1;
}

void store_acknowledge_changes(struct store *store, unsigned consumer, const struct reading_position *positions,
                               size_t count)
{
    pthread_mutex_lock(&store->consuming.mutex);
    for (size_t at = 0; at < count && is_open(store, consumer); at++) {
        if (positions[at].shard >= SHARDS)
            continue;
        struct shard *shard = &store->shards[positions[at].shard];
        pthread_mutex_lock(&shard->mutex);
        uint64_t sequence = positions[at].sequence < shard->sequence ? positions[at].sequence : shard->sequence;
        if (shard->cursors[consumer] < sequence)
            shard->cursors[consumer] = sequence;
        free_read(store, shard);
        shard_leave(shard);
    }
    pthread_mutex_unlock(&store->consuming.mutex);
}

/* Tombstones. */

static uint32_t find_tombstone(const struct store *store, const struct shard *shard, const uint8_t infohash[INFOHASH],
                               const uint8_t *peer, uint32_t length)
{
    uint8_t key[CHANGE_KEY];
    if (!shard->tombstones.table.size)
        return NONE;
    write_key(key, infohash, peer, length);
    return table_find(&shard->tombstones.table, key, key_hash(store, key));
}

uint64_t tombstone_rank(const struct store *store, const struct shard *shard, const uint8_t infohash[INFOHASH],
                        const uint8_t *peer, uint32_t length)
{
    uint32_t slot = find_tombstone(store, shard, infohash, peer, length);
    return slot == NONE ? 0 : ((const struct tombstone *)table_at(&shard->tombstones.table, slot))->rank;
}

void tombstone_put(struct store *store, struct shard *shard, const uint8_t infohash[INFOHASH], const uint8_t *peer,
                   uint32_t length, uint64_t rank)
{
    struct queue *queue = &shard->tombstones;
    uint8_t key[CHANGE_KEY];
    write_key(key, infohash, peer, length);
    uint64_t hash = key_hash(store, key);
    uint32_t slot = table_find(&queue->table, key, hash);
    if (slot != NONE) {
        queue_move_to_end(queue, slot);
    } else {
        if (!make_room(store, queue, &store->tombstones) || (slot = queue_add(queue, key, hash)) == NONE)
            return;
        atomic_fetch_add_explicit(&store->tombstones, 1, memory_order_relaxed);
    }
    ((struct tombstone *)table_at(&queue->table, slot))->rank = rank;
}

static void remove_tombstone(struct store *store, struct shard *shard, uint32_t slot)
{
    queue_remove(&shard->tombstones, slot);
    atomic_fetch_sub_explicit(&store->tombstones, 1, memory_order_relaxed);
}

void tombstone_drop(struct store *store, struct shard *shard, const uint8_t infohash[INFOHASH], const uint8_t *peer,
                    uint32_t length)
{
    uint32_t slot = find_tombstone(store, shard, infohash, peer, length);
    if (slot != NONE)
        remove_tombstone(store, shard, slot);
}

bool outranked(struct store *store, struct shard *shard, const uint8_t infohash[INFOHASH], const uint8_t *peer,
               uint32_t length, uint64_t rank)
{
    uint32_t slot = find_tombstone(store, shard, infohash, peer, length);
    if (slot == NONE)
        return false;
    if (((const struct tombstone *)table_at(&shard->tombstones.table, slot))->rank >= rank)
        return true;
    remove_tombstone(store, shard, slot);
    return false;
}

void tombstones_expire(struct store *store, struct shard *shard, int64_t before)
{
    struct queue *queue = &shard->tombstones;
    for (int count = 0; count < EXPIRED_AT_ONCE && queue->first != NONE; count++) {
        const struct tombstone *oldest = table_at(&queue->table, queue->first);
        if ((int64_t)oldest->rank >= before)
            return;
        remove_tombstone(store, shard, queue->first);
    }
}

/* A snapshot: shards from the first on, swarms and slots from the last down, as the sweep goes. */

static bool walk_pool(struct snapshot_place *place, const struct swarm *swarm, struct changes *out)
{
    const struct pool *pool = swarm_pool(swarm, place->pool);
    uint32_t end = place->slot < pool->size ? place->slot : pool->size;
    size_t left = CHANGES_AT_ONCE - out->count;
    uint32_t first = end > left ? end - (uint32_t)left : 0, stride = STRIDE(place->pool);
    for (uint32_t slot = end; slot-- > first;) {
        struct change *change = add_change(out);
        if (!change)
            return false;
        memcpy(change->infohash, swarm->record.key, INFOHASH);
        memcpy(change->peer, pool_peer(pool, stride, slot), stride);
        change->length = (uint8_t)stride;
        change->value = rank_of(place->pool, *pool_state(pool, slot));
    }
    place->slot = first ? first : NONE;
    place->pool += !first;
    return true;
}

static bool add_count(struct changes *out, const struct swarm *swarm, uint32_t node, uint64_t completed)
{
    struct change *change = add_change(out);
    if (!change)
        return false;
    memcpy(change->infohash, swarm->record.key, INFOHASH);
    change->node = node;
    change->value = completed;
    return true;
}

static bool walk_swarm(struct store *store, struct shard *shard, struct snapshot_place *place, struct changes *out)
{
    const struct swarm *swarm = table_at(&shard->swarms, place->swarm - 1);
    bool done = true;
    if (place->pool == 0 && place->slot == NONE) {
        const uint8_t *infohash = swarm->record.key;
        const struct others *others = shard_others(shard, infohash, infohash_hash(store, infohash));
        if (swarm->completed)
            done = add_count(out, swarm, store->terms.node, swarm->completed);
        for (uint32_t at = 0; others && at < others->count && done; at++)
            done = add_count(out, swarm, others->list[at].node, others->list[at].completed);
    }
    while (place->pool < POOLS && out->count < CHANGES_AT_ONCE && done)
        done = walk_pool(place, swarm, out);
    if (place->pool >= POOLS)
        *place = (struct snapshot_place){place->shard, place->swarm - 1, 0, NONE};
    return done;
}

static bool walk_tombstones(struct store *store, struct shard *shard, struct changes *out)
{
    const struct queue *queue = &shard->tombstones;
    bool done = true;
    for (uint32_t slot = queue->first; slot != NONE && done; slot = queue_links(queue, slot)->newer) {
        const struct tombstone *tombstone = table_at(&queue->table, slot);
        done = add_keyed(out, key_of(tombstone), store->terms.node, tombstone->rank);
    }
    return done;
}

bool store_snapshot(struct store *store, struct snapshot_place *place, struct changes *out)
{
    bool done = true;
    out->lagged = false;
    out->list = NULL;
    out->count = out->room = out->positions = 0;
    while (place->shard < SHARDS && out->count < CHANGES_AT_ONCE && done) {
        struct shard *shard = &store->shards[place->shard];
        pthread_mutex_lock(&shard->mutex);
        if (place->swarm > shard->swarms.size)
            *place = (struct snapshot_place){place->shard, shard->swarms.size, 0, NONE};
        if (place->swarm) {
            done = walk_swarm(store, shard, place, out);
        } else {
            done = walk_tombstones(store, shard, out);
            *place = (struct snapshot_place){place->shard + 1, NONE, 0, NONE};
        }
        shard_leave(shard);
    }
    return done;
}
