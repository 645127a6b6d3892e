/* The reader of announce and scrape queries in a URL; equal to bittorrent/query.py. */
#ifndef PEERAGE_QUERY_H
#define PEERAGE_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buffer.h"
#include "constants.h"

struct announce_query {
    uint8_t infohash[INFOHASH];
    uint16_t port;
    uint8_t event;   /* BEP 15's numbers */
    bool seeder;     /* left=0 */
    bool compact;
    int64_t numwant; /* as sent, -1 where it was absent or no number */
    uint8_t peer_id[PEER_ID];
    struct slice uploaded, downloaded; /* as they stand, for query_total */
};

struct scrape_query {
    unsigned count;
    uint8_t infohashes[SCRAPE_HASHES][INFOHASH]; /* sorted, each once */
};

enum refusal query_read_announce(const uint8_t *query, size_t length, struct announce_query *out);
/* A total as a number, 0 where it is none. */
uint64_t query_total(struct slice value);
/* The value of `passkey`, the last one, as it stands; empty where there is none. */
struct slice query_passkey(struct slice query);
enum refusal query_read_scrape(const uint8_t *query, size_t length, struct scrape_query *out);

#endif
