/* A hash table of records by infohash, or by a longer key: dense slots in chunks, indexed by linear hashing.
 *
 * There are as many buckets as records, so growth splits one bucket per addition and shrinking joins one per
 * removal: nothing is ever rebuilt. Removal moves the last record into the hole. */
#ifndef PEERAGE_TABLE_H
#define PEERAGE_TABLE_H

#include <stdbool.h>

#include "constants.h"
#include "random.h"

#define NONE UINT32_MAX

/* The head of every record: the next one in its bucket, the first of the bucket with its number, and its key, which
 * in a table of longer keys goes on behind it. */
struct record {
    uint32_t next, head;
    uint8_t key[INFOHASH];
};

struct table {
    uint8_t **chunks;
    const struct secret *secret;
    uint32_t size, capacity;
    uint32_t width, key_length; /* bytes of a record and of its key */
};

/* The bucket of a hash among `buckets`, of which there is at least one. */
static inline uint32_t bucket_of(uint64_t hash, uint32_t buckets)
{
    uint32_t mask = buckets > 1 ? UINT32_MAX >> __builtin_clz(buckets - 1) : 0;
    uint32_t at = (uint32_t)hash & mask;
    return at < buckets ? at : at & mask >> 1;
}

/* The bucket that bucket `at` (1 or more) is split from, and joined to again. */
static inline uint32_t bucket_buddy(uint32_t at)
{
    return at & ~(UINT32_C(1) << (31 - __builtin_clz(at)));
}

void table_init(struct table *table, const struct secret *secret, uint32_t width);
void table_init_keys(struct table *table, const struct secret *secret, uint32_t width, uint32_t key_length);
void table_free(struct table *table);
void *table_at(const struct table *table, uint32_t slot);
uint32_t table_find(const struct table *table, const uint8_t *key, uint64_t hash);
/* Begin to bring in what table_find will read: its bucket, or `deep`, the record there, once the bucket has come. */
void table_fetch(const struct table *table, uint64_t hash, bool deep);
/* Add a key that is not there, the rest of its record zero; NONE: no memory. */
uint32_t table_add(struct table *table, const uint8_t *key, uint64_t hash);
void table_remove(struct table *table, uint32_t slot);

#endif
