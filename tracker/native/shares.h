/* Shares of the store by address and network: who may not have another swarm when it is nearly full.
 *
 * The C twin of bittorrent/shares.py, for counts of swarms. Every call may come from any thread. */
#ifndef PEERAGE_SHARES_H
#define PEERAGE_SHARES_H

#include <stdatomic.h>
#include <stdbool.h>

#include "constants.h"
#include "random.h"

enum { SHARE_ROWS = 4, SHARE_COLUMNS = 1 << 16 }; /* rows: two for narrow networks, two for wide ones */

/* A network that no share binds. */
struct exemption {
    uint8_t length, bits; /* bytes of an address, bits of the prefix */
    uint8_t prefix[16];
};

struct share_counts {
    const struct secret *secret;
    struct exemption *exemptions;
    size_t exempt;
    _Atomic uint32_t *counts; /* SHARE_ROWS times SHARE_COLUMNS */
};

/* Whose share a swarm counts to: a column in each row; 0: nobody's. */
typedef uint64_t owner_t;

/* False: no memory. `exemptions`: as many as `exempt`, copied. */
bool shares_init(struct share_counts *shares, const struct secret *secret, const struct exemption *exemptions,
                 size_t exempt);
void shares_free(struct share_counts *shares);
/* Whether no share binds an address of 4 or 16 bytes. */
bool shares_exempt(const struct share_counts *shares, const uint8_t *address, size_t length);
/* The owner for an address of 4 or 16 bytes; 0 where it is exempt. */
owner_t shares_owner(const struct share_counts *shares, const uint8_t *address, size_t length);
void shares_add(struct share_counts *shares, owner_t owner, int swarms);
/* How heavily an owner uses the store, if it is given `wanted` more. */
uint64_t shares_weight(const struct share_counts *shares, owner_t owner, uint64_t wanted);

#endif
