/* The C interface of the store: swarms, and who may have one.
 *
 * Every call may come from any thread at any time, with or without the GIL, and takes at most one shard's mutex
 * at once, and inside it perhaps that of an account. Answers equal those of tracker/swarms.py byte for byte, given the same calls, seed and clock. */
#ifndef PEERAGE_STORE_H
#define PEERAGE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "constants.h"
#include "random.h"

struct store; /* opaque: 256 shards by the infohash's first byte, a mutex each */

struct terms {
    uint32_t interval, min_interval, jitter; /* seconds */
    int64_t timeout, remember_completed;     /* seconds */
    uint64_t max_torrents, max_peers;
    uint32_t peers_per_address; /* 0: no cap */
    uint32_t node;              /* the number of this store among those that exchange changes */
    int64_t session_timeout;    /* seconds */
    uint64_t max_sessions, max_changes;
    uint64_t most_rate; /* bytes a second that count; 0: any */
    uint64_t shares_bind; /* torrents from which on an address may have no more than its share */
    uint64_t peers_bind;  /* peers from which on peers_per_address falls with the room that is left */
    int64_t announce_spacing;                   /* seconds; these are the limits of an account, 0: none */
    uint32_t peers_per_account, download_slots; /* at most MOST_CLIENTS, MOST_SLOTS */
    uint32_t peers_per_hour;
};

struct exemption; /* shares.h */
struct access;    /* access.h */
struct denial;    /* access.h */

struct announce {
    uint8_t infohash[INFOHASH];
    uint8_t peer[18];
    uint8_t stride; /* 6 or 18: how much of `peer` is used */
    uint8_t event, seeder, families, transport;
    uint16_t numwant; /* more than MAX_NUMWANT is taken as that */
    uint64_t account; /* 0: nobody, and what follows is not looked at */
    uint64_t uploaded, downloaded;
    uint8_t peer_id[PEER_ID];
};

/* What changes in a swarm's peers over WebSocket; differences are -1 to 1. */
struct socket_change {
    uint8_t infohash[INFOHASH];
    uint8_t address[16];
    uint8_t length; /* 4 or 16: how much of `address` is used */
    int8_t seeders, leechers;
    bool completed;
};

struct counts {
    uint64_t complete, downloaded, incomplete, downloaders;
};

struct answer {
    struct counts counts;
    uint32_t interval, min_interval;
    uint16_t peers_length, peers6_length; /* bytes */
    uint32_t denial; /* of VERDICT_DENIED: the number of what is told, for store_tell */
    uint8_t peers[MAX_NUMWANT * 6];
    uint8_t peers6[MAX_NUMWANT * 18];
};

struct totals {
    uint64_t torrents, peers, complete;
};

/* A journal row; without a payload it is one to delete. */
struct row {
    const uint8_t *infohash;
    uint64_t part;
    const uint8_t *payload;
    size_t length;
};

/* NULL: no memory. `key`: 16 random bytes; `exemptions`: the networks that no share binds, as many as `exempt`. */
struct store *store_new(const struct terms *terms, const uint8_t key[16], const struct exemption *exemptions,
                        size_t exempt);
void store_free(struct store *store);

/* Policy, aliases, swarm, answer; refused with UNLISTED or DENIED, of which the answer has no more than `denial`. Slots and draws are in
 * the order of tracker/swarms.py. */
enum verdict store_announce(struct store *store, struct rng *rng, const struct announce *announce, int64_t now,
                            struct answer *answer);
/* Count a change of a swarm's peers over WebSocket; the answer has counts and intervals alone. See Swarms.count_socket. */
enum verdict store_count_socket(struct store *store, const struct socket_change *change, int64_t now,
                                struct answer *answer);
/* Take the totals of an account's announce in that changes no peers, as one over WebSocket. */
void store_note_session(struct store *store, const struct announce *announce, int64_t now);
/* Begin to bring a swarm into the cache, for a caller with many announces at hand: once for all of them with *hash to
 * be filled in, then `deep`. It changes nothing, and does nothing where the shard is busy. */
void store_fetch(struct store *store, const uint8_t infohash[INFOHASH], uint64_t *hash, bool deep);
/* Zeros for unknown and refused; the verdict is OK, UNLISTED or DENIED. */
enum verdict store_scrape(struct store *store, const uint8_t infohash[INFOHASH], struct counts *counts);
/* Up to `numwant` peers of both families in the answer, as a leecher that is not among them is given; nothing of the
 * store changes, and counts and intervals are left alone. */
enum verdict store_peers(struct store *store, struct rng *rng, const uint8_t infohash[INFOHASH], uint16_t numwant,
                         struct answer *answer);
struct totals store_totals(struct store *store);

/* A swarm that has peers. */
struct large_swarm {
    uint8_t infohash[INFOHASH];
    uint64_t peers;
    struct counts counts;
};

/* The swarms with most peers, at most so many, the largest first; of equals that with the smaller infohash. */
size_t store_largest(struct store *store, struct large_swarm *list, size_t most);

