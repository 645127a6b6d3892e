/* The C interface of the store: swarms, and who may have one.
 *
 * Every call may come from any thread at any time, with or without the GIL, and takes at most one shard's mutex
 * at once. Answers equal those of tracker/swarms.py byte for byte, given the same calls, seed and clock. */
#ifndef PEERAGE_STORE_H
#define PEERAGE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "random.h"

#define INFOHASH 20
#define MAX_NUMWANT 200
#define RETRY_SOON 300 /* seconds to wait after a temporary refusal */

struct store; /* opaque: 256 shards by the infohash's first byte, a mutex each */

enum event { EVENT_NONE, EVENT_COMPLETED, EVENT_STARTED, EVENT_STOPPED, EVENT_PAUSED };

/* FULL and RESTORING are successes with a warning; UNLISTED and DENIED are refusals, and leave the answer alone. */
enum verdict { VERDICT_OK, VERDICT_FULL, VERDICT_RESTORING, VERDICT_UNLISTED, VERDICT_DENIED };

struct terms {
    uint32_t interval, min_interval, jitter; /* seconds */
    int64_t timeout, remember_completed;     /* seconds */
    uint64_t max_torrents, max_peers;
    uint32_t peers_per_address; /* 0: no cap */
};

struct announce {
    uint8_t infohash[INFOHASH];
    uint8_t peer[18];
    uint8_t stride; /* 6 or 18: how much of `peer` is used */
    uint8_t event, seeder, families; /* families: 0 both, 4, 6 */
    uint16_t numwant;                /* more than MAX_NUMWANT is taken as that */
};

struct counts {
    uint64_t complete, downloaded, incomplete, downloaders;
};

struct answer {
    struct counts counts;
    uint32_t interval, min_interval;
    uint16_t peers_length, peers6_length; /* bytes */
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

/* NULL: no memory. `key`: 16 random bytes. */
struct store *store_new(const struct terms *terms, const uint8_t key[16]);
void store_free(struct store *store);

/* Policy, aliases, swarm, answer; slots and draws in the order of tracker/swarms.py. */
enum verdict store_announce(struct store *store, struct rng *rng, const struct announce *announce, int64_t now,
                            struct answer *answer);
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

/* Policy. -1: no memory, and nothing has changed. */
int store_allow(struct store *store, const uint8_t infohash[INFOHASH], bool allowed);
int store_deny(struct store *store, const uint8_t infohash[INFOHASH], bool denied);
enum verdict store_verdict(struct store *store, const uint8_t infohash[INFOHASH]);
bool store_has_rules(struct store *store); /* whether anything is allowed or denied */
void store_set_listed(struct store *store, bool listed);
bool store_listed(struct store *store);
void store_set_restoring(struct store *store, bool restoring);
bool store_restoring(struct store *store);
void store_remove_denied(struct store *store); /* forget the swarms of denied torrents */

/* Swarms. -1: no memory, and some peers may be missing. */
int store_join(struct store *store, const uint8_t alias[INFOHASH], const uint8_t canonical[INFOHASH]);
void store_remove(struct store *store, const uint8_t infohash[INFOHASH]);
uint64_t store_expire(struct store *store, int64_t now, int64_t budget);

/* Journal: the next dirty rows of a round, key-sorted, marked clean; no rows: it is over. NULL: no memory. */
struct rows *store_take_dirty(struct store *store);
size_t rows_count(const struct rows *rows);
struct row rows_at(const struct rows *rows, size_t at);
void rows_free(struct rows *rows);
int store_put_back(struct store *store, const struct row *rows, size_t count);
int store_restore(struct store *store, const struct row *rows, size_t count);

#endif
