/* BEP 15 packets as a client writes and checks them. The first 16 bytes of a request are filled by its sender. */
#ifndef UDP_PACKETS_H
#define UDP_PACKETS_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "population.h"

#define PACKET_BYTES 98
#define HEAD_BYTES 16
#define SCRAPED 3
#define PROTOCOL UINT64_C(0x41727101980)

enum action { CONNECT = 0, ANNOUNCE = 1, SCRAPE = 2, ERROR = 3 };

static inline void put32(uint8_t *at, uint32_t value)
{
    value = htobe32(value);
    memcpy(at, &value, sizeof value);
}

static inline void put64(uint8_t *at, uint64_t value)
{
    value = htobe64(value);
    memcpy(at, &value, sizeof value);
}

static inline uint32_t take32(const uint8_t *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return be32toh(value);
}

static inline size_t write_announce(const struct population *population, const struct announce *announce,
                                    uint32_t numwant, uint8_t packet[PACKET_BYTES])
{
    memset(packet + HEAD_BYTES, 0, PACKET_BYTES - HEAD_BYTES);
    memcpy(packet + HEAD_BYTES, population->hashes[announce->torrent], HASH_BYTES);
    memcpy(packet + 36, "-PB0100-benchmark", 17);
    put64(packet + 64, announce->seeder ? 0 : 1048576);
    put32(packet + 80, announce->event);
    put32(packet + 92, numwant);
    packet[96] = (uint8_t)(announce->port >> 8);
    packet[97] = (uint8_t)announce->port;
    return PACKET_BYTES;
}

static inline size_t write_scrape(struct population *population, uint8_t packet[PACKET_BYTES])
{
    for (int index = 0; index < SCRAPED; index++) {
        uint32_t torrent = population_below(population, population->torrents);
        memcpy(packet + HEAD_BYTES + HASH_BYTES * index, population->hashes[torrent], HASH_BYTES);
    }
    return HEAD_BYTES + HASH_BYTES * SCRAPED;
}

/* Whether a reply of at least 8 bytes has the action and a length that its request asked for. */
static inline bool well_formed(enum action action, const uint8_t *reply, size_t length)
{
    if (take32(reply) != (uint32_t)action)
        return false;
    return action == SCRAPE ? length == 8 + 12 * SCRAPED : length >= 20 && (length - 20) % 6 == 0;
}

#endif
