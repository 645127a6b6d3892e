/* Sessions of accounts' clients and the traffic between their announces; the twin of tracker/sessions.py. */
#include "shards.h"

enum { UPLOADED, DOWNLOADED, SEEDED, COMPLETES, CAPPED, SUMS };

static void write_key(uint8_t key[SESSION_KEY], const uint8_t infohash[INFOHASH], const uint8_t peer_id[PEER_ID],
                      uint64_t account)
{
    memcpy(key, infohash, INFOHASH);
    memcpy(key + INFOHASH, peer_id, PEER_ID);
    memcpy(key + INFOHASH + PEER_ID, &account, sizeof account);
}

static uint64_t key_hash(const struct store *store, const uint8_t key[SESSION_KEY])
{
    return sip_hash(&store->peer_hash.secret, key, SESSION_KEY);
}

static uint64_t counted(const atomic_uint_fast64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static void count_up(atomic_uint_fast64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

static void count_down(atomic_uint_fast64_t *counter)
{
    atomic_fetch_sub_explicit(counter, 1, memory_order_relaxed);
}

/* Make room for one more at the cap, in the place of the oldest; false: there is none in this shard. */
static bool make_room(const struct store *store, struct queue *queue, atomic_uint_fast64_t *counter)
{
    if (counted(counter) < store->terms.max_sessions)
        return true;
    if (queue->first == NONE)
        return false;
    queue_remove(queue, queue->first);
    count_down(counter);
    return true;
}

static void add_delta(struct store *store, struct shard *shard, const uint8_t key[SESSION_KEY],
                      const uint64_t sums[SUMS], const struct last_totals *last, const struct from *from, bool newer)
{
    struct queue *queue = &shard->pending;
    uint64_t hash = key_hash(store, key);
    uint32_t slot = table_find(&queue->table, key, hash);
    if (slot == NONE) {
        if (counted(&store->pending) >= store->terms.max_sessions)
            count_up(&store->lost);
        if (!make_room(store, queue, &store->pending) || (slot = queue_add(queue, key, hash)) == NONE)
            return;
        count_up(&store->pending);
        struct pending *added = table_at(&queue->table, slot);
        memcpy(added->sums, sums, SUMS * sizeof *sums);
        added->last = *last;
        added->from = *from;
        return;
    }
    struct pending *pending = table_at(&queue->table, slot);
    if (newer) {
        pending->last = *last;
        pending->from = *from;
    }
    for (int at = 0; at < SUMS; at++) {
        uint64_t sum = pending->sums[at] + sums[at];
        pending->sums[at] = sum < LARGEST_TOTAL ? sum : LARGEST_TOTAL;
    }
}

/* The session of a key, moved to the end of the list, or a new one; NULL: there is no room. */
static struct session *find_session(struct store *store, struct shard *shard, const uint8_t key[SESSION_KEY],
                                    int64_t now, bool *known)
{
    struct queue *queue = &shard->sessions;
    uint64_t hash = key_hash(store, key);
    uint32_t slot = table_find(&queue->table, key, hash);
    *known = slot != NONE;
    if (*known) {
        struct session *session = table_at(&queue->table, slot);
        if (now - session->last.seen <= store->terms.session_timeout) {
            queue_move_to_end(queue, slot);
            return session;
        }
        queue_remove(queue, slot);
        count_down(&store->sessions);
        *known = false;
    }
    if (!make_room(store, queue, &store->sessions) || (slot = queue_add(queue, key, hash)) == NONE)
        return NULL;
    count_up(&store->sessions);
    return table_at(&queue->table, slot);
}

/* How much of what was moved counts for that time; the rest is added to what was too much. */
static uint64_t bounded(const struct store *store, uint64_t moved, int64_t seconds, uint64_t *capped)
{
    uint64_t rate = store->terms.most_rate, most;
    if (!rate || __builtin_mul_overflow(rate, (uint64_t)seconds, &most) || moved <= most)
        return moved;
    *capped += moved - most;
    return most;
}

/* Count the bytes since the last announce, and set the base of the next. */
static void count_bytes(const struct store *store, const struct announce *announce, struct last_totals *last,
                        int64_t gap, uint64_t sums[SUMS])
{
    if (announce->event != EVENT_STARTED && announce->uploaded >= last->uploaded &&
        announce->downloaded >= last->downloaded) {
        if (store->terms.most_rate && gap <= 0)
            return;
        uint64_t capped = 0;
        sums[UPLOADED] = bounded(store, announce->uploaded - last->uploaded, gap, &capped);
        sums[DOWNLOADED] = bounded(store, announce->downloaded - last->downloaded, gap, &capped);
        sums[CAPPED] = capped < LARGEST_TOTAL ? capped : LARGEST_TOTAL;
    }
    last->uploaded = announce->uploaded;
    last->downloaded = announce->downloaded;
}

void session_note(struct store *store, struct shard *shard, const struct announce *announce,
                  const uint8_t infohash[INFOHASH], int64_t now)
{
    uint8_t key[SESSION_KEY];
    uint64_t sums[SUMS] = {0};
    bool known;
    write_key(key, infohash, announce->peer_id, announce->account);
    struct session *session = find_session(store, shard, key, now, &known);
    if (!session)
        return;
    struct last_totals *last = &session->last;
    if (known) {
        int64_t gap = now - last->seen;
        count_bytes(store, announce, last, gap, sums);
        if (announce->seeder && last->seeding && gap > 0 && gap <= store->terms.timeout)
            sums[SEEDED] = (uint64_t)gap;
    } else {
        last->uploaded = announce->uploaded;
        last->downloaded = announce->downloaded;
    }
    bool completes = announce->event == EVENT_COMPLETED && announce->seeder;
    sums[COMPLETES] = completes && !last->completed;
    last->seen = now;
    last->seeding = announce->seeder && announce->event != EVENT_STOPPED;
    last->completed |= completes;
    struct from from = {.length = announce->stride == 6 ? 4 : NETWORK6};
    memcpy(from.bytes, announce->peer, from.length);
    add_delta(store, shard, key, sums, last, &from, true);
}

void store_note_session(struct store *store, const struct announce *announce, int64_t now)
{
    uint8_t infohash[INFOHASH];
    uint64_t hash;
    memcpy(infohash, announce->infohash, INFOHASH);
    struct shard *shard = shard_enter_canonical(store, infohash, &hash);
    session_note(store, shard, announce, infohash, now);
    shard_leave(shard);
}

void store_restore_session(struct store *store, const struct delta *delta)
{
    uint8_t key[SESSION_KEY];
    write_key(key, delta->infohash, delta->peer_id, delta->account);
    uint64_t hash = key_hash(store, key);
    struct shard *shard = shard_enter(store, delta->infohash);
    struct queue *queue = &shard->sessions;
    if (table_find(&queue->table, key, hash) == NONE && counted(&store->sessions) < store->terms.max_sessions) {
        uint32_t slot = queue_add(queue, key, hash);
        if (slot != NONE) {
            ((struct session *)table_at(&queue->table, slot))->last = delta->last;
            count_up(&store->sessions);
        }
    }
    shard_leave(shard);
}

void sessions_expire(struct store *store, struct shard *shard, int64_t now)
{
    struct queue *queue = &shard->sessions;
    for (int count = 0; count < EXPIRED_AT_ONCE && queue->first != NONE; count++) {
        const struct session *oldest = table_at(&queue->table, queue->first);
        if (now - oldest->last.seen <= store->terms.session_timeout)
            return;
        queue_remove(queue, queue->first);
        count_down(&store->sessions);
    }
}

static void read_pending(const struct pending *pending, struct delta *out)
{
    const uint8_t *key = (const uint8_t *)pending + offsetof(struct record, key);
    memcpy(out->infohash, key, INFOHASH);
    memcpy(out->peer_id, key + INFOHASH, PEER_ID);
    memcpy(&out->account, key + INFOHASH + PEER_ID, sizeof out->account);
    out->uploaded = pending->sums[UPLOADED];
    out->downloaded = pending->sums[DOWNLOADED];
    out->seeded = pending->sums[SEEDED];
    out->completed = pending->sums[COMPLETES];
    out->capped = pending->sums[CAPPED];
    out->last = pending->last;
    out->from = pending->from;
}

size_t store_take_deltas(struct store *store, struct delta deltas[DELTAS_AT_ONCE])
{
    size_t count = 0;
    pthread_mutex_lock(&store->delta_round.mutex);
    uint32_t at = store->delta_round.shard;
    while (at < SHARDS && count < DELTAS_AT_ONCE) {
        struct shard *shard = &store->shards[at];
        struct queue *queue = &shard->pending;
        int64_t *left = &store->delta_round.left;
        pthread_mutex_lock(&shard->mutex);
        if (*left < 0)
            *left = queue->table.size;
        while (*left && queue->first != NONE && count < DELTAS_AT_ONCE) {
            read_pending(table_at(&queue->table, queue->first), &deltas[count++]);
            queue_remove(queue, queue->first);
            count_down(&store->pending);
            --*left;
        }
        if (!*left || queue->first == NONE) {
            at++;
            *left = -1;
        }
        shard_leave(shard);
    }
    store->delta_round.shard = count ? at : 0;
    pthread_mutex_unlock(&store->delta_round.mutex);
    return count;
}

void store_put_back_deltas(struct store *store, const struct delta *deltas, size_t count)
{
    pthread_mutex_lock(&store->delta_round.mutex);
    store->delta_round.shard = 0;
    store->delta_round.left = -1;
    pthread_mutex_unlock(&store->delta_round.mutex);
    for (size_t at = 0; at < count; at++) {
        const struct delta *delta = &deltas[at];
        const uint64_t sums[SUMS] = {delta->uploaded, delta->downloaded, delta->seeded, delta->completed,
                                     delta->capped};
        uint8_t key[SESSION_KEY];
        write_key(key, delta->infohash, delta->peer_id, delta->account);
        struct shard *shard = shard_enter(store, delta->infohash);
        add_delta(store, shard, key, sums, &delta->last, &delta->from, false);
        shard_leave(shard);
    }
}

struct session_totals store_session_totals(struct store *store)
{
    return (struct session_totals){counted(&store->sessions), counted(&store->pending), counted(&store->lost)};
}
