/* One swarm: what an announce does to it, and which of its journal rows have changed. */
#include "swarm.h"

#include <stdlib.h>

bool bits_any(const struct bits *bits)
{
    return bits->length || bits->word;
}

bool bits_has(const struct bits *bits, uint64_t at)
{
    if (bits->length == ALL_ROWS)
        return true;
    if (!bits->length)
        return at < 64 && bits->word >> at & 1;
    return at / 64 < bits->length && bits->words[at / 64] >> (at % 64) & 1;
}

static void widen(struct bits *bits, uint64_t at)
{
    uint64_t length = at / 64 + 1 + at / 128;
    uint64_t *words = length < ALL_ROWS ? calloc(length, sizeof *words) : NULL;
    if (words && bits->length)
        memcpy(words, bits->words, bits->length * sizeof *words);
    else if (words)
        words[0] = bits->word;
    bits_free(bits);
    bits->words = words;
    bits->length = words ? (uint32_t)length : ALL_ROWS;
}

void bits_set(struct bits *bits, uint64_t at)
{
    if (bits->length == ALL_ROWS)
        return;
    if (at / 64 >= (bits->length ? bits->length : 1))
        widen(bits, at);
    if (bits->length == ALL_ROWS)
        return;
    uint64_t *words = bits->length ? bits->words : &bits->word;
    words[at / 64] |= UINT64_C(1) << (at % 64);
}

void bits_free(struct bits *bits)
{
    if (bits->length && bits->length != ALL_ROWS)
        free(bits->words);
    *bits = (struct bits){.length = 0};
}

static const struct extra EMPTY;

static const struct extra *extra_of(const struct swarm *swarm)
{
    return swarm->extra ? swarm->extra : &EMPTY;
}

/* What is to be changed of it; NULL: no memory. */
static struct extra *own_extra(struct swarm *swarm)
{
    if (!swarm->extra)
        swarm->extra = calloc(1, sizeof *swarm->extra);
    return swarm->extra;
}

const struct pool *swarm_pool(const struct swarm *swarm, uint32_t which)
{
    if (which < SEEDERS6)
        return &swarm->four[which];
    return &extra_of(swarm)->six[which - SEEDERS6];
}

/* The pool to change; NULL: no memory. */
static struct pool *own_pool(struct swarm *swarm, uint32_t which)
{
    if (which < SEEDERS6)
        return &swarm->four[which];
    struct extra *extra = own_extra(swarm);
    return extra ? &extra->six[which - SEEDERS6] : NULL;
}

uint32_t swarm_size(const struct swarm *swarm, uint32_t which)
{
    return swarm_pool(swarm, which)->size;
}

uint64_t swarm_peers(const struct swarm *swarm)
{
    const struct extra *extra = extra_of(swarm);
    return (uint64_t)swarm->four[0].size + swarm->four[1].size + extra->six[0].size + extra->six[1].size +
           extra->socket_seeders + extra->socket_leechers;
}

uint64_t swarm_sockets(const struct swarm *swarm)
{
    const struct extra *extra = extra_of(swarm);
    return (uint64_t)extra->socket_seeders + extra->socket_leechers;
}

static uint32_t moved(uint32_t count, int64_t difference)
{
    int64_t now = (int64_t)count + difference;
    return now < 0 ? 0 : now > UINT32_MAX ? UINT32_MAX : (uint32_t)now;
}

bool swarm_count_sockets(struct swarm *swarm, int64_t seeders, int64_t leechers)
{
    if (!swarm->extra && seeders <= 0 && leechers <= 0)
        return true;
    struct extra *extra = own_extra(swarm);
    if (!extra)
        return false;
    extra->socket_seeders = moved(extra->socket_seeders, seeders);
    extra->socket_leechers = moved(extra->socket_leechers, leechers);
    return true;
}

uint64_t swarm_complete(const struct swarm *swarm)
{
    const struct extra *extra = extra_of(swarm);
    return (uint64_t)swarm->four[0].size + extra->six[0].size - swarm->paused + extra->socket_seeders;
}

const uint8_t *swarm_first_address(const struct swarm *swarm, size_t *length)
{
    for (uint32_t which = 0; which < POOLS; which++)
        if (swarm_size(swarm, which)) {
            *length = STRIDE(which) - 2;
            return pool_peer(swarm_pool(swarm, which), STRIDE(which), 0);
        }
    *length = 0;
    return NULL;
}

uint32_t swarm_rows(const struct swarm *swarm)
{
    uint32_t longest = 1;
    for (uint32_t which = 0; which < POOLS; which++)
        if (swarm_size(swarm, which) > longest)
            longest = swarm_size(swarm, which);
    return (longest - 1) / ROW + 1;
}

