/* Keys behind the connection ids of UDP, which may be rolled while threads answer, and a bound on answers to bad ids; equal
 * to doors/connection_ids.py. */
#ifndef PEERAGE_CONNECTION_IDS_H
#define PEERAGE_CONNECTION_IDS_H

#include <pthread.h>
#include <stdatomic.h>

#include "blake2b.h"
#include "client.h"
#include "constants.h"

/* The key by which ids are given, and the one before, by which they still hold. */
struct seals {
    struct blake2b current, previous;
};

struct connection_ids {
    pthread_mutex_t lock; /* of the seals */
    struct seals seals;
    _Atomic uint32_t generation;
    _Atomic uint32_t bad[UDP_BAD_SLOTS]; /* the time in UDP_BAD_SECONDS, and how many in it in the lowest byte */
};

bool ids_init(struct connection_ids *ids, const struct seals *seals);
void ids_free(struct connection_ids *ids);

/* Give ids by other keys from now on. */
void ids_roll(struct connection_ids *ids, const struct seals *seals);

/* Take over the keys where they are others than those of `generation`. */
void ids_follow(struct connection_ids *ids, struct seals *seals, uint32_t *generation);

/* The four bytes that seal the time at which an id was given to an address. */
void ids_seal(const struct blake2b *key, const uint8_t issued[4], const struct address *address, uint8_t out[4]);

/* Count a bad id of an address; whether it is still answered. `running` are seconds. */
bool ids_answer_bad(struct connection_ids *ids, const struct seals *seals, const struct address *address,
                    int64_t running);

#endif
