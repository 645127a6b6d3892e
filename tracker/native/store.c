/* The store in C: announce, scrape, lists, aliases; the twin of tracker/swarms.py. */
#include "shards.h"

#include <stdlib.h>

#define MOVE_BATCH 512 /* peers of a merged swarm that go over while a shard is locked */

struct store *store_new(const struct terms *terms, const uint8_t key[16], const struct exemption *exemptions,
                        size_t exempt)
{
    struct store *store = calloc(1, sizeof *store);
    if (!store)
        return NULL;
    store->terms = *terms;
    memcpy(&store->peer_hash.secret, key, sizeof store->peer_hash.secret);
    if (!shares_init(&store->shares, &store->peer_hash.secret, exemptions, exempt)) {
        shares_free(&store->shares);
        free(store);
        return NULL;
    }
    if (!access_init(&store->access)) {
        shares_free(&store->shares);
        free(store);
        return NULL;
    }
    denials_init(&store->denial_texts);
    store->peer_hash.with_port = !terms->peers_per_address;
    store->cursor = (struct cursor){0, NONE, 0, NONE};
    pthread_mutex_init(&store->sweeping, NULL);
    pthread_mutex_init(&store->round.mutex, NULL);
    pthread_mutex_init(&store->delta_round.mutex, NULL);
    pthread_mutex_init(&store->consuming.mutex, NULL);
    store->delta_round.left = -1;
    for (uint32_t at = 0; at < SHARDS; at++) {
        struct shard *shard = &store->shards[at];
        const struct secret *secret = &store->peer_hash.secret;
        pthread_mutex_init(&shard->mutex, NULL);
        table_init(&shard->swarms, secret, sizeof(struct swarm));
        table_init(&shard->deleted, secret, sizeof(struct deleted));
        table_init(&shard->aliases, secret, sizeof(struct alias));
        table_init(&shard->allowed, secret, sizeof(struct allowed));
        table_init(&shard->denied, secret, sizeof(struct denied));
        table_init(&shard->others, secret, sizeof(struct others));
        table_init_keys(&shard->passkeys, secret, sizeof(struct passkey), PASSKEY_MOST);
        queue_init(&shard->sessions, secret, sizeof(struct session), SESSION_KEY);
        queue_init(&shard->pending, secret, sizeof(struct pending), SESSION_KEY);
        queue_init(&shard->logged, secret, sizeof(struct logged), CHANGE_KEY);
        queue_init(&shard->tombstones, secret, sizeof(struct tombstone), CHANGE_KEY);
        queue_init(&shard->clients, secret, sizeof(struct clients), CLIENTS_KEY);
        pthread_mutex_init(&store->uses_by_account[at].mutex, NULL);
        queue_init(&store->uses_by_account[at].uses, secret, sizeof(struct account_use), INFOHASH);
    }
    return store;
}

void store_free(struct store *store)
{
    if (!store)
        return;
    for (uint32_t at = 0; at < SHARDS; at++) {
        struct shard *shard = &store->shards[at];
        for (uint32_t slot = 0; slot < shard->swarms.size; slot++)
            swarm_free(table_at(&shard->swarms, slot));
        table_free(&shard->swarms);
        table_free(&shard->deleted);
        table_free(&shard->aliases);
        table_free(&shard->allowed);
        table_free(&shard->denied);
        for (uint32_t slot = 0; slot < shard->others.size; slot++)
            free(((struct others *)table_at(&shard->others, slot))->list);
        table_free(&shard->others);
        table_free(&shard->passkeys);
        queue_free(&shard->sessions);
        queue_free(&shard->pending);
        queue_free(&shard->logged);
        queue_free(&shard->tombstones);
        queue_free(&shard->clients);
        queue_free(&store->uses_by_account[at].uses);
        pthread_mutex_destroy(&store->uses_by_account[at].mutex);
        pthread_mutex_destroy(&shard->mutex);
    }
    pthread_mutex_destroy(&store->sweeping);
    pthread_mutex_destroy(&store->round.mutex);
    pthread_mutex_destroy(&store->delta_round.mutex);
    pthread_mutex_destroy(&store->consuming.mutex);
    shares_free(&store->shares);
    access_destroy(&store->access);
    denials_destroy(&store->denial_texts);
    free(store->round.keys.list);
    free(store);
}

struct access *store_access(struct store *store)
{
    return &store->access;
}

struct swarm *shard_swarm(struct shard *shard, const uint8_t infohash[INFOHASH], uint64_t hash)
{
    uint32_t slot = table_find(&shard->swarms, infohash, hash);
    return slot == NONE ? NULL : table_at(&shard->swarms, slot);
}

