/* The peers of one role and family: memory blocks, hash index, and the random choice of peers. */
#include "pool.h"

#include <stdlib.h>

#define SCANNED 16
#define LIMIT (UINT32_C(1) << 31)
#define SECONDS_END (INT64_C(1) << 30)

/* One block: states, then (above SCANNED slots) next slots and buckets, then the compact peers. */
struct block {
    uint8_t *base;
    uint32_t capacity;
};

uint32_t peer_state(int64_t now, uint32_t flags)
{
    int64_t seconds = now - EPOCH;
    if (seconds < 0)
        seconds = 0;
    if (seconds >= SECONDS_END)
        seconds = SECONDS_END - 1;
    return (uint32_t)seconds << 2 | flags;
}

static bool indexed(uint32_t capacity)
{
    return capacity > SCANNED;
}

static inline struct block block_of(const struct pool *pool, uint32_t slot)
{
    if (pool->capacity <= ROW)
        return (struct block){pool->block, pool->capacity};
    return (struct block){((uint8_t **)pool->block)[slot >> ROW_BITS], ROW};
}

static inline uint32_t *column(const struct pool *pool, uint32_t slot, uint32_t which)
{
    struct block block = block_of(pool, slot);
    return (uint32_t *)(void *)block.base + (size_t)which * block.capacity + (slot & (ROW - 1));
}

uint32_t *pool_state(const struct pool *pool, uint32_t slot)
{
    return column(pool, slot, 0);
}

static inline uint32_t *next_of(const struct pool *pool, uint32_t slot)
{
    return column(pool, slot, 1);
}

static inline uint32_t *bucket(const struct pool *pool, uint32_t at)
{
    return column(pool, at, 2);
}

static inline uint8_t *peers_of(struct block block)
{
    return block.base + (size_t)(indexed(block.capacity) ? 12 : 4) * block.capacity;
}

static inline uint8_t *peer_of(const struct pool *pool, uint32_t stride, uint32_t slot)
{
    return peers_of(block_of(pool, slot)) + (size_t)(slot & (ROW - 1)) * stride;
}

const uint8_t *pool_peer(const struct pool *pool, uint32_t stride, uint32_t slot)
{
    return peer_of(pool, stride, slot);
}

static inline uint32_t prefix_of(uint32_t stride)
{
    return stride == 6 ? 4 : 8;
}

static uint64_t hash_of(const struct peer_hash *peer_hash, uint32_t stride, const uint8_t *peer)
{
    return sip_hash(&peer_hash->secret, peer, peer_hash->with_port ? stride : prefix_of(stride));
}

static void hash_lookup(struct lookup *lookup)
{
    if (!lookup->hashed)
        lookup->hash = hash_of(lookup->peer_hash, lookup->stride, lookup->peer);
    lookup->hashed = true;
}

/* Compare a peer with the one looked for, counting it when the address is the same. */
static inline bool matches(struct lookup *lookup, const uint8_t *peer)
{
    if (lookup->stride == 6) {
        if (memcmp(peer, lookup->peer, 4) != 0)
            return false;
        lookup->same_address++;
        return !memcmp(peer + 4, lookup->peer + 4, 2);
    }
    if (memcmp(peer, lookup->peer, 8) != 0)
        return false;
    lookup->same_address++;
    return !memcmp(peer + 8, lookup->peer + 8, 10);
}

/* Fetch what the search of a large pool reads first. */
static void fetch_bucket(const struct pool *pool, const struct lookup *lookup)
{
    if (pool->size > ROW)
        __builtin_prefetch(bucket(pool, bucket_of(lookup->hash, pool->size)));
}

static void fetch_peer(const struct pool *pool, const struct lookup *lookup)
{
    uint32_t slot = pool->size > ROW ? *bucket(pool, bucket_of(lookup->hash, pool->size)) : NONE;
    if (slot == NONE)
        return;
    __builtin_prefetch(peer_of(pool, lookup->stride, slot));
    __builtin_prefetch(next_of(pool, slot));
    __builtin_prefetch(pool_state(pool, slot), 1);
}

void pool_fetch(const struct pool pools[2], struct lookup *lookup)
{
    if (pools[0].size <= ROW && pools[1].size <= ROW)
        return;
    hash_lookup(lookup);
    fetch_bucket(&pools[0], lookup);
    fetch_bucket(&pools[1], lookup);
    fetch_peer(&pools[0], lookup);
    fetch_peer(&pools[1], lookup);
}

