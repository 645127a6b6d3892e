/* Hides how open connections are counted, in all and per address, over all threads and those handed over.
 *
 * The table is open addressing with a secret, has twice as many rows as there may be connections, and so is never
 * full; leaving closes the gap in its run of rows.
 */
#include "guests.h"

#include <stdlib.h>

/* An IPv4 address, or the /64 of an IPv6 one; no /64 that can send looks like an IPv4 address here. */
static uint64_t key_of(const struct address *address)
{
    uint64_t key = 0;
    for (int at = 0; at < (address->length == 4 ? 4 : 8); at++)
        key = key << 8 | address->bytes[at];
    return address->length == 4 ? key | 0xffffffff00000000 : key;
}

static size_t home_of(const struct guests *guests, uint64_t key)
{
    key = (key ^ guests->secret[0]) * (guests->secret[1] | 1);
    key = (key ^ key >> 32) * 0x94d049bb133111eb;
    return (size_t)(key ^ key >> 29) & guests->mask;
}

static size_t find(const struct guests *guests, uint64_t key)
{
    size_t at = home_of(guests, key);
    while (guests->rows[at].count && guests->rows[at].key != key)
        at = (at + 1) & guests->mask;
    return at;
}

bool guests_open(struct guests *guests, uint32_t most, uint32_t per_address, struct networks exempt,
                 const uint64_t secret[2])
{
    size_t rows = 64;
    while (rows < 2 * (size_t)most)
        rows *= 2;
    guests->most = most;
    guests->per_address = per_address;
    guests->exempt = exempt;
    guests->secret[0] = secret[0];
    guests->secret[1] = secret[1];
    atomic_init(&guests->open, 0);
    atomic_init(&guests->turned_away, 0);
    guests->mask = rows - 1;
    guests->rows = per_address ? calloc(rows, sizeof *guests->rows) : NULL;
    return (guests->rows || !per_address) && pthread_mutex_init(&guests->lock, NULL) == 0;
}

void guests_close(struct guests *guests)
{
    pthread_mutex_destroy(&guests->lock);
    free(guests->rows);
}

static bool admit_address(struct guests *guests, const struct address *address)
{
    uint64_t key = key_of(address);
    pthread_mutex_lock(&guests->lock);
    struct guest *row = &guests->rows[find(guests, key)];
    bool welcome = row->count < guests->per_address || networks_hold(guests->exempt, address);
    if (welcome) {
        row->key = key;
        row->count++;
    }
    pthread_mutex_unlock(&guests->lock);
    return welcome;
}

bool guests_admit(struct guests *guests, const struct address *address)
{
    bool welcome = atomic_fetch_add_explicit(&guests->open, 1, memory_order_relaxed) < guests->most;
    if (welcome && guests->rows)
        welcome = admit_address(guests, address);
    if (!welcome) {
        atomic_fetch_sub_explicit(&guests->open, 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&guests->turned_away, 1, memory_order_relaxed);
    }
    return welcome;
}

/* Free a row, then move up each row behind it that could no longer be found across the gap. */
static void remove_row(struct guests *guests, size_t hole)
{
    guests->rows[hole].count = 0;
    for (size_t at = (hole + 1) & guests->mask; guests->rows[at].count; at = (at + 1) & guests->mask) {
        size_t home = home_of(guests, guests->rows[at].key);
        if (((at - home) & guests->mask) >= ((at - hole) & guests->mask)) {
            guests->rows[hole] = guests->rows[at];
            guests->rows[at].count = 0;
            hole = at;
        }
    }
}

void guests_leave(struct guests *guests, const struct address *address)
{
    atomic_fetch_sub_explicit(&guests->open, 1, memory_order_relaxed);
    if (!guests->rows)
        return;
    pthread_mutex_lock(&guests->lock);
    size_t at = find(guests, key_of(address));
    if (guests->rows[at].count == 1)
        remove_row(guests, at);
    else if (guests->rows[at].count)
        guests->rows[at].count--;
    pthread_mutex_unlock(&guests->lock);
}
