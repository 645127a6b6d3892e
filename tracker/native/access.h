/* Who may announce at all, by client and by address: the table that tracker/access.py makes, looked up. */
#ifndef PEERAGE_ACCESS_H
#define PEERAGE_ACCESS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "constants.h"

/* A rule on clients, as packed in Python. */
struct client_rule {
    uint8_t length, style, unused[2];
    uint8_t prefix[PEER_ID], low[VERSION_PARTS], high[VERSION_PARTS], more[2];
    uint32_t number; /* of what is told; 0: it is allowed */
};

/* The addresses of a family in ranges: `starts` of `width` bytes each in network order, ascending. */
struct address_ranges {
    size_t count, width;
    uint8_t *starts;
    uint32_t *numbers;
};

struct access_table {
    struct client_rule *clients; /* by the first byte of their prefix, in order of precedence, those without one last */
    uint32_t begins[258];        /* where the rules of a first byte begin; 256: those without a prefix */
    struct address_ranges v4, v6;
    uint8_t *texts;
    uint32_t *ends; /* where each text ends, by number */
    size_t text_count;
};

/* Read by every thread, replaced as a whole. */
struct access {
    _Atomic(struct access_table *) table; /* NULL: everybody may */
    pthread_rwlock_t lock;                /* held while the table is looked up, or replaced */
};

/* What somebody who is refused is told. */
struct denial {
    size_t length;
    uint8_t text[DENIAL_MOST];
};

bool access_init(struct access *access);
void access_destroy(struct access *access);
/* Put a table in force at once, and free the one before. */
void access_replace(struct access *access, struct access_table *table);
/* NULL: no memory. Rows and numbers were checked by access_table_set. */
struct access_table *access_table_new(void);
void access_table_free(struct access_table *table);
/* Fill a table; false: no memory. `clients`: in order of precedence. */
bool access_table_set_clients(struct access_table *table, const struct client_rule *clients, size_t count);
bool access_table_set_ranges(struct address_ranges *ranges, size_t width, const uint8_t *starts,
                             const uint32_t *numbers, size_t count);
enum refusal access_look_up(struct access *access, const uint8_t *address, size_t length, const uint8_t *peer_id,
                            struct denial *denial);

/* Whether there is any rule. */
static inline bool access_is_ruled(struct access *access)
{
    return atomic_load_explicit(&access->table, memory_order_relaxed) != NULL;
}

/* Whether an address of 4 or 16 bytes or a peer id (or NULL) is refused, and what it is told. */
static inline enum refusal access_check(struct access *access, const uint8_t *address, size_t length,
                                        const uint8_t *peer_id, struct denial *denial)
{
    if (!access_is_ruled(access))
        return NOT_REFUSED;
    return access_look_up(access, address, length, peer_id, denial);
}

#endif
