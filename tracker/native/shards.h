/* The store's inner structure: shards, a mutex each; for the files of the store alone. */
#ifndef PEERAGE_SHARDS_H
#define PEERAGE_SHARDS_H

#include <pthread.h>
#include <stdatomic.h>

#include "access.h"
#include "denials.h"
#include "queue.h"
#include "swarm.h"

/* A hash that stands for another one. */
struct alias {
    struct record record;
    uint8_t canonical[INFOHASH];
};

/* A swarm that is no more, but of which the journal may hold rows. */
struct deleted {
    struct record record;
    uint32_t parts;
};

/* Completed downloads that other nodes have counted in a swarm, by node ascending. */
struct others {
    struct record record;
    uint32_t count;
    uint64_t sum;
    struct node_count {
        uint64_t completed;
        uint32_t node;
    } *list;
};

enum { SESSION_KEY = INFOHASH + PEER_ID + 8, CHANGE_KEY = INFOHASH + 20, CLIENTS_KEY = INFOHASH + 8 };

/* The last totals of a client, by infohash, peer id and account. */
struct session {
    struct record record;
    uint8_t rest[SESSION_KEY - INFOHASH];
    struct links links;
    struct last_totals last;
};

/* A delta that is not taken yet, by the same key. */
struct pending {
    struct record record;
    uint8_t rest[SESSION_KEY - INFOHASH];
    struct links links;
    uint64_t sums[5]; /* uploaded, downloaded, seeded, completed, capped */
    struct last_totals last;
    struct from from;
};

/* A change that a consumer has not acknowledged, by infohash and peer. */
struct logged {
    struct record record;
    uint8_t rest[CHANGE_KEY - INFOHASH];
    struct links links;
    uint64_t value, sequence;
};

/* The rank of a departure, by infohash and peer. */
struct tombstone {
    struct record record;
    uint8_t rest[CHANGE_KEY - INFOHASH];
    struct links links;
    uint64_t rank;
};

/* The clients of an account in a torrent, by infohash and account. */
struct clients {
    struct record record;
    uint8_t rest[CLIENTS_KEY - INFOHASH];
    struct links links;
    uint32_t count;
    int64_t touched;
    struct client_seen {
        uint8_t peer_id[PEER_ID];
        bool completed;
        int64_t seen[2]; /* over IPv4, over IPv6 */
    } list[MOST_CLIENTS];
};

/* What an account does now and did of late, by the account and zeros: its downloads, and the peers that it was given. */
struct account_use {
    struct record record;
    struct links links;
    uint32_t count;
    int64_t touched, at; /* `at`: when `level` was right */
    uint64_t level;      /* 3600ths of a peer */
    struct slot_seen {
        uint8_t tag[TAG_BYTES]; /* of an infohash */
        int64_t seen;
    } list[MOST_SLOTS];
};

/* Uses by the account's last byte; the mutex is taken inside a shard's, and nothing inside it. */
struct use_shard {
    pthread_mutex_t mutex;
    struct queue uses;
};

/* A torrent that is allowed, and whether in private mode anybody may announce it. */
struct allowed {
    struct record record;
    uint32_t public;
};

/* A torrent that is denied, and the number of what is told of it. */
struct denied {
    struct record record;
    uint32_t told;
};

struct passkey {
    struct record record;
    uint8_t rest[PASSKEY_MOST - INFOHASH];
    uint64_t account;
};

struct shard {
    pthread_mutex_t mutex;
    bool changed;      /* a swarm may be dirty; false: a flush need not look */
    uint8_t consumers; /* of changes, a bit each; 0: nothing is logged */
    uint32_t looked;   /* where the last look for room was, of 2^32 */
    struct table swarms, deleted, aliases, allowed, denied, others;
    struct table passkeys; /* by the first byte of their hash */
    struct queue sessions, pending, logged, tombstones, clients;
    uint64_t sequence, dropped, cursors[MAX_CONSUMERS]; /* of changes: the last one, the last dropped, the last read */
};

/* Where the sweep goes on: the swarms of a shard from the last slot down, the pools of a swarm likewise. */
struct cursor {
    uint32_t shard, swarm; /* swarm: one above the slot; 0: the shard is done; NONE: it is not begun */
    uint32_t pool, slot;   /* slot: one above the first to look at; NONE: all of the pool */
};

struct keys {
    uint8_t (*list)[INFOHASH];
    size_t count, room;
};

/* Where a flush is; the mutex is taken before a shard's, never after it. */
struct round {
    pthread_mutex_t mutex;
    uint32_t turn;
    struct keys keys; /* of this turn, of which those from `next` on are left */
    size_t next;
};

struct store {
    struct terms terms;
    struct peer_hash peer_hash;
    struct share_counts shares;
    struct access access;
    struct denial_texts denial_texts;
    atomic_bool listed, private, restoring;
    atomic_uint_fast64_t torrents, peers, complete;
    atomic_uint_fast64_t publics; /* allowed torrents that are public; 0: nobody need look */
    atomic_uint_fast64_t sessions, pending, lost, logged, tombstones, passkeys, clients, uses;
    pthread_mutex_t sweeping; /* guards the cursor; taken before a shard's mutex, never after it */
    struct cursor cursor;
    struct round round;
    struct {
        pthread_mutex_t mutex; /* taken before a shard's */
        uint32_t shard;
        int64_t left; /* deltas of the shard that belong to the round; -1: it is not begun */
    } delta_round;
    struct {
        pthread_mutex_t mutex; /* taken before a shard's */
        uint8_t open;          /* consumers, a bit each */
        uint32_t starts[MAX_CONSUMERS];
    } consuming;
    uint32_t upkeep; /* the shard whose sessions and tombstones are looked through next; guarded by `sweeping` */
    struct shard shards[SHARDS];
    struct use_shard uses_by_account[SHARDS];
};