/* Policy. -1: no memory, and nothing has changed. */
int store_allow(struct store *store, const uint8_t infohash[INFOHASH], bool allowed);
/* Let anybody announce an allowed torrent in private mode, or not; of one that is not allowed nothing is kept. */
void store_publish(struct store *store, const uint8_t infohash[INFOHASH], bool public);
/* Whether in private mode anybody may announce a torrent. */
bool store_is_public(struct store *store, const uint8_t infohash[INFOHASH]);
/* `told`: the number of what is told; *before: the number until now, -1 where it was not denied. */
int store_deny(struct store *store, const uint8_t infohash[INFOHASH], bool denied, uint32_t told, int64_t *before);
/* Put it on the deny list, with nothing told, unless it is there. */
int store_deny_unexplained(struct store *store, const uint8_t infohash[INFOHASH], bool denied);
/* Have another number told, where it is denied: the one before, else -1. */
int64_t store_explain(struct store *store, const uint8_t infohash[INFOHASH], uint32_t told);
/* Give a number a text, or an empty one; false: no memory. */
bool store_set_denial_text(struct store *store, uint32_t number, const uint8_t *text, size_t length);
/* What is told of a denial by its number; of length 0 where it is no more than the sentence. */
void store_tell(struct store *store, uint32_t number, struct denial *out);
enum verdict store_verdict(struct store *store, const uint8_t infohash[INFOHASH]);
bool store_has_rules(struct store *store); /* whether anything is allowed or denied */
void store_set_listed(struct store *store, bool listed);
bool store_listed(struct store *store);
void store_set_private(struct store *store, bool private);
bool store_private(const struct store *store); /* whether announces and scrapes need a passkey; the doors ask */
void store_set_restoring(struct store *store, bool restoring);
bool store_restoring(struct store *store);
void store_remove_denied(struct store *store); /* forget the swarms of denied torrents */

/* Swarms. -1: no memory, and some peers may be missing. */
int store_join(struct store *store, const uint8_t alias[INFOHASH], const uint8_t canonical[INFOHASH]);
void store_remove(struct store *store, const uint8_t infohash[INFOHASH]);
uint64_t store_expire(struct store *store, int64_t now, int64_t budget);

/* Passkeys: 1 to PASSKEY_MOST bytes, checked by the caller; DISABLED_ACCOUNT and SUSPENDED_PASSKEY stand in the place of
 * an account. 1: done, 0: there are MAX_PASSKEYS, -1: no memory. */
int store_set_passkey(struct store *store, const uint8_t *passkey, size_t length, uint64_t account);
void store_drop_passkey(struct store *store, const uint8_t *passkey, size_t length);
uint64_t store_account(struct store *store, const uint8_t *passkey, size_t length); /* 0: unknown */

/* Who may announce at all, by client and by address. */
struct access *store_access(struct store *store);

/* A session as it stood after its last announce. */
struct last_totals {
    uint64_t uploaded, downloaded;
    int64_t seen;
    bool seeding, completed;
};

/* Where a client announced from last: its IPv4 address or its IPv6 network of 64 bits. */
struct from {
    uint8_t length, bytes[NETWORK6];
};

/* What a client did between two announces: bytes, seconds of seeding, completed downloads, bytes above the largest rate;
 * and where its session stands then. */
struct delta {
    uint64_t account;
    uint8_t infohash[INFOHASH], peer_id[PEER_ID];
    uint64_t uploaded, downloaded, seeded, completed, capped;
    struct last_totals last;
    struct from from;
};

struct session_totals {
    uint64_t sessions, deltas, lost;
};

/* The next deltas of a round, at most DELTAS_AT_ONCE, which are forgotten; none end it. */
size_t store_take_deltas(struct store *store, struct delta deltas[DELTAS_AT_ONCE]);
void store_put_back_deltas(struct store *store, const struct delta *deltas, size_t count);
/* Begin a session where it stood, unless it is there or there is no room; of the delta the sums are not looked at. */
void store_restore_session(struct store *store, const struct delta *session);
struct session_totals store_session_totals(struct store *store);

/* A peer's rank from a second on, or without a peer (length 0) the completed count of a node. */
struct change {
    uint8_t infohash[INFOHASH];
    uint8_t length; /* of the compact peer */
    uint8_t peer[18];
    uint32_t node;
    uint64_t value; /* rank or count */
};

struct reading_position {
    uint32_t shard;
    uint64_t sequence;
};

/* What a consumer has not acknowledged; `lagged`: some was dropped, and it needs a snapshot. */
struct changes {
    bool lagged;
    struct change *list;
    size_t count, room;
    size_t positions;
    struct reading_position position[SHARDS];
};

/* Where a snapshot goes on; NONE as `swarm` or `slot`: all of them. A shard of SHARDS: it is done. */
struct snapshot_place {
    uint32_t shard, swarm, pool, slot;
};

int store_open_changes(struct store *store); /* the consumer's number; -1: there are too many */
void store_close_changes(struct store *store, unsigned consumer);
/* -1: no memory for all; -2: no such consumer. */
int store_read_changes(struct store *store, unsigned consumer, size_t limit, struct changes *out);
void store_acknowledge_changes(struct store *store, unsigned consumer, const struct reading_position *positions,
                               size_t count);
/* The next step of a walk through everything, at least CHANGES_AT_ONCE changes; false: no memory. */
bool store_snapshot(struct store *store, struct snapshot_place *place, struct changes *out);
/* Take over changes of other nodes; -1: no memory, and some may be missing. */
int store_apply(struct store *store, const struct change *changes, size_t count, int64_t now);
void changes_free(struct changes *changes);

/* Journal: the next dirty rows of a round, key-sorted, marked clean; no rows: it is over. NULL: no memory. */
struct rows *store_take_dirty(struct store *store);
size_t rows_count(const struct rows *rows);
struct row rows_at(const struct rows *rows, size_t at);
void rows_free(struct rows *rows);
int store_put_back(struct store *store, const struct row *rows, size_t count);
int store_restore(struct store *store, const struct row *rows, size_t count);

#endif