struct swarm *shard_make(struct store *store, struct shard *shard, const uint8_t infohash[INFOHASH], uint64_t hash,
                         int64_t now)
{
    uint32_t slot = table_add(&shard->swarms, infohash, hash);
    if (slot == NONE)
        return NULL;
    struct swarm *swarm = table_at(&shard->swarms, slot);
    bits_set(&swarm->dirty, 0);
    swarm_touch(swarm, now);
    uint32_t gone = table_find(&shard->deleted, infohash, hash);
    if (gone != NONE) {
        swarm->parts = ((struct deleted *)table_at(&shard->deleted, gone))->parts;
        table_remove(&shard->deleted, gone);
    }
    atomic_fetch_add_explicit(&store->torrents, 1, memory_order_relaxed);
    return swarm;
}

bool shard_note_deleted(struct shard *shard, const uint8_t infohash[INFOHASH], uint64_t hash, uint64_t parts)
{
    uint32_t slot = table_find(&shard->deleted, infohash, hash);
    if (slot == NONE)
        slot = table_add(&shard->deleted, infohash, hash);
    if (slot == NONE)
        return false;
    struct deleted *deleted = table_at(&shard->deleted, slot);
    if (deleted->parts < parts)
        deleted->parts = (uint32_t)parts;
    return true;
}

struct before swarm_before(const struct swarm *swarm)
{
    return (struct before){swarm_peers(swarm), swarm_complete(swarm)};
}

/* Unsigned numbers wrap, so that adding a difference below zero takes away. */
void swarm_update_totals(struct store *store, const struct swarm *swarm, struct before before)
{
    uint64_t peers = swarm_peers(swarm) - before.peers, complete = swarm_complete(swarm) - before.complete;
    if (peers)
        atomic_fetch_add_explicit(&store->peers, peers, memory_order_relaxed);
    if (complete)
        atomic_fetch_add_explicit(&store->complete, complete, memory_order_relaxed);
    if (bits_any(&swarm->dirty))
        store->shards[swarm->record.key[0]].changed = true;
}

