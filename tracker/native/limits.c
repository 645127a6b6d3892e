/* What an account may do at once and of late; the twin of tracker/account_limits.py. */
#include "shards.h"

enum { HOUR = 3600 };

static uint64_t counted(const atomic_uint_fast64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static void count_down(atomic_uint_fast64_t *counter)
{
    atomic_fetch_sub_explicit(counter, 1, memory_order_relaxed);
}

/* The record of a key, moved to the end of its queue, or a new one; NULL: there is no room. */
static void *find_record(const struct store *store, struct queue *queue, atomic_uint_fast64_t *counter,
                         const uint8_t *key, size_t length, bool *known)
{
    uint64_t hash = sip_hash(&store->peer_hash.secret, key, length);
    uint32_t slot = table_find(&queue->table, key, hash);
    *known = slot != NONE;
    if (*known) {
        queue_move_to_end(queue, slot);
        return table_at(&queue->table, slot);
    }
    if (counted(counter) >= store->terms.max_sessions) {
        if (queue->first == NONE)
            return NULL;
        queue_remove(queue, queue->first);
        count_down(counter);
    }
    slot = queue_add(queue, key, hash);
    if (slot == NONE)
        return NULL;
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
    return table_at(&queue->table, slot);
}

/* Note an announce; whether it comes too early, which the first `completed` never does. */
static bool note_client(struct client_seen *client, const struct announce *announce, int64_t now, int64_t spacing)
{
    int64_t *seen = &client->seen[announce->stride > 6];
    bool completes = announce->event == EVENT_COMPLETED && announce->seeder;
    bool early = now - *seen < spacing && !(completes && !client->completed);
    *seen = now;
    client->completed |= completes;
    return early;
}

static int64_t last_seen(const struct client_seen *client)
{
    return client->seen[0] > client->seen[1] ? client->seen[0] : client->seen[1];
}

static enum verdict admit_client(struct store *store, struct shard *shard, const struct announce *announce,
                                 const uint8_t infohash[INFOHASH], int64_t now)
{
    const struct terms *terms = &store->terms;
    uint8_t key[CLIENTS_KEY];
    bool known, stops = announce->event == EVENT_STOPPED;
    memcpy(key, infohash, INFOHASH);
    memcpy(key + INFOHASH, &announce->account, sizeof announce->account);
    struct clients *clients = find_record(store, &shard->clients, &store->clients, key, sizeof key, &known);
    if (!clients)
        return VERDICT_OK;
    struct client_seen *list = clients->list;
    clients->touched = now;
    for (uint32_t at = 0; at < clients->count; at++) {
        if (memcmp(list[at].peer_id, announce->peer_id, PEER_ID) != 0)
            continue;
        if (!stops)
            return note_client(&list[at], announce, now, terms->announce_spacing) ? VERDICT_EARLY : VERDICT_OK;
        list[at] = list[--clients->count];
        return VERDICT_OK;
    }
    if (stops)
        return VERDICT_OK;
    uint32_t most = terms->peers_per_account ? terms->peers_per_account : MOST_CLIENTS;
    if (clients->count >= most) {
        uint32_t kept = 0;
        for (uint32_t at = 0; at < clients->count; at++)
            if (now - last_seen(&list[at]) <= terms->timeout)
                list[kept++] = list[at];
        clients->count = kept;
    }
    if (clients->count >= most)
        return terms->peers_per_account ? VERDICT_CROWDED : VERDICT_OK;
    struct client_seen *added = &list[clients->count++];
    *added = (struct client_seen){.completed = false};
    memcpy(added->peer_id, announce->peer_id, PEER_ID);
    note_client(added, announce, now, 0);
    return VERDICT_OK;
}

static struct use_shard *use_enter(struct store *store, uint64_t account)
{
    struct use_shard *shard = &store->uses_by_account[account % SHARDS];
    pthread_mutex_lock(&shard->mutex);
    return shard;
}

static struct account_use *find_use(struct store *store, struct use_shard *shard, uint64_t account, int64_t now)
{
    uint8_t key[INFOHASH] = {0};
    bool known;
    memcpy(key, &account, sizeof account);
    struct account_use *use = find_record(store, &shard->uses, &store->uses, key, sizeof key, &known);
    if (use && !known)
        use->at = now;
    if (use)
        use->touched = now;
    return use;
}

static bool admit_download(const struct store *store, struct account_use *use, const struct announce *announce,
                           const uint8_t infohash[INFOHASH], int64_t now)
{
    struct slot_seen *list = use->list;
    bool leaves = announce->seeder || announce->event == EVENT_STOPPED;
    for (uint32_t at = 0; at < use->count; at++) {
        if (memcmp(list[at].tag, infohash, TAG_BYTES) != 0)
            continue;
        if (leaves)
            list[at] = list[--use->count];
        else
            list[at].seen = now;
        return true;
    }
    if (leaves)
        return true;
    if (use->count >= store->terms.download_slots) {
        uint32_t kept = 0;
        for (uint32_t at = 0; at < use->count; at++)
            if (now - list[at].seen <= store->terms.timeout)
                list[kept++] = list[at];
        use->count = kept;
    }
    if (use->count >= store->terms.download_slots)
        return false;
    memcpy(list[use->count].tag, infohash, TAG_BYTES);
    list[use->count++].seen = now;
    return true;
}

/* How many peers an account may be given now; the level is of 3600ths of a peer. */
static uint64_t room_for_peers(const struct store *store, struct account_use *use, int64_t now)
{
    uint64_t rate = store->terms.peers_per_hour, most = rate * HOUR;
    if (now > use->at) {
        uint64_t gone;
        if (__builtin_mul_overflow((uint64_t)(now - use->at), rate, &gone) || gone > use->level)
            gone = use->level;
        use->level -= gone;
        use->at = now;
    }
    return use->level < most ? (most - use->level) / HOUR : 0;
}

/* The slots and the peers of an account; `wanted` becomes what it may be given. */
static enum verdict check_use(struct store *store, const struct announce *announce, const uint8_t infohash[INFOHASH],
                              int64_t now, bool harvests, uint16_t *wanted)
{
    enum verdict verdict = VERDICT_OK;
    struct use_shard *uses = use_enter(store, announce->account);
    struct account_use *use = find_use(store, uses, announce->account, now);
    if (use && store->terms.download_slots && !admit_download(store, use, announce, infohash, now)) {
        verdict = VERDICT_OVER_SLOTS;
    } else if (use && harvests) {
        uint64_t room = room_for_peers(store, use, now);
        if (room < *wanted)
            *wanted = (uint16_t)room;
        verdict = room ? VERDICT_OK : VERDICT_HARVESTING;
    }
    pthread_mutex_unlock(&uses->mutex);
    return verdict;
}

enum verdict limits_check(struct store *store, struct shard *shard, const struct announce *announce,
                          const uint8_t infohash[INFOHASH], int64_t now, uint16_t *numwant)
{
    const struct terms *terms = &store->terms;
    enum verdict verdict = VERDICT_OK;
    uint16_t wanted = announce->event == EVENT_STOPPED ? 0 : announce->numwant;
    *numwant = 0;
    if (terms->peers_per_account || terms->announce_spacing)
        verdict = admit_client(store, shard, announce, infohash, now);
    if (verdict == VERDICT_CROWDED)
        return verdict;
    bool early = verdict == VERDICT_EARLY, harvests = terms->peers_per_hour && wanted && !early;
    if (terms->download_slots || harvests)
        verdict = check_use(store, announce, infohash, now, harvests, &wanted);
    if (verdict != VERDICT_OK)
        return verdict;
    if (early)
        return VERDICT_EARLY;
    *numwant = wanted;
    return VERDICT_OK;
}

void limits_spend(struct store *store, uint64_t account, uint64_t peers)
{
    if (!store->terms.peers_per_hour)
        return;
    uint8_t key[INFOHASH] = {0};
    memcpy(key, &account, sizeof account);
    uint64_t hash = sip_hash(&store->peer_hash.secret, key, sizeof key);
    struct use_shard *shard = use_enter(store, account);
    uint32_t slot = table_find(&shard->uses.table, key, hash);
    if (slot != NONE)
        ((struct account_use *)table_at(&shard->uses.table, slot))->level += peers * HOUR;
    pthread_mutex_unlock(&shard->mutex);
}

/* When what an account did is forgotten. */
static int64_t remembered(const struct store *store)
{
    return store->terms.timeout > HOUR ? store->terms.timeout : HOUR;
}

void limits_expire(struct store *store, struct shard *shard, uint32_t number, int64_t now)
{
    int64_t remember = remembered(store);
    for (int count = 0; count < EXPIRED_AT_ONCE && shard->clients.first != NONE; count++) {
        const struct clients *oldest = table_at(&shard->clients.table, shard->clients.first);
        if (now - oldest->touched <= remember)
            break;
        queue_remove(&shard->clients, shard->clients.first);
        count_down(&store->clients);
    }
    struct use_shard *uses = &store->uses_by_account[number];
    pthread_mutex_lock(&uses->mutex);
    for (int count = 0; count < EXPIRED_AT_ONCE && uses->uses.first != NONE; count++) {
        const struct account_use *oldest = table_at(&uses->uses.table, uses->uses.first);
        if (now - oldest->touched <= remember)
            break;
        queue_remove(&uses->uses, uses->uses.first);
        count_down(&store->uses);
    }
    pthread_mutex_unlock(&uses->mutex);
}
