/* Journal rows: written from changed swarms and merged into swarms again; payloads as tracker/journal_row.py has them.
 *
 * A shard is locked for one row at a time. The rows of a swarm are written from the last to the first: a removal
 * moves peers down only, so one that moves meanwhile is written twice rather than never. */
#include "shards.h"

#include <stdlib.h>

#define HEAD 13 /* version, completed, touched */
#define NODE 12 /* a node and its completed count */
#define SCANNED_AT_ONCE 4096
#define KEYS_KEPT 65536 /* keys for which memory is kept from one turn to the next */

struct entry {
    uint8_t infohash[INFOHASH];
    uint32_t part;
    uint32_t length;
    uint8_t *payload; /* NULL: one to delete */
};

struct rows {
    struct entry *entries;
    size_t count, room;
};

static void put_number(uint8_t *out, uint64_t number, uint32_t bytes)
{
    for (uint32_t at = 0; at < bytes; at++)
        out[at] = (uint8_t)(number >> (8 * at));
}

static uint64_t get_number(const uint8_t *in, uint32_t bytes)
{
    uint64_t number = 0;
    for (uint32_t at = 0; at < bytes; at++)
        number |= (uint64_t)in[at] << (8 * at);
    return number;
}

/* Add a row, which owns its payload; false: no memory, and the payload is still the caller's. */
static bool add_entry(struct rows *rows, const uint8_t infohash[INFOHASH], uint64_t part, uint8_t *payload,
                      size_t length)
{
    struct entry *entries = reserve(rows->entries, &rows->room, rows->count, 1, sizeof *entries);
    if (!entries)
        return false;
    rows->entries = entries;
    struct entry *entry = &entries[rows->count++];
    memcpy(entry->infohash, infohash, INFOHASH);
    entry->part = (uint32_t)part;
    entry->payload = payload;
    entry->length = (uint32_t)length;
    return true;
}

static uint32_t slots_of(const struct swarm *swarm, uint32_t which, uint64_t part)
{
    uint64_t size = swarm_size(swarm, which), first = part << ROW_BITS;
    return first >= size ? 0 : size - first < ROW ? (uint32_t)(size - first) : ROW;
}

static uint8_t *pack_pool(const struct swarm *swarm, uint32_t which, uint64_t part, uint8_t *out)
{
    const struct pool *pool = swarm_pool(swarm, which);
    uint32_t count = slots_of(swarm, which, part), first = (uint32_t)part << ROW_BITS;
    put_number(out, count, 2);
    out += 2;
    if (!count)
        return out;
    memcpy(out, pool_peer(pool, STRIDE(which), first), (size_t)count * STRIDE(which));
    out += (size_t)count * STRIDE(which);
    const uint32_t *states = pool_state(pool, first);
    for (uint32_t at = 0; at < count; at++, out += 4)
        put_number(out, states[at], 4);
    return out;
}

static bool pack(struct rows *rows, const struct swarm *swarm, const struct others *others, uint64_t part)
{
    uint32_t nodes = part == 0 && others ? others->count : 0;
    size_t length = HEAD + (size_t)nodes * NODE;
    for (uint32_t which = 0; which < POOLS; which++)
        length += 2 + (size_t)slots_of(swarm, which, part) * (STRIDE(which) + 4);
    uint8_t *out = malloc(length);
    if (!out || !add_entry(rows, swarm->record.key, part, out, length)) {
        free(out);
        return false;
    }
    put_number(out, ROW_VERSION, 1);
    put_number(out + 1, swarm->completed, 8);
    put_number(out + 9, swarm->touched, 4);
    out += HEAD;
    for (uint32_t which = 0; which < POOLS; which++)
        out = pack_pool(swarm, which, part, out);
    for (uint32_t at = 0; at < nodes; at++, out += NODE) {
        put_number(out, others->list[at].node, 4);
        put_number(out + 4, others->list[at].completed, 8);
    }
    return true;
}

/* Mark the row of a swarm dirty again, which the journal may hold. */
static void mark(struct shard *shard, struct swarm *swarm, uint64_t part)
{
    shard->changed = true;
    bits_set(&swarm->dirty, part);
    if (swarm->parts <= part)
        swarm->parts = (uint32_t)part + 1;
}

/* Write one row of a swarm that was marked clean; what cannot be written is marked dirty again. */
static bool write_part(struct store *store, struct rows *rows, const uint8_t infohash[INFOHASH], uint64_t part,
                       bool deleted)
{
    bool done = true;
    struct shard *shard = shard_enter(store, infohash);
    uint64_t hash = infohash_hash(store, infohash);
    struct swarm *swarm = shard_swarm(shard, infohash, hash);
    if (swarm) {
        done = deleted ? add_entry(rows, infohash, part, NULL, 0)
                       : pack(rows, swarm, shard_others(shard, infohash, hash), part);
        if (!done)
            mark(shard, swarm, part);
    }
    shard_leave(shard);
    return done;
}

