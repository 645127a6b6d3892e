/* The simulated peers: M torrents, P peers in each, every peer with an address, a port and a role of its own.
 *
 * Torrent i has the hash that generators.py gives it too: three splitmix64 outputs of 3i, 3i+1 and 3i+2, big-endian,
 * cut to 20 bytes. Slot s of a torrent always uses source address s modulo the number of addresses, so that
 * a swarm never has more than P peers however many sockets announce to it.
 */
#ifndef POPULATION_H
#define POPULATION_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "arguments.h"

#define HASH_BYTES 20
#define ADDRESSES_MOST 64
#define TORRENTS_MOST 2000000
#define PEERS_MOST 100000

enum event { EVENT_NONE = 0, EVENT_COMPLETED = 1, EVENT_STARTED = 2, EVENT_STOPPED = 3 };

struct population {
    uint32_t torrents;
    uint32_t peers;
    uint32_t addresses;
    uint32_t seeders; /* per cent of the peers */
    uint32_t events;  /* per cent of the announces that carry one */
    bool fill;        /* every peer announces once, in order, and that is all */
    uint64_t random;
    uint64_t turn[ADDRESSES_MOST];
    uint8_t (*hashes)[HASH_BYTES];
};

struct announce {
    uint32_t torrent;
    uint16_t port;
    bool seeder;
    enum event event;
};

static inline uint64_t splitmix64(uint64_t seed)
{
    uint64_t z = seed * UINT64_C(0x9e3779b97f4a7c15) + UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static inline void torrent_hash(uint32_t index, uint8_t hash[HASH_BYTES])
{
    for (uint32_t at = 0; at < HASH_BYTES; at++) {
        uint64_t word = splitmix64((uint64_t)index * 3 + at / 8);
        hash[at] = (uint8_t)(word >> (56 - 8 * (at % 8)));
    }
}

static inline void population_open(struct population *population)
{
    if (population->addresses > population->peers)
        population->addresses = population->peers;
    population->hashes = calloc(population->torrents, HASH_BYTES);
    if (!population->hashes)
        broken("calloc");
    for (uint32_t index = 0; index < population->torrents; index++)
        torrent_hash(index, population->hashes[index]);
}

static inline void population_close(struct population *population)
{
    free(population->hashes);
    population->hashes = NULL;
}

static inline uint32_t population_below(struct population *population, uint32_t bound)
{
    population->random = population->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(((population->random >> 32) * bound) >> 32);
}

static inline enum event population_event(struct population *population)
{
    if (population_below(population, 100) >= population->events)
        return EVENT_NONE;
    uint32_t draw = population_below(population, 4);
    return draw < 2 ? EVENT_STARTED : draw == 2 ? EVENT_COMPLETED : EVENT_STOPPED;
}

static inline void population_peer(const struct population *population, uint32_t slot, struct announce *announce)
{
    uint64_t character = splitmix64((uint64_t)announce->torrent << 32 | slot);
    announce->port = (uint16_t)(1024 + (uint32_t)(character >> 32) % 64000);
    announce->seeder = (uint32_t)(character & 0xffff) % 100 < population->seeders;
}

/* The next announce of a source address; false when the filling is done for it. */
static inline bool population_next(struct population *population, uint32_t address, struct announce *announce)
{
    uint32_t slots = (population->peers - address + population->addresses - 1) / population->addresses;
    uint64_t chosen;
    if (population->fill) {
        chosen = population->turn[address] / population->torrents;
        announce->torrent = (uint32_t)(population->turn[address]++ % population->torrents);
        if (chosen >= slots)
            return false;
    } else {
        chosen = population_below(population, slots);
        announce->torrent = population_below(population, population->torrents);
    }
    population_peer(population, address + (uint32_t)chosen * population->addresses, announce);
    announce->event = population->fill ? EVENT_STARTED : population_event(population);
    if (announce->event == EVENT_COMPLETED)
        announce->seeder = true;
    return true;
}

#endif
