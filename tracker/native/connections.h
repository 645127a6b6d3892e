/* Counts of open connections, in all and per address, over all threads and those handed over. */
#ifndef PEERAGE_CONNECTIONS_H
#define PEERAGE_CONNECTIONS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client.h"

struct address_count {
    uint64_t key;
    uint32_t count; /* 0: the row is free */
};

struct connections {
    uint32_t most, per_address; /* per_address 0: no limit */
    uint32_t binds_at;          /* connections open in all from which per_address binds */
    uint32_t crowded_at;        /* connections open in all from which those without a request make room */
    struct networks exempt;
    uint64_t secret[2];
    _Atomic uint32_t open;
    _Atomic uint64_t turned_away;
    pthread_mutex_t lock;
    size_t mask;
    struct address_count *rows;
};

/* False where there is no memory. `most` is at least 1. */
bool connections_init(struct connections *connections, uint32_t most, uint32_t per_address, uint32_t binds_at,
                      struct networks exempt, const uint64_t secret[2]);
void connections_free(struct connections *connections);

/* Count a connection in; false, and counted as turned away, where it is one too many. */
bool connections_admit(struct connections *connections, const struct address *address);
/* Whether connections without a whole request have to make room for those that come. */
bool connections_crowded(const struct connections *connections);

void connections_leave(struct connections *connections, const struct address *address);

#endif