static void reverse(struct entry *first, size_t count)
{
    for (size_t at = 0; at < count / 2; at++) {
        struct entry kept = first[at];
        first[at] = first[count - 1 - at];
        first[count - 1 - at] = kept;
    }
}

/* Take what has changed of a swarm: the bits are the caller's to free. */
static struct bits take_bits(struct store *store, const uint8_t infohash[INFOHASH], uint64_t *count, uint64_t *parts)
{
    struct bits bits = {.length = 0};
    struct shard *shard = shard_enter(store, infohash);
    struct swarm *swarm = shard_swarm(shard, infohash, infohash_hash(store, infohash));
    *count = *parts = 0;
    if (swarm) {
        bits = swarm->dirty;
        swarm->dirty = (struct bits){.length = 0};
        *count = swarm_rows(swarm);
        *parts = swarm->parts;
        swarm->parts = (uint32_t)*count;
    }
    shard_leave(shard);
    return bits;
}

static bool write_swarm(struct store *store, struct rows *rows, const uint8_t infohash[INFOHASH])
{
    uint64_t count, parts;
    struct bits bits = take_bits(store, infohash, &count, &parts);
    size_t before = rows->count;
    bool done = true;
    for (uint64_t part = count > parts ? count : parts; part-- > 0;)
        if (part >= count || bits_has(&bits, part))
            done &= write_part(store, rows, infohash, part, part >= count);
    bits_free(&bits);
    reverse(rows->entries + before, rows->count - before);
    return done;
}

static bool add_key(struct keys *keys, const uint8_t infohash[INFOHASH])
{
    uint8_t(*list)[INFOHASH] = reserve(keys->list, &keys->room, keys->count, 1, sizeof *list);
    if (!list)
        return false;
    keys->list = list;
    memcpy(keys->list[keys->count++], infohash, INFOHASH);
    return true;
}

static int compare(const void *one, const void *other)
{
    return memcmp(one, other, INFOHASH);
}

/* Collect the keys of a shard's changed swarms, sorted. Those for which there is no memory wait for the next time. */
static void find_dirty(struct shard *shard, struct keys *keys)
{
    bool more = true, room = true;
    for (uint32_t first = 0; more && room; first += SCANNED_AT_ONCE) {
        pthread_mutex_lock(&shard->mutex);
        if (!first) {
            room = shard->changed;
            shard->changed = false;
        }
        uint32_t size = shard->swarms.size, end = first + SCANNED_AT_ONCE;
        more = end < size;
        for (uint32_t slot = first; slot < (more ? end : size) && room; slot++) {
            const struct swarm *swarm = table_at(&shard->swarms, slot);
            if (bits_any(&swarm->dirty) && !(room = add_key(keys, swarm->record.key)))
                shard->changed = true;
        }
        shard_leave(shard);
    }
    if (keys->count)
        qsort(keys->list, keys->count, sizeof *keys->list, compare);
}

/* Collect the keys of which a shard has rows to delete, sorted. */
static void find_deleted(struct shard *shard, struct keys *keys)
{
    bool room = true;
    pthread_mutex_lock(&shard->mutex);
    for (uint32_t slot = 0; slot < shard->deleted.size && room; slot++)
        room = add_key(keys, ((const struct deleted *)table_at(&shard->deleted, slot))->record.key);
    shard_leave(shard);
    if (keys->count)
        qsort(keys->list, keys->count, sizeof *keys->list, compare);
}

static bool write_deleted(struct store *store, struct rows *rows, const uint8_t infohash[INFOHASH])
{
    struct shard *shard = shard_enter(store, infohash);
    uint32_t slot = table_find(&shard->deleted, infohash, infohash_hash(store, infohash));
    uint32_t parts = slot == NONE ? 0 : ((const struct deleted *)table_at(&shard->deleted, slot))->parts;
    bool done = true;
    for (uint32_t part = 0; part < parts && done; part++)
        done = add_entry(rows, infohash, part, NULL, 0);
    if (done && slot != NONE)
        table_remove(&shard->deleted, slot);
    shard_leave(shard);
    return done;
}

