/* The reader of announce and scrape queries in a URL; equal to bittorrent/query.py. */
#ifndef PEERAGE_QUERY_H
#define PEERAGE_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "refusal.h"

enum { ANNOUNCE_LIMIT = 4096, SCRAPE_LIMIT = 8192, SCRAPE_HASHES = 74, HASH_LENGTH = 20 };

struct announce_query {
    uint8_t infohash[HASH_LENGTH];
    uint16_t port;
    uint8_t event;   /* BEP 15's numbers */
    bool seeder;     /* left=0 */
    bool compact;
    int64_t numwant; /* as sent, -1 where it was absent or no number */
};

struct scrape_query {
    unsigned count;
    uint8_t infohashes[SCRAPE_HASHES][HASH_LENGTH]; /* sorted, each once */
};

enum refusal query_read_announce(const uint8_t *query, size_t length, struct announce_query *out);
enum refusal query_read_scrape(const uint8_t *query, size_t length, struct scrape_query *out);

#endif
