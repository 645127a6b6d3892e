/* The client's address, from the socket or from trusted proxies' headers; equal to doors/client_address.py. */
#ifndef PEERAGE_CLIENT_H
#define PEERAGE_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http_request.h"

/* An IP address in network order; 4 or 16 bytes, an IPv4-mapped one is IPv4. */
struct address {
    uint8_t length;
    uint8_t bytes[16];
};

struct network {
    struct address base;
    uint8_t bits;
    bool verdict; /* what a table of exceptions says of it; true in a plain list */
};

struct networks {
    size_t count;
    const struct network *rows;
};

/* Whether the narrowest network around the address says yes; no where there is none. */
bool networks_hold(struct networks networks, const struct address *address);

/* Take a raw address of 4 or 16 bytes. */
void address_of(const uint8_t *bytes, size_t length, struct address *out);

/* Read an address as sockets and proxies write it (bittorrent.peers.parse_address); false where it is none. */
bool address_parse(struct slice text, struct address *out);

/* Read an address alone, without port, brackets or zone. */
bool address_read(bool v6, struct slice text, struct address *out);

/* Write an address as Python does; returns the length, at most 39. */
size_t address_write(const uint8_t *bytes, size_t length, uint8_t out[40]);

enum client { CLIENT_KNOWN, CLIENT_UNKNOWN, CLIENT_ELSEWHERE };

/* Find the rightmost address of the forwarded headers that no trusted proxy has, else the leftmost of all; without the
 * header `out` stays as it is. */
enum client client_forwarded(struct networks trusted, const struct http_request *request, bool rfc7239,
                             struct address *out);

#endif