/* Go on to the next turn: the changed of each shard, then the deleted of each; false: the round is over. */
static bool next_turn(struct store *store, struct round *round)
{
    round->keys.count = round->next = 0;
    if (round->keys.room > KEYS_KEPT) {
        free(round->keys.list);
        round->keys = (struct keys){0};
    }
    if (round->turn == 2 * SHARDS) {
        round->turn = 0;
        return false;
    }
    struct shard *shard = &store->shards[round->turn % SHARDS];
    if (round->turn++ < SHARDS)
        find_dirty(shard, &round->keys);
    else
        find_deleted(shard, &round->keys);
    return true;
}

struct rows *store_take_dirty(struct store *store)
{
    struct round *round = &store->round;
    struct rows *rows = calloc(1, sizeof *rows);
    bool done = rows != NULL;
    pthread_mutex_lock(&round->mutex);
    while (done && !rows->count && (round->next < round->keys.count || next_turn(store, round)))
        while (done && round->next < round->keys.count && rows->count < ROWS_AT_ONCE) {
            const uint8_t *key = round->keys.list[round->next++];
            done = round->turn <= SHARDS ? write_swarm(store, rows, key) : write_deleted(store, rows, key);
        }
    pthread_mutex_unlock(&round->mutex);
    if (rows && !rows->count && !done) {
        rows_free(rows);
        return NULL;
    }
    return rows;
}

/* Begin a new round; what is left of the turn is still marked dirty, and only has to be found again. */
static void begin_round(struct store *store)
{
    struct round *round = &store->round;
    pthread_mutex_lock(&round->mutex);
    if (round->next < round->keys.count) {
        struct shard *shard = shard_enter(store, round->keys.list[round->next]);
        shard->changed = true;
        shard_leave(shard);
    }
    round->turn = 0;
    round->keys.count = round->next = 0;
    pthread_mutex_unlock(&round->mutex);
}

size_t rows_count(const struct rows *rows)
{
    return rows->count;
}

struct row rows_at(const struct rows *rows, size_t at)
{
    const struct entry *entry = &rows->entries[at];
    return (struct row){entry->infohash, entry->part, entry->payload, entry->length};
}

void rows_free(struct rows *rows)
{
    if (!rows)
        return;
    for (size_t at = 0; at < rows->count; at++)
        free(rows->entries[at].payload);
    free(rows->entries);
    free(rows);
}

static int mark_row(struct store *store, const struct row *row)
{
    if (row->part >= MAX_PART)
        return 0;
    uint64_t hash = infohash_hash(store, row->infohash);
    struct shard *shard = shard_enter(store, row->infohash);
    struct swarm *swarm = shard_swarm(shard, row->infohash, hash);
    bool done = true;
    if (swarm)
        mark(shard, swarm, row->part);
    else
        done = shard_note_deleted(shard, row->infohash, hash, row->part + 1);
    shard_leave(shard);
    return done ? 0 : -1;
}

int store_put_back(struct store *store, const struct row *rows, size_t count)
{
    int done = 0;
    begin_round(store);
    for (size_t at = 0; at < count; at++)
        done |= mark_row(store, &rows[at]);
    return done;
}

/* What a payload holds of one pool, as it lies. */
struct span {
    const uint8_t *peers, *states;
    uint32_t count;
};

struct piece {
    uint64_t completed;
    uint32_t touched;
    struct span pools[POOLS];
    const uint8_t *nodes; /* completed counts of other nodes, as they lie */
    uint32_t node_count;
};

static uint32_t node_at(const struct piece *piece, uint32_t at)
{
    return (uint32_t)get_number(piece->nodes + (size_t)at * NODE, 4);
}

static uint64_t node_completed(const struct piece *piece, uint32_t at)
{
    return get_number(piece->nodes + (size_t)at * NODE + 4, 8);
}

/* Read what is behind the pools: nodes ascending, with sane counts. */
static bool unpack_nodes(const uint8_t *at, size_t length, struct piece *piece)
{
    piece->nodes = at;
    piece->node_count = (uint32_t)(length / NODE);
    if (length % NODE || length / NODE > MAX_NODES)
        return false;
    for (uint32_t index = 0; index < piece->node_count; index++)
        if ((index && node_at(piece, index) <= node_at(piece, index - 1)) ||
            node_completed(piece, index) > MAX_COMPLETED)
            return false;
    return true;
}

/* Paused peers lie with the seeders, and are counted off there. */
static bool any_paused(const struct span *span)
{
    for (uint32_t at = 0; at < span->count; at++)
        if (get_number(span->states + 4 * (size_t)at, 4) & PAUSED)
            return true;
    return false;
}

