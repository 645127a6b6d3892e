/* Finished answers to requests for stored files: put by Python, found by any thread without the GIL.
 *
 * The table is cut into shards by infohash, each with a lock, a part of the capacity, and a generation that every drop
 * raises. What is put brings the generation that was read before anything was looked up for it, so what is decided on
 * old rights never comes in after the drop that these rights called for. Where a shard is full the oldest go that
 * nothing found since they were put or spared.
 *
 * A file that is being sent is counted until the last client has it, in the table or not. Of one that is stored as it is
 * sent the heads are enough: a thread reads it from where it is stored, as long as its stamp is the same. What is large is
 * put like that, and what is small becomes so when it would be evicted.
 */
#include "kept_files.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum { OPEN_MOST = 128, HEADS_PART = 3, HEADS_OF = 4 };
enum { HEADS_MOST = 8192 }; /* bytes of both heads: with what is written around them they fit into one reply */
enum { BUCKETS_LEAST = 16, BUCKETS_MOST = 1 << 20, BYTES_A_BUCKET = 2048, MOST_PART = 4 };

struct ages {
    struct kept_file *oldest, *newest;
    size_t bytes;
};

struct file_shard {
    _Alignas(64) pthread_mutex_t lock;
    uint64_t generation;
    size_t bytes, count;
    struct ages ages[2]; /* of whole files, and of heads whose file is apart */
    struct kept_file **buckets;
    uint64_t stored, evicted, expired, refused;
};

struct file_table {
    struct file_shard shards[FILE_SHARDS];
    uint64_t secret[2];
    size_t capacity, shard_capacity, mask;
    int root;
    _Atomic uint32_t open; /* stored files that are being sent */
    _Atomic size_t held; /* bytes of all files, those that are only being sent included */
};

static uint64_t word(const uint8_t *bytes)
{
    uint64_t value;
    memcpy(&value, bytes, sizeof value);
    return value;
}

static uint64_t hash_of(const struct file_table *table, const uint8_t infohash[INFOHASH])
{
    uint64_t hash = (word(infohash) ^ table->secret[0]) * (table->secret[1] | 1);
    hash = (hash ^ hash >> 32 ^ word(infohash + 8)) * (table->secret[1] | 1);
    hash = (hash ^ hash >> 29 ^ word(infohash + 12)) * 0x94d049bb133111eb;
    return hash ^ hash >> 32;
}

static struct file_shard *shard_of(struct file_table *table, uint64_t hash)
{
    return &table->shards[hash >> 60];
}

struct file_table *file_table_new(size_t capacity, const uint64_t secret[2], int root)
{
    struct file_table *table = aligned_alloc(64, sizeof *table);
    if (!table)
        return NULL;
    memset(table, 0, sizeof *table);
    table->secret[0] = secret[0];
    table->secret[1] = secret[1];
    table->root = root;
    table->capacity = capacity;
    table->shard_capacity = capacity / FILE_SHARDS;
    size_t buckets = BUCKETS_LEAST;
    while (buckets < BUCKETS_MOST && buckets < table->shard_capacity / BYTES_A_BUCKET)
        buckets *= 2;
    table->mask = buckets - 1;
    for (int at = 0; at < FILE_SHARDS; at++)
        pthread_mutex_init(&table->shards[at].lock, NULL);
    for (int at = 0; at < FILE_SHARDS; at++)
        if (!(table->shards[at].buckets = calloc(buckets, sizeof *table->shards[at].buckets))) {
            file_table_free(table);
            return NULL;
        }
    return table;
}

void file_table_free(struct file_table *table)
{
    if (table->shards[FILE_SHARDS - 1].buckets)
        file_table_clear(table);
    for (int at = 0; at < FILE_SHARDS; at++) {
        pthread_mutex_destroy(&table->shards[at].lock);
        free(table->shards[at].buckets);
    }
    free(table);
}

size_t file_table_most(const struct file_table *table)
{
    return table->shard_capacity / MOST_PART;
}

void kept_file_release(struct file_table *table, struct kept_file *file)
{
    if (atomic_fetch_sub_explicit(&file->references, 1, memory_order_acq_rel) != 1)
        return;
    atomic_fetch_sub_explicit(&table->held, file->size, memory_order_relaxed);
    free(file);
}

/* The place that points to a file, or the end of its bucket. */
static struct kept_file **place_of(const struct file_table *table, struct file_shard *shard, uint64_t hash,
                                   const uint8_t infohash[INFOHASH], bool packed)
{
    struct kept_file **place = &shard->buckets[hash & table->mask];
    while (*place && ((*place)->packed != packed || memcmp((*place)->infohash, infohash, INFOHASH) != 0))
        place = &(*place)->next;
    return place;
}

