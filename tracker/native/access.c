/* Who may announce at all, by client and by address; equal to AccessTable.check of tracker/access.py. */
#include "access.h"

#include <stdlib.h>
#include <string.h>

enum { OTHER_DIGIT = 63 };

bool access_init(struct access *access)
{
    pthread_rwlockattr_t kind;
    atomic_init(&access->table, NULL);
    if (pthread_rwlockattr_init(&kind) != 0)
        return false;
    /* Whoever replaces the table must not wait for as long as there are announces. */
    pthread_rwlockattr_setkind_np(&kind, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    bool good = pthread_rwlock_init(&access->lock, &kind) == 0;
    pthread_rwlockattr_destroy(&kind);
    return good;
}

void access_destroy(struct access *access)
{
    access_table_free(atomic_load(&access->table));
    pthread_rwlock_destroy(&access->lock);
}

void access_replace(struct access *access, struct access_table *table)
{
    pthread_rwlock_wrlock(&access->lock);
    struct access_table *before = atomic_exchange(&access->table, table);
    pthread_rwlock_unlock(&access->lock);
    access_table_free(before);
}

struct access_table *access_table_new(void)
{
    return calloc(1, sizeof(struct access_table));
}

void access_table_free(struct access_table *table)
{
    if (!table)
        return;
    free(table->clients);
    free(table->v4.starts);
    free(table->v4.numbers);
    free(table->v6.starts);
    free(table->v6.numbers);
    free(table->texts);
    free(table->ends);
    free(table);
}

static unsigned bucket_of(const struct client_rule *rule)
{
    return rule->length ? rule->prefix[0] : 256;
}

bool access_table_set_clients(struct access_table *table, const struct client_rule *clients, size_t count)
{
    uint32_t filled[257];
    table->clients = malloc((count + 1) * sizeof *clients);
    if (!table->clients)
        return false;
    for (size_t at = 0; at < count; at++)
        table->begins[bucket_of(&clients[at]) + 1]++;
    for (unsigned bucket = 0; bucket < 257; bucket++) {
        table->begins[bucket + 1] += table->begins[bucket];
        filled[bucket] = table->begins[bucket];
    }
    for (size_t at = 0; at < count; at++)
        table->clients[filled[bucket_of(&clients[at])]++] = clients[at];
    return true;
}

bool access_table_set_ranges(struct address_ranges *ranges, size_t width, const uint8_t *starts,
                             const uint32_t *numbers, size_t count)
{
    ranges->starts = malloc(count * width + 1);
    ranges->numbers = malloc(count * sizeof *numbers + 1);
    if (!ranges->starts || !ranges->numbers)
        return false;
    if (count) {
        memcpy(ranges->starts, starts, count * width);
        memcpy(ranges->numbers, numbers, count * sizeof *numbers);
    }
    ranges->count = count;
    ranges->width = width;
    return true;
}

/* The number of the last range that begins at or before an address. */
static uint32_t address_number(const struct address_ranges *ranges, const uint8_t *address)
{
    size_t low = 0, high = ranges->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (memcmp(ranges->starts + middle * ranges->width, address, ranges->width) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? ranges->numbers[low - 1] : 0;
}

static uint8_t digit(uint8_t byte)
{
    if (byte >= '0' && byte <= '9')
        return (uint8_t)(byte - '0');
    if (byte >= 'A' && byte <= 'Z')
        return (uint8_t)(byte - 'A' + 10);
    if (byte >= 'a' && byte <= 'z')
        return (uint8_t)(byte - 'a' + 36);
    return byte == '.' ? 62 : OTHER_DIGIT;
}

/* Decimal numbers with hyphens between them, up to the first that is none. */
static void read_numbers(const uint8_t *id, size_t length, uint8_t version[VERSION_PARTS])
{
    for (size_t part = 0, at = 0; part < VERSION_PARTS; part++) {
        unsigned number = 0, digits = 0;
        for (; at < length && id[at] != '-'; at++, digits++) {
            if (id[at] < '0' || id[at] > '9' || digits == 3)
                return;
            number = number * 10 + (unsigned)(id[at] - '0');
        }
        if (!digits)
            return;
        version[part] = (uint8_t)(number < 255 ? number : 255);
        if (at++ >= length)
            return;
    }
}

static void read_version(const uint8_t peer_id[PEER_ID], enum style style, uint8_t version[VERSION_PARTS])
{
    memset(version, 0, VERSION_PARTS);
    if (style == STYLE_AZUREUS)
        for (int at = 0; at < 4; at++)
            version[at] = digit(peer_id[3 + at]);
    else if (style == STYLE_SHADOW)
        for (int at = 0; at < VERSION_PARTS && peer_id[1 + at] != '-'; at++)
            version[at] = digit(peer_id[1 + at]);
    else
        read_numbers(peer_id + 1, PEER_ID - 1, version);
}

static bool matches(const struct client_rule *rule, const uint8_t peer_id[PEER_ID])
{
    uint8_t version[VERSION_PARTS];
    if (memcmp(rule->prefix, peer_id, rule->length) != 0)
        return false;
    if (rule->style == STYLE_ANY)
        return true;
    read_version(peer_id, (enum style)rule->style, version);
    return memcmp(rule->low, version, VERSION_PARTS) <= 0 && memcmp(version, rule->high, VERSION_PARTS) <= 0;
}

/* The first rule that holds; NULL: none does. */
static const struct client_rule *client_rule_of(const struct access_table *table, const uint8_t peer_id[PEER_ID])
{
    const unsigned buckets[2] = {peer_id[0], 256};
    for (int which = 0; which < 2; which++) {
        unsigned bucket = buckets[which];
        for (uint32_t at = table->begins[bucket]; at < table->begins[bucket + 1]; at++)
            if (matches(&table->clients[at], peer_id))
                return &table->clients[at];
    }
    return NULL;
}

static void tell(const struct access_table *table, uint32_t number, struct denial *denial)
{
    uint32_t start = table->ends[number - 1];
    denial->length = table->ends[number] - start;
    memcpy(denial->text, table->texts + start, denial->length);
}

enum refusal access_look_up(struct access *access, const uint8_t *address, size_t length, const uint8_t *peer_id,
                            struct denial *denial)
{
    enum refusal refusal = NOT_REFUSED;
    pthread_rwlock_rdlock(&access->lock);
    const struct access_table *table = atomic_load_explicit(&access->table, memory_order_relaxed);
    if (table) {
        uint32_t number = address_number(length == 4 ? &table->v4 : &table->v6, address);
        if (number) {
            refusal = REFUSED_ADDRESS_DENIED;
        } else if (peer_id) {
            const struct client_rule *rule = client_rule_of(table, peer_id);
            number = rule ? rule->number : 0;
            refusal = number ? REFUSED_CLIENT_DENIED : NOT_REFUSED;
        }
        if (number)
            tell(table, number, denial);
    }
    pthread_rwlock_unlock(&access->lock);
    return refusal;
}
