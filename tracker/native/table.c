/* A hash table of records: memory chunks, and buckets by linear hashing. */
#include "table.h"

#include <stdlib.h>

#define CHUNK_BITS 8
#define CHUNK (UINT32_C(1) << CHUNK_BITS)
#define LIMIT (UINT32_C(1) << 30)

void table_init_keys(struct table *table, const struct secret *secret, uint32_t width, uint32_t key_length)
{
    *table = (struct table){.secret = secret, .width = width, .key_length = key_length};
}

void table_init(struct table *table, const struct secret *secret, uint32_t width)
{
    table_init_keys(table, secret, width, INFOHASH);
}

static uint32_t chunks_of(uint32_t capacity)
{
    return (capacity + CHUNK - 1) >> CHUNK_BITS;
}

void table_free(struct table *table)
{
    for (uint32_t at = 0; at < chunks_of(table->capacity); at++)
        free(table->chunks[at]);
    free(table->chunks);
    table_init_keys(table, table->secret, table->width, table->key_length);
}

void *table_at(const struct table *table, uint32_t slot)
{
    return table->chunks[slot >> CHUNK_BITS] + (size_t)(slot & (CHUNK - 1)) * table->width;
}

static struct record *record_at(const struct table *table, uint32_t slot)
{
    return table_at(table, slot);
}

static uint8_t *key_of(struct record *record)
{
    return (uint8_t *)record + offsetof(struct record, key);
}

static uint64_t hash_at(const struct table *table, uint32_t slot)
{
    return sip_hash(table->secret, key_of(record_at(table, slot)), table->key_length);
}

void table_fetch(const struct table *table, uint64_t hash, bool deep)
{
    if (!table->size)
        return;
    const struct record *record = record_at(table, bucket_of(hash, table->size));
    if (deep && record->head == NONE)
        return;
    if (deep)
        record = record_at(table, record->head);
    __builtin_prefetch(record);
    __builtin_prefetch((const uint8_t *)record + table->width - 1);
}

static __attribute__((noinline)) uint32_t find_long(const struct table *table, const uint8_t *key, uint64_t hash)
{
    uint32_t slot = record_at(table, bucket_of(hash, table->size))->head;
    while (slot != NONE && memcmp(key_of(record_at(table, slot)), key, table->key_length) != 0)
        slot = record_at(table, slot)->next;
    return slot;
}

/* Infohashes are compared in line, since every announce does it. */
uint32_t table_find(const struct table *table, const uint8_t *key, uint64_t hash)
{
    if (!table->size)
        return NONE;
    if (table->key_length != INFOHASH)
        return find_long(table, key, hash);
    uint32_t slot = record_at(table, bucket_of(hash, table->size))->head;
    while (slot != NONE) {
        const struct record *record = record_at(table, slot);
        if (!memcmp(record->key, key, INFOHASH))
            return slot;
        slot = record->next;
    }
    return NONE;
}

/* The first chunk grows by half, so that many small tables cost little; the others come whole. */
static bool grow(struct table *table)
{
    uint32_t chunks = chunks_of(table->capacity);
    uint32_t capacity = table->capacity < CHUNK ? table->capacity + table->capacity / 2 + 4 : table->capacity + CHUNK;
    if (table->capacity < CHUNK && capacity > CHUNK)
        capacity = CHUNK;
    if (capacity > LIMIT)
        return false;
    if (chunks_of(capacity) != chunks) {
        uint8_t **wider = realloc(table->chunks, (chunks + 1) * sizeof *wider);
        if (!wider)
            return false;
        table->chunks = wider;
        table->chunks[chunks] = NULL;
    }
    uint32_t last = chunks_of(capacity) - 1;
    uint8_t *chunk = realloc(table->chunks[last], (size_t)(capacity - last * CHUNK) * table->width);
    if (!chunk)
        return false;
    table->chunks[last] = chunk;
    table->capacity = capacity;
    return true;
}

/* Give bucket `at` what belongs to it of the bucket that it was part of until now. */
static void split(struct table *table, uint32_t at)
{
    uint32_t *link = &record_at(table, bucket_buddy(at))->head;
    uint32_t *mine = &record_at(table, at)->head;
    while (*link != NONE) {
        uint32_t slot = *link;
        struct record *record = record_at(table, slot);
        if (bucket_of(hash_at(table, slot), at + 1) == at) {
            *link = record->next;
            record->next = *mine;
            *mine = slot;
        } else {
            link = &record->next;
        }
    }
}

uint32_t table_add(struct table *table, const uint8_t *key, uint64_t hash)
{
    if (table->size == table->capacity && !grow(table))
        return NONE;
    uint32_t slot = table->size++;
    struct record *record = table_at(table, slot);
    memset(record, 0, table->width);
    memcpy(key_of(record), key, table->key_length);
    record->head = NONE;
    if (slot)
        split(table, slot);
    struct record *bucket = record_at(table, bucket_of(hash, table->size));
    record->next = bucket->head;
    bucket->head = slot;
    return slot;
}

static uint32_t *link_to(struct table *table, uint32_t slot)
{
    uint32_t *link = &record_at(table, bucket_of(hash_at(table, slot), table->size))->head;
    while (*link != slot)
        link = &record_at(table, *link)->next;
    return link;
}

/* Join the last bucket to the one that it was split from. */
static void join_last(struct table *table, uint32_t last)
{
    if (!last)
        return;
    struct record *from = record_at(table, last), *to = record_at(table, bucket_buddy(last));
    uint32_t *end = &from->head;
    while (*end != NONE)
        end = &record_at(table, *end)->next;
    *end = to->head;
    to->head = from->head;
}

static void shrink(struct table *table)
{
    if (!table->size) {
        table_free(table);
    } else if (table->capacity > CHUNK && table->size + CHUNK + CHUNK / 2 <= table->capacity) {
        free(table->chunks[chunks_of(table->capacity) - 1]);
        table->capacity -= CHUNK;
    }
}

void table_remove(struct table *table, uint32_t slot)
{
    uint32_t last = table->size - 1;
    struct record *record = record_at(table, slot);
    *link_to(table, slot) = record->next;
    if (slot != last) {
        *link_to(table, last) = slot;
        uint32_t head = record->head; /* only now: the link may have been this one */
        memcpy(record, record_at(table, last), table->width);
        record->head = head;
    }
    join_last(table, last);
    table->size = last;
    shrink(table);
}