static void link_newest(struct file_shard *shard, struct kept_file *file)
{
    struct ages *ages = &shard->ages[file->apart];
    file->older = ages->newest;
    file->newer = NULL;
    *(ages->newest ? &ages->newest->newer : &ages->oldest) = file;
    ages->newest = file;
    ages->bytes += file->size;
}

static void unlink_age(struct file_shard *shard, struct kept_file *file)
{
    struct ages *ages = &shard->ages[file->apart];
    *(file->older ? &file->older->newer : &ages->oldest) = file->newer;
    *(file->newer ? &file->newer->older : &ages->newest) = file->older;
    ages->bytes -= file->size;
}

/* Take a file out of its shard, whose lock is held. */
static void take_out(struct file_table *table, struct file_shard *shard, struct kept_file **place)
{
    struct kept_file *file = *place;
    *place = file->next;
    unlink_age(shard, file);
    shard->bytes -= file->size;
    shard->count--;
    kept_file_release(table, file);
}

/* Put a file into its shard, whose lock is held; false where all that is held would be too much. */
static bool link_in(struct file_table *table, struct file_shard *shard, uint64_t hash, struct kept_file *file)
{
    if (atomic_fetch_add_explicit(&table->held, file->size, memory_order_relaxed) + file->size > table->capacity) {
        atomic_fetch_sub_explicit(&table->held, file->size, memory_order_relaxed);
        return false;
    }
    struct kept_file **place = &shard->buckets[hash & table->mask];
    file->next = *place;
    *place = file;
    link_newest(shard, file);
    shard->bytes += file->size;
    shard->count++;
    return true;
}

/* The heads of a file whose stored file can be read again; NULL of any other. */
static struct kept_file *heads_of(const struct kept_file *file)
{
    if (file->apart || !file->stamp.inode || !file->body)
        return NULL;
    size_t size = file->size - file->body;
    struct kept_file *heads = malloc(size);
    if (!heads)
        return NULL;
    memcpy(heads, file, size);
    heads->size = size;
    heads->apart = true;
    heads->used = false;
    atomic_init(&heads->references, 1);
    return heads;
}

/* A file makes room before heads do, without which Python is asked again; but heads get no more than their part. */
static void evict_one(struct file_table *table, struct file_shard *shard)
{
    bool full = shard->ages[1].bytes > table->shard_capacity / HEADS_OF * HEADS_PART;
    struct ages *ages = &shard->ages[!shard->ages[0].oldest || (full && shard->ages[1].oldest)];
    while (ages->oldest->used) {
        struct kept_file *spared = ages->oldest;
        spared->used = false;
        unlink_age(shard, spared);
        link_newest(shard, spared);
    }
    struct kept_file *file = ages->oldest, *heads = heads_of(file);
    uint64_t hash = hash_of(table, file->infohash);
    take_out(table, shard, place_of(table, shard, hash, file->infohash, file->packed));
    shard->evicted++;
    if (heads && !link_in(table, shard, hash, heads))
        free(heads);
}

uint64_t file_table_generation(struct file_table *table, const uint8_t infohash[INFOHASH])
{
    struct file_shard *shard = shard_of(table, hash_of(table, infohash));
    pthread_mutex_lock(&shard->lock);
    uint64_t generation = shard->generation;
    pthread_mutex_unlock(&shard->lock);
    return generation;
}

static void write_parts(struct kept_file *file, const struct file_parts *parts)
{
    struct buffer out = {file->bytes, (uint8_t *)file + file->size, false};
    put(&out, parts->head.data, file->head = parts->head.length);
    put(&out, parts->unchanged.data, file->unchanged = parts->unchanged.length);
    put(&out, parts->etag.data, file->etag = parts->etag.length);
    file->body = parts->body.length;
    if (!file->apart)
        put(&out, parts->body.data, parts->body.length);
}

/* Make room for a file and put it in, under its shard's lock; false where there is none. */
static bool put_in(struct file_table *table, struct file_shard *shard, uint64_t hash, struct kept_file *file)
{
    struct kept_file **place = place_of(table, shard, hash, file->infohash, file->packed);
    if (*place)
        take_out(table, shard, place);
    while (shard->bytes + file->size > table->shard_capacity)
        evict_one(table, shard);
    if (!link_in(table, shard, hash, file))
        return false;
    shard->stored++;
    return true;
}

