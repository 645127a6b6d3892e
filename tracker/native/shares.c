/* Shares by address: a count-min sketch of narrow and wide networks. */
#include "shares.h"

#include <stdlib.h>

bool shares_init(struct share_counts *shares, const struct secret *secret, const struct exemption *exemptions,
                 size_t exempt)
{
    *shares = (struct share_counts){.secret = secret, .exempt = exempt};
    shares->counts = calloc((size_t)SHARE_ROWS * SHARE_COLUMNS, sizeof *shares->counts);
    shares->exemptions = malloc((exempt + 1) * sizeof *exemptions);
    if (!shares->counts || !shares->exemptions)
        return false;
    if (exempt)
        memcpy(shares->exemptions, exemptions, exempt * sizeof *exemptions);
    return true;
}

void shares_free(struct share_counts *shares)
{
    free(shares->counts);
    free(shares->exemptions);
}

static bool lies_in(const struct exemption *network, const uint8_t *address, size_t length)
{
    if (network->length != length || memcmp(network->prefix, address, network->bits / 8) != 0)
        return false;
    unsigned rest = network->bits % 8, at = network->bits / 8;
    return !rest || !((network->prefix[at] ^ address[at]) >> (8 - rest));
}

bool shares_exempt(const struct share_counts *shares, const uint8_t *address, size_t length)
{
    for (size_t at = 0; at < shares->exempt; at++)
        if (lies_in(&shares->exemptions[at], address, length))
            return true;
    return false;
}

owner_t shares_owner(const struct share_counts *shares, const uint8_t *address, size_t length)
{
    if (shares_exempt(shares, address, length))
        return 0;
    uint64_t narrow = sip_hash(shares->secret, address, length == 4 ? 4 : 8);
    uint64_t wide = sip_hash(shares->secret, address, length == 4 ? 3 : 4);
    owner_t owner = narrow << 32 | (wide & UINT32_MAX);
    return owner ? owner : 1;
}

static _Atomic uint32_t *count_at(const struct share_counts *shares, owner_t owner, unsigned row)
{
    return &shares->counts[row * SHARE_COLUMNS + (owner >> (48 - 16 * row) & (SHARE_COLUMNS - 1))];
}

void shares_add(struct share_counts *shares, owner_t owner, int swarms)
{
    for (unsigned row = 0; owner && row < SHARE_ROWS; row++)
        atomic_fetch_add_explicit(count_at(shares, owner, row), (uint32_t)swarms, memory_order_relaxed);
}

static uint64_t lesser_of_rows(const struct share_counts *shares, owner_t owner, unsigned row)
{
    uint64_t one = atomic_load_explicit(count_at(shares, owner, row), memory_order_relaxed);
    uint64_t other = atomic_load_explicit(count_at(shares, owner, row + 1), memory_order_relaxed);
    return one < other ? one : other;
}

uint64_t shares_weight(const struct share_counts *shares, owner_t owner, uint64_t wanted)
{
    if (!owner)
        return 0;
    uint64_t narrow = (lesser_of_rows(shares, owner, 0) + wanted) * NARROW_PART;
    uint64_t wide = lesser_of_rows(shares, owner, 2) + wanted;
    return narrow > wide ? narrow : wide;
}
