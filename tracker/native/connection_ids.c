/* Keys behind the connection ids of UDP, which may be rolled while threads answer, and a bound on answers to bad ids; equal
 * to doors/connection_ids.py. */
#include "connection_ids.h"

bool ids_init(struct connection_ids *ids, const struct seals *seals)
{
    ids->seals = *seals;
    atomic_init(&ids->generation, 1);
    for (size_t at = 0; at < UDP_BAD_SLOTS; at++)
        atomic_init(&ids->bad[at], 0);
    return pthread_mutex_init(&ids->lock, NULL) == 0;
}

void ids_free(struct connection_ids *ids)
{
    pthread_mutex_destroy(&ids->lock);
}

void ids_roll(struct connection_ids *ids, const struct seals *seals)
{
    pthread_mutex_lock(&ids->lock);
    ids->seals = *seals;
    atomic_fetch_add_explicit(&ids->generation, 1, memory_order_relaxed);
    pthread_mutex_unlock(&ids->lock);
}

void ids_follow(struct connection_ids *ids, struct seals *seals, uint32_t *generation)
{
    if (atomic_load_explicit(&ids->generation, memory_order_relaxed) == *generation)
        return;
    pthread_mutex_lock(&ids->lock);
    *seals = ids->seals;
    *generation = atomic_load_explicit(&ids->generation, memory_order_relaxed);
    pthread_mutex_unlock(&ids->lock);
}

void ids_seal(const struct blake2b *key, const uint8_t issued[4], const struct address *address, uint8_t out[4])
{
    uint8_t message[4 + 16];
    memcpy(message, issued, 4);
    memcpy(message + 4, address->bytes, address->length);
    blake2b_seal(key, message, 4u + address->length, out);
}

bool ids_answer_bad(struct connection_ids *ids, const struct seals *seals, const struct address *address,
                    int64_t running)
{
    static const uint8_t nothing[4] = {0xff, 0xff, 0xff, 0xff};
    struct address whose = *address;
    uint8_t sealed[4];
    if (whose.length == 16) {
        whose.length = 8; /* an IPv6 address counts as its /64 */
    }
    ids_seal(&seals->current, nothing, &whose, sealed);
    size_t slot = (sealed[0] | (size_t)sealed[1] << 8) % UDP_BAD_SLOTS;
    uint32_t span = (uint32_t)(running / UDP_BAD_SECONDS) << 8;
    uint32_t had = atomic_load_explicit(&ids->bad[slot], memory_order_relaxed);
    uint32_t count = (had & ~(uint32_t)0xff) == span ? had & 0xff : 0;
    if (count == UDP_BAD_ANSWERS)
        return false;
    /* Two threads that count at once may count one; that is one answer more. */
    atomic_store_explicit(&ids->bad[slot], span | (count + 1), memory_order_relaxed);
    return true;
}