bool file_table_put(struct file_table *table, const uint8_t infohash[INFOHASH], bool packed, uint64_t generation,
                    const struct file_parts *parts, int64_t until, const struct file_stamp *stamp)
{
    bool apart = !parts->body.data;
    size_t size = sizeof(struct kept_file) + parts->head.length + parts->unchanged.length + parts->etag.length +
                  (apart ? 0 : parts->body.length);
    bool fits = size <= file_table_most(table) && parts->head.length + parts->unchanged.length <= HEADS_MOST;
    struct kept_file *file = fits ? malloc(size) : NULL;
    if (!file)
        return false;
    memset(file, 0, sizeof *file);
    memcpy(file->infohash, infohash, INFOHASH);
    file->packed = packed;
    file->apart = apart;
    file->stamp = *stamp;
    file->until = until;
    file->size = size;
    atomic_init(&file->references, 1);
    write_parts(file, parts);
    uint64_t hash = hash_of(table, infohash);
    struct file_shard *shard = shard_of(table, hash);
    pthread_mutex_lock(&shard->lock);
    bool kept = shard->generation == generation && put_in(table, shard, hash, file);
    shard->refused += !kept;
    pthread_mutex_unlock(&shard->lock);
    if (!kept)
        free(file);
    return kept;
}

struct kept_file *file_table_find(struct file_table *table, const uint8_t infohash[INFOHASH], bool packed, int64_t now)
{
    uint64_t hash = hash_of(table, infohash);
    struct file_shard *shard = shard_of(table, hash);
    pthread_mutex_lock(&shard->lock);
    struct kept_file **place = place_of(table, shard, hash, infohash, packed), *file = *place;
    if (file && file->until <= now) {
        take_out(table, shard, place);
        shard->expired++;
        file = NULL;
    }
    if (file) {
        file->used = true;
        atomic_fetch_add_explicit(&file->references, 1, memory_order_relaxed);
    }
    pthread_mutex_unlock(&shard->lock);
    return file;
}

int file_table_open(struct file_table *table, const struct kept_file *file)
{
    int fd = -1;
    if (atomic_fetch_add_explicit(&table->open, 1, memory_order_relaxed) < OPEN_MOST)
        fd = stored_file_open(table->root, file->infohash, file->body, &file->stamp);
    if (fd < 0)
        atomic_fetch_sub_explicit(&table->open, 1, memory_order_relaxed);
    return fd;
}

void file_table_close(struct file_table *table, int fd)
{
    close(fd);
    atomic_fetch_sub_explicit(&table->open, 1, memory_order_relaxed);
}

void file_table_drop(struct file_table *table, const uint8_t infohash[INFOHASH])
{
    uint64_t hash = hash_of(table, infohash);
    struct file_shard *shard = shard_of(table, hash);
    pthread_mutex_lock(&shard->lock);
    shard->generation++;
    for (int packed = 0; packed < 2; packed++) {
        struct kept_file **place = place_of(table, shard, hash, infohash, packed);
        if (*place)
            take_out(table, shard, place);
    }
    pthread_mutex_unlock(&shard->lock);
}

void file_table_clear(struct file_table *table)
{
    for (int at = 0; at < FILE_SHARDS; at++) {
        struct file_shard *shard = &table->shards[at];
        pthread_mutex_lock(&shard->lock);
        shard->generation++;
        for (size_t bucket = 0; bucket <= table->mask; bucket++)
            while (shard->buckets[bucket])
                take_out(table, shard, &shard->buckets[bucket]);
        pthread_mutex_unlock(&shard->lock);
    }
}

size_t file_table_ending(struct file_table *table, unsigned number, int64_t until, struct file_name *out, size_t most)
{
    struct file_shard *shard = &table->shards[number % FILE_SHARDS];
    size_t count = 0;
    pthread_mutex_lock(&shard->lock);
    for (int apart = 0; apart < 2; apart++)
        for (const struct kept_file *file = shard->ages[apart].oldest; file && count < most; file = file->newer)
            if (file->used && file->until <= until) {
                memcpy(out[count].infohash, file->infohash, INFOHASH);
                out[count++].packed = file->packed;
            }
    pthread_mutex_unlock(&shard->lock);
    return count;
}

void file_table_read(struct file_table *table, struct file_numbers *out)
{
    memset(out, 0, sizeof *out);
    for (int at = 0; at < FILE_SHARDS; at++) {
        struct file_shard *shard = &table->shards[at];
        pthread_mutex_lock(&shard->lock);
        out->count += shard->count;
        out->stored += shard->stored;
        out->evicted += shard->evicted;
        out->expired += shard->expired;
        out->refused += shard->refused;
        pthread_mutex_unlock(&shard->lock);
    }
    out->bytes = atomic_load_explicit(&table->held, memory_order_relaxed);
}