/* What a swarm held before a change. */
struct before {
    uint64_t peers, complete;
};

static inline uint64_t infohash_hash(const struct store *store, const uint8_t infohash[INFOHASH])
{
    return sip_hash(&store->peer_hash.secret, infohash, INFOHASH);
}

/* Lock the shard of an infohash and return it; unlocked by shard_leave. */
static inline struct shard *shard_enter(struct store *store, const uint8_t infohash[INFOHASH])
{
    struct shard *shard = &store->shards[infohash[0]];
    pthread_mutex_lock(&shard->mutex);
    return shard;
}

static inline void shard_leave(struct shard *shard)
{
    pthread_mutex_unlock(&shard->mutex);
}

/* All of these are called with the shard locked. */
struct swarm *shard_swarm(struct shard *shard, const uint8_t infohash[INFOHASH], uint64_t hash);
/* A new swarm, marked dirty; NULL: no memory. */
struct swarm *shard_make(struct store *store, struct shard *shard, const uint8_t infohash[INFOHASH], uint64_t hash,
                         int64_t now);
/* Count a swarm that is nobody's to the share of its first peer. */
void swarm_adopt(struct store *store, struct swarm *swarm);
/* Forget the swarm in a slot; false: no memory to note its rows for deletion, and it stays. */
bool shard_forget(struct store *store, struct shard *shard, uint32_t slot);
/* Remember that the journal may hold `parts` rows of a hash that has no swarm. */
bool shard_note_deleted(struct shard *shard, const uint8_t infohash[INFOHASH], uint64_t hash, uint64_t parts);
struct before swarm_before(const struct swarm *swarm);
/* Add to the store's counters what a swarm has more or less than before, and note in its shard whether it is dirty. */
void swarm_update_totals(struct store *store, const struct swarm *swarm, struct before before);
struct others *find_others(struct shard *shard, const uint8_t infohash[INFOHASH], uint64_t hash);
/* Completed counts of other nodes; NULL: there are none, as wherever there is one node. */
static inline struct others *shard_others(struct shard *shard, const uint8_t infohash[INFOHASH], uint64_t hash)
{
    return shard->others.size ? find_others(shard, infohash, hash) : NULL;
}
void shard_drop_others(struct shard *shard, const uint8_t infohash[INFOHASH], uint64_t hash);
/* A swarm in numbers, downloads that other nodes counted included. */
static inline struct counts shard_counts(struct shard *shard, const struct swarm *swarm, uint64_t hash)
{
    struct counts counts = swarm_counts(swarm);
    const struct others *others = shard_others(shard, swarm->record.key, hash);
    if (others)
        counts.downloaded += others->sum;
    return counts;
}
/* Take a node's completed count over where it is larger than the known one, marking it dirty or not; false: no
 * memory. */
bool shard_count_node(struct store *store, struct shard *shard, struct swarm *swarm, uint64_t hash, uint32_t node,
                      uint64_t completed, bool changed);

/* Take the totals of an account's announce in; see Sessions.note. */
void session_note(struct store *store, struct shard *shard, const struct announce *announce,
                  const uint8_t infohash[INFOHASH], int64_t now);
void sessions_expire(struct store *store, struct shard *shard, int64_t now);

/* How an announce of an account is answered, and how many peers it is given at most; see AccountLimits.check. */
enum verdict limits_check(struct store *store, struct shard *shard, const struct announce *announce,
                          const uint8_t infohash[INFOHASH], int64_t now, uint16_t *numwant);
/* Count peers that an account was given. */
void limits_spend(struct store *store, uint64_t account, uint64_t peers);
void limits_expire(struct store *store, struct shard *shard, uint32_t number, int64_t now);

/* Log a peer's rank, or without a peer the swarm's completed count; only where there are consumers. */
void log_change(struct store *store, struct shard *shard, const uint8_t infohash[INFOHASH], const uint8_t *peer,
                uint32_t length, uint64_t value);
uint64_t tombstone_rank(const struct store *store, const struct shard *shard, const uint8_t infohash[INFOHASH],
                        const uint8_t *peer, uint32_t length);
void tombstone_put(struct store *store, struct shard *shard, const uint8_t infohash[INFOHASH], const uint8_t *peer,
                   uint32_t length, uint64_t rank);
void tombstone_drop(struct store *store, struct shard *shard, const uint8_t infohash[INFOHASH], const uint8_t *peer,
                    uint32_t length);
/* Whether a departure is known that outranks a change; if it does not, it is forgotten. */
bool outranked(struct store *store, struct shard *shard, const uint8_t infohash[INFOHASH], const uint8_t *peer,
               uint32_t length, uint64_t rank);
void tombstones_expire(struct store *store, struct shard *shard, int64_t before);

/* Return an array with room for `more` items, perhaps moved; NULL: no memory, and it is as it was. */
void *reserve(void *array, size_t *room, size_t used, size_t more, size_t width);

/* Lock the shard of the hash that this one stands for, or of itself; `infohash` and `hash` become that one's. */
struct shard *shard_enter_canonical(struct store *store, uint8_t infohash[INFOHASH], uint64_t *hash);

#endif