uint32_t pool_find(const struct pool *pool, struct lookup *lookup)
{
    if (!pool->size)
        return NONE;
    if (!indexed(pool->capacity)) {
        const uint8_t *peer = peer_of(pool, lookup->stride, 0);
        for (uint32_t slot = 0; slot < pool->size; slot++, peer += lookup->stride)
            if (matches(lookup, peer))
                return slot;
        return NONE;
    }
    hash_lookup(lookup);
    uint32_t slot = *bucket(pool, bucket_of(lookup->hash, pool->size));
    while (slot != NONE && !matches(lookup, peer_of(pool, lookup->stride, slot)))
        slot = *next_of(pool, slot);
    return slot;
}

static uint64_t hash_at(const struct pool *pool, const struct peer_hash *peer_hash, uint32_t stride, uint32_t slot)
{
    return hash_of(peer_hash, stride, peer_of(pool, stride, slot));
}

/* Give bucket `at` what belongs to it of the bucket that it was part of until now. */
static void split(struct pool *pool, const struct peer_hash *peer_hash, uint32_t stride, uint32_t at)
{
    uint32_t *link = bucket(pool, bucket_buddy(at)), *mine = bucket(pool, at);
    while (*link != NONE) {
        uint32_t slot = *link, *next = next_of(pool, slot);
        if (bucket_of(hash_at(pool, peer_hash, stride, slot), at + 1) == at) {
            *link = *next;
            *next = *mine;
            *mine = slot;
        } else {
            link = next;
        }
    }
}

/* Enter the peer in a slot, all before it being entered; the slot brings a bucket. */
static void enter(struct pool *pool, const struct peer_hash *peer_hash, uint32_t stride, uint32_t slot, uint64_t hash)
{
    *bucket(pool, slot) = NONE;
    if (slot)
        split(pool, peer_hash, stride, slot);
    uint32_t *head = bucket(pool, bucket_of(hash, slot + 1));
    *next_of(pool, slot) = *head;
    *head = slot;
}

static size_t bytes_of(uint32_t capacity, uint32_t stride)
{
    return (size_t)capacity * ((indexed(capacity) ? 12 : 4) + stride);
}

/* Move everything into one block of another capacity (at most ROW, at least the size). */
static bool move(struct pool *pool, const struct peer_hash *peer_hash, uint32_t stride, uint32_t capacity)
{
    struct block old = {pool->block, pool->capacity}, new = {malloc(bytes_of(capacity, stride)), capacity};
    if (!new.base)
        return false;
    bool keep = indexed(old.capacity) && indexed(capacity);
    for (uint32_t which = 0; pool->size && which < (keep ? 3u : 1u); which++)
        memcpy(new.base + (size_t)which * 4 * capacity, old.base + (size_t)which * 4 * old.capacity,
               (size_t)pool->size * 4);
    if (pool->size)
        memcpy(peers_of(new), peers_of(old), (size_t)pool->size * stride);
    free(old.base);
    pool->block = new.base;
    pool->capacity = capacity;
    for (uint32_t slot = 0; !keep && indexed(capacity) && slot < pool->size; slot++)
        enter(pool, peer_hash, stride, slot, hash_at(pool, peer_hash, stride, slot));
    return true;
}

/* Add a block of ROW slots to a pool that fills whole blocks. */
static bool add_block(struct pool *pool, uint32_t stride)
{
    uint32_t blocks = pool->capacity >> ROW_BITS;
    uint8_t *block = malloc(bytes_of(ROW, stride));
    uint8_t **array = block ? realloc(blocks > 1 ? pool->block : NULL, (blocks + 1) * sizeof *array) : NULL;
    if (!array) {
        free(block);
        return false;
    }
    if (blocks == 1)
        array[0] = pool->block;
    array[blocks] = block;
    pool->block = array;
    pool->capacity += ROW;
    return true;
}

static bool grow(struct pool *pool, const struct peer_hash *peer_hash, uint32_t stride)
{
    uint32_t capacity = pool->capacity;
    if (capacity >= LIMIT)
        return false;
    if (capacity >= ROW)
        return add_block(pool, stride);
    if (capacity < SCANNED) {
        capacity += capacity < 8 ? 1 : capacity / 4;
        capacity = capacity < SCANNED ? capacity : SCANNED;
    } else {
        capacity += capacity / 2;
        capacity = capacity < ROW ? capacity : ROW;
    }
    return move(pool, peer_hash, stride, capacity);
}

static void drop_block(struct pool *pool)
{
    uint8_t **blocks = pool->block;
    pool->capacity -= ROW;
    free(blocks[pool->capacity >> ROW_BITS]);
    if (pool->capacity == ROW) {
        pool->block = blocks[0];
        free(blocks);
    }
}

/* Give memory back, late enough that a peer that comes and goes at an edge moves nothing. */
static void shrink(struct pool *pool, const struct peer_hash *peer_hash, uint32_t stride)
{
    if (!pool->size)
        pool_free(pool);
    else if (pool->capacity > ROW && pool->size + ROW + ROW / 2 <= pool->capacity)
        drop_block(pool);
    else if (pool->capacity > 4 && pool->capacity <= ROW && pool->size < pool->capacity / 2)
        move(pool, peer_hash, stride, pool->size + pool->size / 4); /* without memory it stays as it is */
}