static uint64_t read_counter(const atomic_uint_fast64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

struct totals store_totals(struct store *store)
{
    return (struct totals){read_counter(&store->torrents), read_counter(&store->peers),
                           read_counter(&store->complete)};
}

static bool holds(const struct table *table, const uint8_t infohash[INFOHASH], uint64_t hash)
{
    return table_find(table, infohash, hash) != NONE;
}

/* A denial always wins. */
static enum verdict verdict_on(struct store *store, const struct shard *shard, const uint8_t infohash[INFOHASH],
                           uint64_t hash)
{
    if (holds(&shard->denied, infohash, hash))
        return VERDICT_DENIED;
    return store_listed(store) && !holds(&shard->allowed, infohash, hash) ? VERDICT_UNLISTED : VERDICT_OK;
}

/* The number of what is told of a denied torrent; looked up once more, since only who is refused asks. */
static uint32_t denial_of(const struct shard *shard, const uint8_t infohash[INFOHASH], uint64_t hash)
{
    return ((const struct denied *)table_at(&shard->denied, table_find(&shard->denied, infohash, hash)))->told;
}

/* Answer with an interval from the terms; draws the jitter. */
static enum verdict grant(struct store *store, struct rng *rng, struct answer *answer)
{
    const struct terms *terms = &store->terms;
    answer->interval = terms->interval - terms->jitter + rng_below(rng, 2 * terms->jitter + 1);
    answer->min_interval = terms->min_interval;
    return VERDICT_OK;
}

static enum verdict put_off(struct answer *answer, enum verdict verdict)
{
    answer->interval = answer->min_interval = RETRY_SOON;
    return verdict;
}

/* How many peers of an address a swarm may hold, while `peers` are stored in all: near the cap less than its own cap,
 * by the room that is left. */
static uint64_t peers_of_address(const struct store *store, const struct lookup *lookup, uint64_t peers)
{
    const struct terms *terms = &store->terms;
    uint64_t cap = terms->peers_per_address;
    if (peers < terms->peers_bind || shares_exempt(&store->shares, lookup->peer, lookup->stride - 2u))
        return cap;
    uint64_t part = cap * (terms->max_peers - peers) / (terms->max_peers - terms->peers_bind);
    return part ? part : 1;
}

static bool has_room(struct store *store, const struct lookup *lookup)
{
    uint64_t peers = read_counter(&store->peers);
    if (peers >= store->terms.max_peers)
        return false;
    return !store->terms.peers_per_address || lookup->same_address < peers_of_address(store, lookup, peers);
}

/* Log a departure and remember it; it is dated no earlier than what is known of the peer. */
static void bury(struct store *store, struct shard *shard, const uint8_t infohash[INFOHASH],
                 const struct announce *announce, uint64_t known, int64_t now)
{
    uint64_t rank = rank_of(0, peer_state(now, 0));
    rank = ((rank > known ? rank : known) & ~(uint64_t)(GONE | LEECHER | FLAGS)) | GONE;
    tombstone_put(store, shard, infohash, announce->peer, announce->stride, rank);
    log_change(store, shard, infohash, announce->peer, announce->stride, rank);
}

static struct place put_peer(struct store *store, struct shard *shard, struct swarm *swarm,
                             const struct announce *announce, struct lookup *lookup, struct place place, int64_t now,
                             uint64_t known)
{
    uint64_t completed = swarm->completed;
    place = swarm_put(swarm, announce, lookup, place, now, known);
    if (!shard->consumers || place.slot == NONE)
        return place;
    const uint8_t *infohash = swarm->record.key;
    uint32_t state = *pool_state(swarm_pool(swarm, place.which), place.slot);
    tombstone_drop(store, shard, infohash, announce->peer, announce->stride);
    log_change(store, shard, infohash, announce->peer, announce->stride, rank_of(place.which, state));
    if (swarm->completed != completed)
        log_change(store, shard, infohash, NULL, 0, swarm->completed);
    return place;
}

static struct place store_peer(struct store *store, struct shard *shard, struct swarm *swarm,
                               const struct announce *announce, int64_t now)
{
    struct lookup lookup = {.peer = announce->peer, .peer_hash = &store->peer_hash, .stride = announce->stride};
    struct place place = swarm_locate(swarm, &lookup);
    uint64_t known = 0;
    if (shard->consumers)
        known = place.slot != NONE ? rank_of(place.which, *pool_state(swarm_pool(swarm, place.which), place.slot))
                                   : tombstone_rank(store, shard, swarm->record.key, lookup.peer, lookup.stride);
    if (announce->event == EVENT_STOPPED) {
        if (place.slot != NONE)
            swarm_remove(swarm, &store->peer_hash, place);
        if (shard->consumers)
            bury(store, shard, swarm->record.key, announce, known, now);
        return (struct place){place.which, NONE};
    }
    if (place.slot == NONE && !has_room(store, &lookup))
        return place;
    return put_peer(store, shard, swarm, announce, &lookup, place, now, known);
}

/* Answer a `stopped` for a torrent that nobody is in; elsewhere the peer may be known. */
static enum verdict serve_stranger(struct store *store, struct shard *shard, struct rng *rng,
                                   const struct announce *announce, const uint8_t infohash[INFOHASH], int64_t now,
                                   struct answer *answer)
{
    if (shard->consumers) {
        uint64_t known = tombstone_rank(store, shard, infohash, announce->peer, announce->stride);
        bury(store, shard, infohash, announce, known, now);
    }
    if (announce->account) {
        uint16_t none;
        session_note(store, shard, announce, infohash, now);
        limits_check(store, shard, announce, infohash, now, &none);
    }
    return grant(store, rng, answer);
}

static void give(struct store *store, struct swarm *swarm, owner_t owner)
{
    swarm->owner = owner;
    shares_add(&store->shares, owner, 1);
}

void swarm_adopt(struct store *store, struct swarm *swarm)
{
    size_t length = 0;
    if (swarm->owner)
        return;
    const uint8_t *address = swarm_first_address(swarm, &length);
    if (length)
        give(store, swarm, shares_owner(&store->shares, address, length));
}

/* Find the slot of a swarm that makes room for an owner: an empty one, or one of a single peer whose owner has more
 * than this one would have, the heaviest of a few. NONE: there is none among them. */
static uint32_t find_evictable(struct store *store, struct shard *shard, owner_t owner)
{
    uint64_t best = shares_weight(&store->shares, owner, 1);
    uint32_t size = shard->swarms.size, found = NONE;
    for (uint32_t looks = size < LOOKED_AT ? size : LOOKED_AT; looks--;) {
        shard->looked += LOOK_STEP;
        uint32_t slot = (uint32_t)((uint64_t)shard->looked * size >> 32);
        const struct swarm *swarm = table_at(&shard->swarms, slot);
        uint64_t peers = swarm_peers(swarm);
        bool alone = peers == 1 && !swarm_sockets(swarm);
        uint64_t weight = alone ? shares_weight(&store->shares, swarm->owner, 0) : 0;
        if (!peers || weight > best) {
            best = weight;
            found = slot;
        }
        if (!peers)
            break;
    }
    return found;
}

static bool evict(struct store *store, struct shard *shard, owner_t owner)
{
    uint32_t slot = find_evictable(store, shard, owner);
    if (slot == NONE)
        return false;
    struct swarm *swarm = table_at(&shard->swarms, slot);
    struct before before = swarm_before(swarm);
    swarm_clear(swarm);
    swarm_update_totals(store, swarm, before);
    return shard_forget(store, shard, slot);
}

/* Whether an owner may have another swarm, near the cap: within its share of the room, or in place of a heavier's. */
static bool make_room(struct store *store, struct shard *shard, owner_t owner)
{
    uint64_t torrents = read_counter(&store->torrents), cap = store->terms.max_torrents;
    if (torrents < cap && shares_weight(&store->shares, owner, 0) <= cap - torrents)
        return true;
    return evict(store, shard, owner);
}

/* Whether a verdict on an account's announce stores nothing. */
static bool is_refused(enum verdict verdict)
{
    return verdict == VERDICT_CROWDED || verdict == VERDICT_OVER_SLOTS;
}

/* The swarm of a newcomer, made where there is room; NULL: there is none. */
static struct swarm *found_swarm(struct store *store, struct shard *shard, const struct announce *announce,
                                 const uint8_t infohash[INFOHASH], uint64_t hash, int64_t now)
{
    owner_t owner = shares_owner(&store->shares, announce->peer, announce->stride - 2u);
    if (read_counter(&store->torrents) >= store->terms.shares_bind && !make_room(store, shard, owner))
        return NULL;
    struct swarm *swarm = shard_make(store, shard, infohash, hash, now);
    if (swarm)
        give(store, swarm, owner);
    return swarm;
}

/* Answer an account's announce: within its limits, or with less. Beyond them it makes no swarm, nor room for one. */
static enum verdict serve_account(struct store *store, struct shard *shard, struct rng *rng,
                                  const struct announce *announce, const uint8_t infohash[INFOHASH], uint64_t hash,
                                  int64_t now, struct answer *answer)
{
    struct announce limited = *announce;
    enum verdict verdict = limits_check(store, shard, announce, infohash, now, &limited.numwant);
    struct swarm *swarm = shard_swarm(shard, infohash, hash);
    if (!swarm && !is_refused(verdict)) {
        swarm = found_swarm(store, shard, announce, infohash, hash, now);
        if (!swarm)
            return put_off(answer, VERDICT_FULL);
    }
    session_note(store, shard, announce, infohash, now);
    if (is_refused(verdict)) {
        if (swarm)
            answer->counts = shard_counts(shard, swarm, hash);
        grant(store, rng, answer);
        return verdict;
    }
    struct before before = swarm_before(swarm);
    struct place place = store_peer(store, shard, swarm, announce, now);
    swarm_update_totals(store, swarm, before);
    answer->counts = shard_counts(shard, swarm, hash);
    if (announce->event != EVENT_STOPPED && limited.numwant) {
        swarm_pick(swarm, &limited, place, rng, answer);
        limits_spend(store, announce->account, answer->peers_length / 6u + answer->peers6_length / 18u);
    }
    grant(store, rng, answer);
    return verdict;
}

static enum verdict serve_announce(struct store *store, struct shard *shard, struct rng *rng,
                          const struct announce *announce, const uint8_t infohash[INFOHASH], uint64_t hash,
                          int64_t now, struct answer *answer)
{
    struct swarm *swarm = shard_swarm(shard, infohash, hash);
    if (!swarm && announce->event == EVENT_STOPPED)
        return serve_stranger(store, shard, rng, announce, infohash, now, answer);
    if (announce->account)
        return serve_account(store, shard, rng, announce, infohash, hash, now, answer);
    if (!swarm)
        swarm = found_swarm(store, shard, announce, infohash, hash, now);
    if (!swarm)
        return put_off(answer, VERDICT_FULL);
    struct before before = swarm_before(swarm);
    struct place place = store_peer(store, shard, swarm, announce, now);
    swarm_update_totals(store, swarm, before);
    answer->counts = shard_counts(shard, swarm, hash);
    if (announce->event != EVENT_STOPPED && announce->numwant)
        swarm_pick(swarm, announce, place, rng, answer);
    return grant(store, rng, answer);
}

/* Go on to the shard of the hash that this one stands for, where it stands for another. */
static struct shard *follow(struct store *store, struct shard *shard, uint8_t infohash[INFOHASH], uint64_t *hash)
{
    uint32_t slot = table_find(&shard->aliases, infohash, *hash);
    if (slot == NONE)
        return shard;
    memcpy(infohash, ((const struct alias *)table_at(&shard->aliases, slot))->canonical, INFOHASH);
    shard_leave(shard);
    *hash = infohash_hash(store, infohash);
    return shard_enter(store, infohash);
}

void store_fetch(struct store *store, const uint8_t infohash[INFOHASH], uint64_t *hash, bool deep)
{
    struct shard *shard = &store->shards[infohash[0]];
    if (!deep)
        *hash = infohash_hash(store, infohash);
    if (pthread_mutex_trylock(&shard->mutex) != 0)
        return;
    table_fetch(&shard->swarms, *hash, deep);
    shard_leave(shard);
}

enum verdict store_announce(struct store *store, struct rng *rng, const struct announce *announce, int64_t now,
                            struct answer *answer)
{
    uint8_t infohash[INFOHASH];
    memcpy(infohash, announce->infohash, INFOHASH);
    uint64_t hash = infohash_hash(store, infohash);
    answer->counts = (struct counts){0};
    answer->peers_length = answer->peers6_length = 0;
    struct shard *shard = shard_enter(store, infohash);
    enum verdict verdict = verdict_on(store, shard, infohash, hash);
    /* What is allowed is not known yet while the store is restoring. */
    if (verdict != VERDICT_DENIED && store_restoring(store))
        verdict = put_off(answer, VERDICT_RESTORING);
    if (verdict == VERDICT_DENIED)
        answer->denial = denial_of(shard, infohash, hash);
    if (verdict == VERDICT_OK) {
        shard = follow(store, shard, infohash, &hash);
        verdict = serve_announce(store, shard, rng, announce, infohash, hash, now, answer);
    }
    shard_leave(shard);
    return verdict;
}

/* Find the swarm of a peer over WebSocket; make it for one that comes. NULL: there is none, or no room for it. */
static struct swarm *socket_swarm(struct store *store, struct shard *shard, const struct socket_change *change,
                                  const uint8_t infohash[INFOHASH], uint64_t hash, int64_t now)
{
    struct swarm *swarm = shard_swarm(shard, infohash, hash);
    if (swarm || change->seeders + change->leechers <= 0)
        return swarm;
    owner_t owner = shares_owner(&store->shares, change->address, change->length);
    if (read_counter(&store->torrents) >= store->terms.shares_bind && !make_room(store, shard, owner))
        return NULL;
    swarm = shard_make(store, shard, infohash, hash, now);
    if (swarm)
        give(store, swarm, owner);
    return swarm;
}

static enum verdict serve_socket(struct store *store, struct shard *shard, const struct socket_change *change,
                                 const uint8_t infohash[INFOHASH], uint64_t hash, int64_t now, struct answer *answer)
{
    bool comes = change->seeders + change->leechers > 0;
    if (comes && read_counter(&store->peers) >= store->terms.max_peers)
        return put_off(answer, VERDICT_FULL);
    struct swarm *swarm = socket_swarm(store, shard, change, infohash, hash, now);
    if (!swarm && comes)
        return put_off(answer, VERDICT_FULL);
    answer->interval = store->terms.interval;
    answer->min_interval = store->terms.min_interval;
    if (!swarm)
        return VERDICT_OK;
    struct before before = swarm_before(swarm);
    if (!swarm_count_sockets(swarm, change->seeders, change->leechers))
        return put_off(answer, VERDICT_FULL);
    swarm_touch(swarm, now);
    if (change->completed) {
        swarm->completed++;
        bits_set(&swarm->dirty, 0);
        if (shard->consumers)
            log_change(store, shard, swarm->record.key, NULL, 0, swarm->completed);
    }
    swarm_update_totals(store, swarm, before);
    answer->counts = shard_counts(shard, swarm, hash);
    return VERDICT_OK;
}

enum verdict store_count_socket(struct store *store, const struct socket_change *change, int64_t now,
                                struct answer *answer)
{
    uint8_t infohash[INFOHASH];
    memcpy(infohash, change->infohash, INFOHASH);
    uint64_t hash = infohash_hash(store, infohash);
    bool leaves = change->seeders + change->leechers < 0;
    answer->counts = (struct counts){0};
    answer->interval = answer->min_interval = 0;
    answer->peers_length = answer->peers6_length = 0;
    struct shard *shard = shard_enter(store, infohash);
    enum verdict verdict = leaves ? VERDICT_OK : verdict_on(store, shard, infohash, hash);
    if (verdict != VERDICT_DENIED && !leaves && store_restoring(store))
        verdict = put_off(answer, VERDICT_RESTORING);
    if (verdict == VERDICT_DENIED)
        answer->denial = denial_of(shard, infohash, hash);
    if (verdict == VERDICT_OK) {
        shard = follow(store, shard, infohash, &hash);
        verdict = serve_socket(store, shard, change, infohash, hash, now, answer);
    }
    shard_leave(shard);
    return verdict;
}

enum verdict store_scrape(struct store *store, const uint8_t infohash[INFOHASH], struct counts *counts)
{
    uint8_t key[INFOHASH];
    memcpy(key, infohash, INFOHASH);
    uint64_t hash = infohash_hash(store, key);
    *counts = (struct counts){0};
    struct shard *shard = shard_enter(store, key);
    enum verdict verdict = verdict_on(store, shard, key, hash);
    if (verdict == VERDICT_OK) {
        shard = follow(store, shard, key, &hash);
        const struct swarm *swarm = shard_swarm(shard, key, hash);
        if (swarm)
            *counts = shard_counts(shard, swarm, hash);
    }
    shard_leave(shard);
    return verdict;
}

enum verdict store_peers(struct store *store, struct rng *rng, const uint8_t infohash[INFOHASH], uint16_t numwant,
                         struct answer *answer)
{
    const struct announce nobody = {.numwant = numwant};
    uint8_t key[INFOHASH];
    memcpy(key, infohash, INFOHASH);
    uint64_t hash = infohash_hash(store, key);
    answer->peers_length = answer->peers6_length = 0;
    struct shard *shard = shard_enter(store, key);
    enum verdict verdict = verdict_on(store, shard, key, hash);
    if (verdict == VERDICT_OK && numwant) {
        shard = follow(store, shard, key, &hash);
        const struct swarm *swarm = shard_swarm(shard, key, hash);
        if (swarm)
            swarm_pick(swarm, &nobody, (struct place){0, NONE}, rng, answer);
    }
    shard_leave(shard);
    return verdict;
}

struct shard *shard_enter_canonical(struct store *store, uint8_t infohash[INFOHASH], uint64_t *hash)
{
    *hash = infohash_hash(store, infohash);
    return follow(store, shard_enter(store, infohash), infohash, hash);
}

enum verdict store_verdict(struct store *store, const uint8_t infohash[INFOHASH])
{
    struct shard *shard = shard_enter(store, infohash);
    enum verdict verdict = verdict_on(store, shard, infohash, infohash_hash(store, infohash));
    shard_leave(shard);
    return verdict;
}

/* Put a key into a table or take it out. */
static int set_member(struct table *table, const uint8_t infohash[INFOHASH], uint64_t hash, bool in)
{
    uint32_t slot = table_find(table, infohash, hash);
    if (in && slot == NONE)
        return table_add(table, infohash, hash) == NONE ? -1 : 0;
    if (!in && slot != NONE)
        table_remove(table, slot);
    return 0;
}

static void publish(struct store *store, struct shard *shard, const uint8_t infohash[INFOHASH], uint64_t hash, bool public)
{
    uint32_t slot = table_find(&shard->allowed, infohash, hash);
    if (slot == NONE)
        return;
    struct allowed *allowed = table_at(&shard->allowed, slot);
    /* Unsigned numbers wrap, so that adding a difference below zero takes away. */
    atomic_fetch_add_explicit(&store->publics, (uint64_t)public - allowed->public, memory_order_relaxed);
    allowed->public = public;
}

int store_allow(struct store *store, const uint8_t infohash[INFOHASH], bool allowed)
{
    uint64_t hash = infohash_hash(store, infohash);
    struct shard *shard = shard_enter(store, infohash);
    if (!allowed)
        publish(store, shard, infohash, hash, false);
    int done = set_member(&shard->allowed, infohash, hash, allowed);
    shard_leave(shard);
    return done;
}

void store_publish(struct store *store, const uint8_t infohash[INFOHASH], bool public)
{
    uint64_t hash = infohash_hash(store, infohash);
    struct shard *shard = shard_enter(store, infohash);
    publish(store, shard, infohash, hash, public);
    shard_leave(shard);
}

bool store_is_public(struct store *store, const uint8_t infohash[INFOHASH])
{
    if (!read_counter(&store->publics))
        return false;
    uint64_t hash = infohash_hash(store, infohash);
    struct shard *shard = shard_enter(store, infohash);
    uint32_t slot = table_find(&shard->allowed, infohash, hash);
    bool public = slot != NONE && ((const struct allowed *)table_at(&shard->allowed, slot))->public;
    shard_leave(shard);
    return public;
}

/* Have a number told of a denied torrent: the one before, -1 where it is not denied. */
static int64_t explain(struct shard *shard, const uint8_t infohash[INFOHASH], uint64_t hash, uint32_t told)
{
    uint32_t slot = table_find(&shard->denied, infohash, hash);
    if (slot == NONE)
        return -1;
    struct denied *denied = table_at(&shard->denied, slot);
    uint32_t before = denied->told;
    denied->told = told;
    return before;
}

int store_deny(struct store *store, const uint8_t infohash[INFOHASH], bool denied, uint32_t told, int64_t *before)
{
    uint64_t hash = infohash_hash(store, infohash);
    struct shard *shard = shard_enter(store, infohash);
    *before = explain(shard, infohash, hash, told);
    int done = set_member(&shard->denied, infohash, hash, denied);
    if (denied && *before < 0 && done == 0)
        explain(shard, infohash, hash, told);
    shard_leave(shard);
    return done;
}

int store_deny_unexplained(struct store *store, const uint8_t infohash[INFOHASH], bool denied)
{
    struct shard *shard = shard_enter(store, infohash);
    int done = set_member(&shard->denied, infohash, infohash_hash(store, infohash), denied);
    shard_leave(shard);
    return done;
}

int64_t store_explain(struct store *store, const uint8_t infohash[INFOHASH], uint32_t told)
{
    struct shard *shard = shard_enter(store, infohash);
    int64_t before = explain(shard, infohash, infohash_hash(store, infohash), told);
    shard_leave(shard);
    return before;
}

bool store_set_denial_text(struct store *store, uint32_t number, const uint8_t *text, size_t length)
{
    return denials_set(&store->denial_texts, number, text, length);
}

void store_tell(struct store *store, uint32_t number, struct denial *out)
{
    denials_tell(&store->denial_texts, number, out);
}

bool store_has_rules(struct store *store)
{
    bool ruled = false;
    for (uint32_t at = 0; at < SHARDS && !ruled; at++) {
        struct shard *shard = &store->shards[at];
        pthread_mutex_lock(&shard->mutex);
        ruled = shard->allowed.size || shard->denied.size;
        shard_leave(shard);
    }
    return ruled;
}

void store_set_listed(struct store *store, bool listed)
{
    atomic_store(&store->listed, listed);
}

bool store_listed(struct store *store)
{
    return atomic_load_explicit(&store->listed, memory_order_relaxed);
}

void store_set_private(struct store *store, bool private)
{
    atomic_store(&store->private, private);
}

bool store_private(const struct store *store)
{
    return atomic_load_explicit(&store->private, memory_order_relaxed);
}

void store_set_restoring(struct store *store, bool restoring)
{
    atomic_store(&store->restoring, restoring);
}

bool store_restoring(struct store *store)
{
    return atomic_load_explicit(&store->restoring, memory_order_relaxed);
}

static void forget(struct store *store, struct shard *shard, const uint8_t infohash[INFOHASH])
{
    uint64_t hash = infohash_hash(store, infohash);
    struct swarm *swarm = shard_swarm(shard, infohash, hash);
    if (!swarm)
        return;
    struct before before = swarm_before(swarm);
    swarm_clear(swarm);
    shard_drop_others(shard, infohash, hash);
    swarm_update_totals(store, swarm, before);
}

void store_remove_denied(struct store *store)
{
    for (uint32_t at = 0; at < SHARDS; at++) {
        struct shard *shard = &store->shards[at];
        pthread_mutex_lock(&shard->mutex);
        for (uint32_t slot = 0; slot < shard->denied.size; slot++)
            forget(store, shard, ((const struct record *)table_at(&shard->denied, slot))->key);
        shard_leave(shard);
    }
}

void store_remove(struct store *store, const uint8_t infohash[INFOHASH])
{
    struct shard *shard = shard_enter(store, infohash);
    forget(store, shard, infohash);
    shard_leave(shard);
}

static int add_alias(struct store *store, const uint8_t alias[INFOHASH], const uint8_t canonical[INFOHASH])
{
    uint64_t hash = infohash_hash(store, alias);
    struct shard *shard = shard_enter(store, alias);
    uint32_t slot = table_find(&shard->aliases, alias, hash);
    if (slot == NONE)
        slot = table_add(&shard->aliases, alias, hash);
    if (slot != NONE)
        memcpy(((struct alias *)table_at(&shard->aliases, slot))->canonical, canonical, INFOHASH);
    shard_leave(shard);
    return slot == NONE ? -1 : 0;
}

/* Some peers on their way from one swarm to another, so that never two shards are locked. */
struct move_batch {
    uint64_t completed;
    int64_t touched;
    uint32_t which, slot, count; /* where in the swarm it comes from; which POOLS: nothing is left */
    uint32_t states[MOVE_BATCH];
    uint8_t peers[MOVE_BATCH][18];
};

static void skip_empty(struct move_batch *batch, const struct swarm *from)
{
    while (batch->which < POOLS && batch->slot >= swarm_size(from, batch->which)) {
        batch->which++;
        batch->slot = 0;
    }
}

/* Fill a batch with the peers of one pool; false: that hash has no swarm. */
static bool read_batch(struct store *store, const uint8_t alias[INFOHASH], struct move_batch *batch)
{
    struct shard *shard = shard_enter(store, alias);
    const struct swarm *from = shard_swarm(shard, alias, infohash_hash(store, alias));
    if (from) {
        batch->completed = from->completed;
        batch->touched = from->touched + EPOCH;
        batch->count = 0;
        skip_empty(batch, from);
        while (batch->which < POOLS && batch->count < MOVE_BATCH &&
               batch->slot + batch->count < swarm_size(from, batch->which)) {
            const struct pool *pool = swarm_pool(from, batch->which);
            uint32_t stride = STRIDE(batch->which), slot = batch->slot + batch->count;
            memcpy(batch->peers[batch->count], pool_peer(pool, stride, slot), stride);
            batch->states[batch->count++] = *pool_state(pool, slot);
        }
    }
    shard_leave(shard);
    return from != NULL;
}

/* Merge a batch; of two completed counts the larger stays, since a hybrid's client announces under both hashes. */
static int merge_batch(struct store *store, const uint8_t canonical[INFOHASH], const struct move_batch *batch)
{
    uint64_t hash = infohash_hash(store, canonical);
    struct shard *shard = shard_enter(store, canonical);
    struct swarm *swarm = shard_swarm(shard, canonical, hash);
    if (!swarm)
        swarm = shard_make(store, shard, canonical, hash, batch->touched);
    int done = swarm ? 0 : -1;
    if (swarm) {
        struct before before = swarm_before(swarm);
        for (uint32_t at = 0; at < batch->count; at++)
            if (!outranked(store, shard, canonical, batch->peers[at], STRIDE(batch->which),
                           rank_of(batch->which, batch->states[at])) &&
                !swarm_merge_peer(swarm, &store->peer_hash, batch->which, batch->peers[at], batch->states[at]))
                done = -1;
        if (swarm->completed < batch->completed)
            swarm->completed = batch->completed;
        if (swarm->touched + EPOCH < batch->touched)
            swarm_touch(swarm, batch->touched);
        bits_set(&swarm->dirty, 0);
        swarm_adopt(store, swarm);
        swarm_update_totals(store, swarm, before);
    }
    shard_leave(shard);
    return done;
}

/* Take the other nodes' counts of an alias over. */
static int move_others(struct store *store, const uint8_t alias[INFOHASH], const uint8_t canonical[INFOHASH])
{
    struct node_count list[MAX_NODES];
    struct shard *shard = shard_enter(store, alias);
    const struct others *others = shard_others(shard, alias, infohash_hash(store, alias));
    uint32_t count = others ? others->count : 0;
    if (count)
        memcpy(list, others->list, count * sizeof *list);
    shard_leave(shard);
    if (!count)
        return 0;
    uint64_t hash = infohash_hash(store, canonical);
    shard = shard_enter(store, canonical);
    struct swarm *swarm = shard_swarm(shard, canonical, hash);
    bool done = swarm != NULL;
    for (uint32_t at = 0; at < count && done; at++)
        done = shard_count_node(store, shard, swarm, hash, list[at].node, list[at].completed, true);
    shard_leave(shard);
    return done ? 0 : -1;
}

/* Count the peers over WebSocket of an alias here; they are forgotten there with the rest of it. */
static int move_sockets(struct store *store, const uint8_t alias[INFOHASH], const uint8_t canonical[INFOHASH])
{
    int done = 0;
    struct shard *shard = shard_enter(store, alias);
    const struct swarm *from = shard_swarm(shard, alias, infohash_hash(store, alias));
    uint32_t seeders = from && from->extra ? from->extra->socket_seeders : 0;
    uint32_t leechers = from && from->extra ? from->extra->socket_leechers : 0;
    shard_leave(shard);
    if (!seeders && !leechers)
        return 0;
    shard = shard_enter(store, canonical);
    struct swarm *swarm = shard_swarm(shard, canonical, infohash_hash(store, canonical));
    if (swarm) {
        struct before before = swarm_before(swarm);
        done = swarm_count_sockets(swarm, seeders, leechers) ? 0 : -1;
        bits_set(&swarm->dirty, 0);
        swarm_update_totals(store, swarm, before);
    }
    shard_leave(shard);
    return done;
}

int store_join(struct store *store, const uint8_t alias[INFOHASH], const uint8_t canonical[INFOHASH])
{
    if (!memcmp(alias, canonical, INFOHASH))
        return 0;
    if (add_alias(store, alias, canonical) < 0)
        return -1;
    int done = 0;
    struct move_batch batch = {.which = 0};
    while (batch.which < POOLS && done == 0) {
        if (!read_batch(store, alias, &batch))
            return 0;
        done = merge_batch(store, canonical, &batch);
        batch.slot += batch.count;
    }
    if (done == 0)
        done = move_others(store, alias, canonical);
    if (done == 0)
        done = move_sockets(store, alias, canonical);
    store_remove(store, alias);
    return done;
}

/* Passkeys: filled up with zeros to one length. */

static uint64_t fill_passkey(const struct store *store, const uint8_t *passkey, size_t length,
                             uint8_t key[PASSKEY_MOST])
{
    memset(key, 0, PASSKEY_MOST);
    memcpy(key, passkey, length);
    return sip_hash(&store->peer_hash.secret, key, PASSKEY_MOST);
}

static struct shard *passkey_shard(struct store *store, uint64_t hash)
{
    struct shard *shard = &store->shards[hash >> 56];
    pthread_mutex_lock(&shard->mutex);
    return shard;
}

int store_set_passkey(struct store *store, const uint8_t *passkey, size_t length, uint64_t account)
{
    uint8_t key[PASSKEY_MOST];
    uint64_t hash = fill_passkey(store, passkey, length, key);
    struct shard *shard = passkey_shard(store, hash);
    uint32_t slot = table_find(&shard->passkeys, key, hash);
    int done = 1;
    if (slot == NONE && read_counter(&store->passkeys) >= MAX_PASSKEYS) {
        done = 0;
    } else if (slot == NONE) {
        slot = table_add(&shard->passkeys, key, hash);
        done = slot == NONE ? -1 : 1;
        atomic_fetch_add_explicit(&store->passkeys, slot != NONE, memory_order_relaxed);
    }
    if (slot != NONE)
        ((struct passkey *)table_at(&shard->passkeys, slot))->account = account;
    shard_leave(shard);
    return done;
}

void store_drop_passkey(struct store *store, const uint8_t *passkey, size_t length)
{
    uint8_t key[PASSKEY_MOST];
    uint64_t hash = fill_passkey(store, passkey, length, key);
    struct shard *shard = passkey_shard(store, hash);
    uint32_t slot = table_find(&shard->passkeys, key, hash);
    if (slot != NONE) {
        table_remove(&shard->passkeys, slot);
        atomic_fetch_sub_explicit(&store->passkeys, 1, memory_order_relaxed);
    }
    shard_leave(shard);
}

uint64_t store_account(struct store *store, const uint8_t *passkey, size_t length)
{
    uint8_t key[PASSKEY_MOST];
    uint64_t hash = fill_passkey(store, passkey, length, key), account = 0;
    struct shard *shard = passkey_shard(store, hash);
    uint32_t slot = table_find(&shard->passkeys, key, hash);
    if (slot != NONE)
        account = ((const struct passkey *)table_at(&shard->passkeys, slot))->account;
    shard_leave(shard);
    return account;
}
