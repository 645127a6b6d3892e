/* Counts of open connections, in all and per address, over all threads and those handed over.
 *
 * The table is open addressing with a secret, has twice as many rows as there may be connections, and so is never
 * full; leaving closes the gap in its run of rows.
 */
#include "connections.h"

#include <stdlib.h>

/* An IPv4 address, or the /64 of an IPv6 one; no /64 that can send looks like an IPv4 address here. */
static uint64_t key_of(const struct address *address)
{
    uint64_t key = 0;
    for (int at = 0; at < (address->length == 4 ? 4 : 8); at++)
        key = key << 8 | address->bytes[at];
    return address->length == 4 ? key | 0xffffffff00000000 : key;
}

static size_t home_of(const struct connections *connections, uint64_t key)
{
    key = (key ^ connections->secret[0]) * (connections->secret[1] | 1);
    key = (key ^ key >> 32) * 0x94d049bb133111eb;
    return (size_t)(key ^ key >> 29) & connections->mask;
}

static size_t find(const struct connections *connections, uint64_t key)
{
    size_t at = home_of(connections, key);
    while (connections->rows[at].count && connections->rows[at].key != key)
        at = (at + 1) & connections->mask;
    return at;
}

bool connections_init(struct connections *connections, uint32_t most, uint32_t per_address, uint32_t binds_at,
                      struct networks exempt, const uint64_t secret[2])
{
    size_t rows = 64;
    while (rows < 2 * (size_t)most)
        rows *= 2;
    connections->most = most;
    connections->per_address = per_address;
    connections->binds_at = binds_at;
    connections->crowded_at = most - most / 16;
    connections->exempt = exempt;
    connections->secret[0] = secret[0];
    connections->secret[1] = secret[1];
    atomic_init(&connections->open, 0);
    atomic_init(&connections->turned_away, 0);
    connections->mask = rows - 1;
    connections->rows = per_address ? calloc(rows, sizeof *connections->rows) : NULL;
    return (connections->rows || !per_address) && pthread_mutex_init(&connections->lock, NULL) == 0;
}

void connections_free(struct connections *connections)
{
    pthread_mutex_destroy(&connections->lock);
    free(connections->rows);
}

static bool admit_address(struct connections *connections, const struct address *address, bool binds)
{
    uint64_t key = key_of(address);
    pthread_mutex_lock(&connections->lock);
    struct address_count *row = &connections->rows[find(connections, key)];
    bool admitted = !binds || row->count < connections->per_address || networks_hold(connections->exempt, address);
    if (admitted) {
        row->key = key;
        row->count++;
    }
    pthread_mutex_unlock(&connections->lock);
    return admitted;
}

bool connections_admit(struct connections *connections, const struct address *address)
{
    uint32_t open = atomic_fetch_add_explicit(&connections->open, 1, memory_order_relaxed);
    bool admitted = open < connections->most;
    if (admitted && connections->rows)
        admitted = admit_address(connections, address, open >= connections->binds_at);
    if (!admitted) {
        atomic_fetch_sub_explicit(&connections->open, 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&connections->turned_away, 1, memory_order_relaxed);
    }
    return admitted;
}

bool connections_crowded(const struct connections *connections)
{
    return atomic_load_explicit(&connections->open, memory_order_relaxed) >= connections->crowded_at;
}

/* Free a row, then move up each row behind it that could no longer be found across the gap. */
static void remove_row(struct connections *connections, size_t hole)
{
    connections->rows[hole].count = 0;
    for (size_t at = (hole + 1) & connections->mask; connections->rows[at].count; at = (at + 1) & connections->mask) {
        size_t home = home_of(connections, connections->rows[at].key);
        if (((at - home) & connections->mask) >= ((at - hole) & connections->mask)) {
            connections->rows[hole] = connections->rows[at];
            connections->rows[at].count = 0;
            hole = at;
        }
    }
}

void connections_leave(struct connections *connections, const struct address *address)
{
    atomic_fetch_sub_explicit(&connections->open, 1, memory_order_relaxed);
    if (!connections->rows)
        return;
    pthread_mutex_lock(&connections->lock);
    size_t at = find(connections, key_of(address));
    if (connections->rows[at].count == 1)
        remove_row(connections, at);
    else if (connections->rows[at].count)
        connections->rows[at].count--;
    pthread_mutex_unlock(&connections->lock);
}