/* Read a payload; false: no version of this program wrote it. */
static bool unpack(const struct row *row, struct piece *piece)
{
    if (!row->payload || row->length < HEAD || !row->payload[0] || row->payload[0] > ROW_VERSION)
        return false;
    const uint8_t *at = row->payload + HEAD, *end = row->payload + row->length;
    piece->completed = get_number(row->payload + 1, 8);
    piece->touched = (uint32_t)get_number(row->payload + 9, 4);
    for (uint32_t which = 0; which < POOLS; which++) {
        if (end - at < 2)
            return false;
        uint32_t count = (uint32_t)get_number(at, 2);
        at += 2;
        if (count > ROW || (size_t)(end - at) < (size_t)count * (STRIDE(which) + 4))
            return false;
        piece->pools[which] = (struct span){at, at + (size_t)count * STRIDE(which), count};
        at += (size_t)count * (STRIDE(which) + 4);
        if ((which == LEECHERS4 || which == LEECHERS6) && any_paused(&piece->pools[which]))
            return false;
    }
    return piece->completed <= MAX_COMPLETED && unpack_nodes(at, (size_t)(end - at), piece);
}

/* Whether a swarm holds just the rows before this one, and nothing of it has changed. */
static bool fits(const struct shard *shard, const struct swarm *swarm, const struct piece *piece, uint64_t part)
{
    bool fits = !bits_any(&swarm->dirty) && !shard->tombstones.table.size;
    for (uint32_t which = 0; which < POOLS; which++)
        fits = fits && (!piece->pools[which].count || swarm_size(swarm, which) == part << ROW_BITS);
    return fits;
}

/* Take the peers of a piece: as they lie where they fit, one by one against those that are there otherwise. */
static int take_peers(struct store *store, struct shard *shard, struct swarm *swarm, const struct piece *piece,
                      bool as_they_lie)
{
    int done = 0;
    for (uint32_t which = 0; which < POOLS; which++) {
        const struct span *span = &piece->pools[which];
        for (uint32_t at = 0; at < span->count; at++) {
            const uint8_t *peer = span->peers + (size_t)at * STRIDE(which);
            uint32_t state = (uint32_t)get_number(span->states + 4 * (size_t)at, 4);
            struct lookup lookup = {.peer = peer, .peer_hash = &store->peer_hash, .stride = STRIDE(which)};
            if (!as_they_lie &&
                outranked(store, shard, swarm->record.key, peer, STRIDE(which), rank_of(which, state)))
                continue;
            bool taken = as_they_lie ? swarm_insert(swarm, &lookup, which, state, false) != NONE
                                     : swarm_merge_peer(swarm, &store->peer_hash, which, peer, state);
            done = taken ? done : -1;
        }
    }
    return done;
}

static int merge(struct store *store, struct shard *shard, struct swarm *swarm, uint64_t hash,
                 const struct piece *piece, uint64_t part, bool own)
{
    bool as_they_lie = own && fits(shard, swarm, piece, part);
    struct before before = swarm_before(swarm);
    int done = take_peers(store, shard, swarm, piece, as_they_lie);
    if (swarm->completed < piece->completed)
        swarm->completed = piece->completed;
    if (swarm->touched < piece->touched)
        swarm->touched = piece->touched;
    if (own && swarm->parts <= part)
        swarm->parts = (uint32_t)part + 1;
    if (!as_they_lie)
        bits_set(&swarm->dirty, 0);
    swarm_adopt(store, swarm);
    swarm_update_totals(store, swarm, before);
    for (uint32_t at = 0; at < piece->node_count; at++)
        if (!shard_count_node(store, shard, swarm, hash, node_at(piece, at), node_completed(piece, at),
                              !as_they_lie))
            done = -1;
    return done;
}

static int restore(struct store *store, const struct row *row)
{
    struct piece piece = {0};
    if (row->part >= MAX_PART)
        return 0;
    if (!unpack(row, &piece))
        return mark_row(store, row);
    uint8_t infohash[INFOHASH];
    uint64_t hash;
    memcpy(infohash, row->infohash, INFOHASH);
    struct shard *shard = shard_enter_canonical(store, infohash, &hash);
    struct swarm *swarm = shard_swarm(shard, infohash, hash);
    if (!swarm) {
        swarm = shard_make(store, shard, infohash, hash, piece.touched + EPOCH);
        if (swarm)
            swarm->dirty = (struct bits){.length = 0};
    }
    bool own = !memcmp(infohash, row->infohash, INFOHASH);
    int done = swarm ? merge(store, shard, swarm, hash, &piece, row->part, own) : -1;
    shard_leave(shard);
    if (done == 0 && !own)
        done = mark_row(store, row);
    return done;
}

int store_restore(struct store *store, const struct row *rows, size_t count)
{
    int done = 0;
    for (size_t at = 0; at < count; at++)
        done |= restore(store, &rows[at]);
    return done;
}