struct counts swarm_counts(const struct swarm *swarm)
{
    const struct extra *extra = extra_of(swarm);
    uint64_t leechers = (uint64_t)swarm->four[1].size + extra->six[1].size + extra->socket_leechers;
    return (struct counts){swarm_complete(swarm), swarm->completed, leechers + swarm->paused, leechers};
}

void swarm_touch(struct swarm *swarm, int64_t now)
{
    int64_t seconds = now - EPOCH;
    swarm->touched = seconds < 0 ? 0 : seconds > UINT32_MAX ? UINT32_MAX : (uint32_t)seconds;
}

struct place swarm_locate(const struct swarm *swarm, struct lookup *lookup)
{
    uint32_t first = lookup->stride == STRIDE(SEEDERS4) ? SEEDERS4 : SEEDERS6;
    pool_fetch(swarm_pool(swarm, first), lookup);
    for (uint32_t which = first; which < first + 2; which++) {
        uint32_t slot = pool_find(swarm_pool(swarm, which), lookup);
        if (slot != NONE)
            return (struct place){which, slot};
    }
    return (struct place){first, NONE};
}

static void refresh(struct swarm *swarm, struct place place, uint32_t state)
{
    uint32_t *mine = pool_state(swarm_pool(swarm, place.which), place.slot);
    swarm->paused += (state & PAUSED) / PAUSED - (*mine & PAUSED) / PAUSED;
    *mine = state;
    bits_set(&swarm->dirty, place.slot >> ROW_BITS);
}

uint32_t swarm_insert(struct swarm *swarm, struct lookup *lookup, uint32_t which, uint32_t state, bool changed)
{
    struct pool *pool = own_pool(swarm, which);
    uint32_t slot = pool ? pool_add(pool, lookup, state) : NONE;
    if (slot == NONE)
        return NONE;
    swarm->paused += (state & PAUSED) / PAUSED;
    if (changed)
        bits_set(&swarm->dirty, slot >> ROW_BITS);
    return slot;
}

void swarm_remove(struct swarm *swarm, const struct peer_hash *peer_hash, struct place place)
{
    struct pool *pool = own_pool(swarm, place.which);
    uint32_t state = pool_remove(pool, peer_hash, STRIDE(place.which), place.slot);
    swarm->paused -= (state & PAUSED) / PAUSED;
    bits_set(&swarm->dirty, place.slot >> ROW_BITS);
    bits_set(&swarm->dirty, pool->size >> ROW_BITS);
}

/* Put a peer, found at a place or not at all, into a pool. */
static struct place place_peer(struct swarm *swarm, struct lookup *lookup, struct place place, uint32_t home,
                           uint32_t state)
{
    if (place.slot != NONE && home == place.which) {
        refresh(swarm, place, state);
        return place;
    }
    if (place.slot != NONE)
        swarm_remove(swarm, lookup->peer_hash, place);
    return (struct place){home, swarm_insert(swarm, lookup, home, state, true)};
}

struct place swarm_put(struct swarm *swarm, const struct announce *announce, struct lookup *lookup, struct place place,
                       int64_t now, uint64_t known)
{
    bool paused = announce->event == EVENT_PAUSED && !announce->seeder;
    uint32_t home = (place.which & ~1u) | !(announce->seeder || paused);
    uint32_t old = place.slot != NONE ? *pool_state(swarm_pool(swarm, place.which), place.slot) : 0;
    uint32_t flags = (old & COMPLETED) | (paused ? PAUSED : 0);
    if (announce->event == EVENT_COMPLETED && announce->seeder && !(old & COMPLETED)) {
        flags |= COMPLETED;
        swarm->completed++;
    }
    swarm_touch(swarm, now);
    uint32_t state = peer_state(now, flags);
    if (rank_of(home, state) < known) {
        int64_t later = (int64_t)(known >> RANK_SHIFT) + EPOCH + 1;
        state = peer_state(later < now + CLOCK_SKEW ? later : now + CLOCK_SKEW, flags);
    }
    return place_peer(swarm, lookup, place, home, state);
}

void swarm_replace(struct swarm *swarm, struct lookup *lookup, struct place place, uint64_t rank)
{
    uint32_t first = lookup->stride == STRIDE(SEEDERS4) ? SEEDERS4 : SEEDERS6;
    int64_t time = (int64_t)(rank >> RANK_SHIFT) + EPOCH;
    if (time > swarm->touched + EPOCH)
        swarm_touch(swarm, time);
    place_peer(swarm, lookup, place, first + (rank & LEECHER) / LEECHER, peer_state(time, rank & FLAGS));
}