void pool_free(struct pool *pool)
{
    if (pool->capacity > ROW)
        for (uint32_t at = 0; at < pool->capacity >> ROW_BITS; at++)
            free(((uint8_t **)pool->block)[at]);
    free(pool->block);
    *pool = (struct pool){0};
}

uint32_t pool_add(struct pool *pool, struct lookup *lookup, uint32_t state)
{
    if (pool->size == pool->capacity && !grow(pool, lookup->peer_hash, lookup->stride))
        return NONE;
    uint32_t slot = pool->size++;
    *pool_state(pool, slot) = state;
    memcpy(peer_of(pool, lookup->stride, slot), lookup->peer, lookup->stride);
    if (indexed(pool->capacity)) {
        hash_lookup(lookup);
        enter(pool, lookup->peer_hash, lookup->stride, slot, lookup->hash);
    }
    return slot;
}

static uint32_t *link_to(struct pool *pool, const struct peer_hash *peer_hash, uint32_t stride, uint32_t slot)
{
    uint32_t *link = bucket(pool, bucket_of(hash_at(pool, peer_hash, stride, slot), pool->size));
    while (*link != slot)
        link = next_of(pool, *link);
    return link;
}

/* Join the last bucket to the one that it was split from. */
static void join_last(struct pool *pool, uint32_t last)
{
    if (!last)
        return;
    uint32_t *from = bucket(pool, last), *to = bucket(pool, bucket_buddy(last)), *end = from;
    while (*end != NONE)
        end = next_of(pool, *end);
    *end = *to;
    *to = *from;
}

uint32_t pool_remove(struct pool *pool, const struct peer_hash *peer_hash, uint32_t stride, uint32_t slot)
{
    uint32_t last = pool->size - 1, state = *pool_state(pool, slot);
    bool linked = indexed(pool->capacity);
    if (linked)
        *link_to(pool, peer_hash, stride, slot) = *next_of(pool, slot);
    if (slot != last) {
        if (linked) {
            *link_to(pool, peer_hash, stride, last) = slot;
            *next_of(pool, slot) = *next_of(pool, last);
        }
        memcpy(peer_of(pool, stride, slot), peer_of(pool, stride, last), stride);
        *pool_state(pool, slot) = *pool_state(pool, last);
    }
    if (linked)
        join_last(pool, last);
    pool->size = last;
    shrink(pool, peer_hash, stride);
    return state;
}

/* Copy `count` peers from a slot on, block by block. */
static uint8_t *copy(const struct pool *pool, uint32_t stride, uint32_t first, uint32_t count, uint8_t *out)
{
    while (count) {
        uint32_t here = ROW - (first & (ROW - 1));
        if (here > count)
            here = count;
        memcpy(out, peer_of(pool, stride, first), (size_t)here * stride);
        out += (size_t)here * stride;
        first += here;
        count -= here;
    }
    return out;
}

/* Copy `count` peers from the `start`th on, counted as if slot `skip` were not there. */
static uint8_t *arc(const struct pool *pool, uint32_t stride, uint32_t start, uint32_t count, uint32_t skip,
                    uint8_t *out)
{
    if (start >= skip)
        return copy(pool, stride, start + 1, count, out);
    if (count <= skip - start)
        return copy(pool, stride, start, count, out);
    out = copy(pool, stride, start, skip - start, out);
    return copy(pool, stride, skip + 1, start + count - skip, out);
}

static uint8_t *window(const struct pool *pool, uint32_t stride, uint32_t start, uint32_t count, uint32_t skip,
                       uint8_t *out)
{
    uint32_t ring = pool->size - (skip != NONE);
    if (count <= ring - start)
        return arc(pool, stride, start, count, skip, out);
    out = arc(pool, stride, start, ring - start, skip, out);
    return arc(pool, stride, 0, count - (ring - start), skip, out);
}

uint32_t pool_pick(const struct pool *pool, uint32_t stride, uint32_t count, uint32_t skip, struct rng *rng,
                   uint8_t *out)
{
    uint32_t ring = pool->size - (skip != NONE);
    if (!count || !ring)
        return 0;
    uint8_t *end;
    if (count >= ring) {
        end = arc(pool, stride, 0, ring, skip, out);
    } else {
        uint32_t start = rng_below(rng, ring), gap = rng_below(rng, ring - count + 1);
        uint32_t first = (count + 1) / 2, second = (uint32_t)(((uint64_t)start + first + gap) % ring);
        end = window(pool, stride, start, first, skip, out);
        end = window(pool, stride, second, count - first, skip, end);
    }
    return (uint32_t)(end - out);
}