/* The later state wins, flags come with it; so rows may arrive in any order and more than once. */
bool swarm_merge_peer(struct swarm *swarm, const struct peer_hash *peer_hash, uint32_t which, const uint8_t *peer,
                  uint32_t state)
{
    struct lookup lookup = {.peer = peer, .peer_hash = peer_hash, .stride = STRIDE(which)};
    struct place place = swarm_locate(swarm, &lookup);
    if (place.slot == NONE)
        return swarm_insert(swarm, &lookup, which, state, true) != NONE;
    uint32_t mine = *pool_state(swarm_pool(swarm, place.which), place.slot);
    uint32_t completed = (mine | state) & COMPLETED;
    uint64_t theirs_rank = (uint64_t)(state >> 2) << 34 | (uint64_t)which << 32 | state;
    uint64_t mine_rank = (uint64_t)(mine >> 2) << 34 | (uint64_t)place.which << 32 | mine;
    if (theirs_rank > mine_rank) {
        swarm_remove(swarm, peer_hash, place);
        return swarm_insert(swarm, &lookup, which, state | completed, true) != NONE;
    }
    if ((mine & COMPLETED) != completed)
        refresh(swarm, place, mine | completed);
    return true;
}

struct shares {
    uint32_t take[POOLS];
};

static uint32_t lesser(uint32_t one, uint32_t other)
{
    return one < other ? one : other;
}

/* At least a quarter for each family where it has as many, the rest in proportion to what is left. */
static void share_families(uint32_t numwant, uint64_t have4, uint64_t have6, uint32_t want[2])
{
    if (have4 + have6 <= numwant) {
        want[0] = (uint32_t)have4;
        want[1] = (uint32_t)have6;
        return;
    }
    uint32_t quarter = numwant / 4;
    uint32_t base4 = have4 < quarter ? (uint32_t)have4 : quarter, base6 = have6 < quarter ? (uint32_t)have6 : quarter;
    uint32_t rest = numwant - base4 - base6;
    uint64_t left4 = have4 - base4, left6 = have6 - base6;
    uint32_t more6 = (uint32_t)(rest * left6 / (left4 + left6));
    want[0] = base4 + rest - more6;
    want[1] = base6 + more6;
}

/* See tracker/peer_mix.py: seeders are at most three quarters while leechers are there to fill the rest. */
static struct shares share(uint32_t numwant, const uint32_t have[POOLS])
{
    struct shares shares;
    uint32_t want[2];
    share_families(numwant, (uint64_t)have[SEEDERS4] + have[LEECHERS4], (uint64_t)have[SEEDERS6] + have[LEECHERS6],
                   want);
    for (uint32_t family = 0; family < 2; family++) {
        uint32_t seeders = have[2 * family], leechers = have[2 * family + 1], wanted = want[family];
        uint32_t spare = wanted > leechers ? wanted - leechers : 0, most = wanted * 3 / 4;
        shares.take[2 * family] = lesser(seeders, most > spare ? most : spare);
        shares.take[2 * family + 1] = lesser(leechers, wanted - shares.take[2 * family]);
    }
    return shares;
}

void swarm_pick(const struct swarm *swarm, const struct announce *announce, struct place place, struct rng *rng,
                struct answer *answer)
{
    uint32_t have[POOLS];
    for (uint32_t which = 0; which < POOLS; which++)
        have[which] = swarm_size(swarm, which);
    if (place.slot != NONE)
        have[place.which]--;
    if (announce->seeder || announce->event == EVENT_PAUSED)
        have[SEEDERS4] = have[SEEDERS6] = 0;
    if (announce->families == 4)
        have[SEEDERS6] = have[LEECHERS6] = 0;
    else if (announce->families == 6)
        have[SEEDERS4] = have[LEECHERS4] = 0;
    struct shares shares = share(lesser(announce->numwant, MAX_NUMWANT), have);
    uint32_t length[2] = {0, 0};
    for (uint32_t which = 0; which < POOLS; which++) {
        uint32_t six = which >= SEEDERS6, skip = place.which == which ? place.slot : NONE;
        uint8_t *out = (six ? answer->peers6 : answer->peers) + length[six];
        length[six] += pool_pick(swarm_pool(swarm, which), STRIDE(which), shares.take[which], skip, rng, out);
    }
    answer->peers_length = (uint16_t)length[0];
    answer->peers6_length = (uint16_t)length[1];
}

static void free_pools(struct swarm *swarm)
{
    for (uint32_t which = 0; which < 2; which++) {
        pool_free(&swarm->four[which]);
        if (swarm->extra)
            pool_free(&swarm->extra->six[which]);
    }
    free(swarm->extra);
    swarm->extra = NULL;
}

void swarm_clear(struct swarm *swarm)
{
    for (uint32_t row = swarm_rows(swarm); row-- > 0;)
        bits_set(&swarm->dirty, row);
    free_pools(swarm);
    swarm->paused = 0;
    swarm->completed = 0;
}

void swarm_free(struct swarm *swarm)
{
    free_pools(swarm);
    bits_free(&swarm->dirty);
}
