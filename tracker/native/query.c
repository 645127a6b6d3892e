/* The reader of announce and scrape queries in a URL; equal to bittorrent/query.py.
 *
 * Pairs are split on '&', a pair on its first '='; keys are compared as they stand, the last of a repeated key
 * counts, '+' is a plus, and only info_hash and peer_id are percent-decoded.
 */
#include "query.h"

#include <string.h>

#include "store.h"
#include "buffer.h"

enum { LONGEST_VALUE = 64, LONGEST_NUMBER = 19 };

/* A value after decoding; `length` goes on counting where `bytes` is full. */
struct unquoted {
    size_t length;
    uint8_t bytes[LONGEST_VALUE];
};

static int hex_digit(uint8_t byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    byte |= 0x20;
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

/* Undo percent-encoding; false where it is broken. A raw '=', CR or LF beside an escape counts as broken too. */
static bool unquote(struct slice value, struct unquoted *out)
{
    bool escaped = memchr(value.data, '%', value.length) != NULL;
    out->length = 0;
    for (size_t at = 0; at < value.length; at++) {
        uint8_t byte = value.data[at];
        if (escaped && (byte == '=' || byte == '\r' || byte == '\n'))
            return false;
        if (byte == '%') {
            if (value.length - at < 3)
                return false;
            int high = hex_digit(value.data[at + 1]), low = hex_digit(value.data[at + 2]);
            if (high < 0 || low < 0)
                return false;
            byte = (uint8_t)(high << 4 | low);
            at += 2;
        }
        if (out->length < LONGEST_VALUE)
            out->bytes[out->length] = byte;
        out->length++;
    }
    return true;
}

static bool all_hex(const struct unquoted *value)
{
    for (size_t at = 0; at < value->length; at++)
        if (hex_digit(value->bytes[at]) < 0)
            return false;
    return true;
}

static enum refusal read_infohash(struct slice value, uint8_t out[INFOHASH])
{
    struct unquoted raw;
    if (!unquote(value, &raw))
        return REFUSED_BAD_ESCAPE;
    if (raw.length == INFOHASH || raw.length == V2_INFOHASH) {
        memcpy(out, raw.bytes, INFOHASH);
        return NOT_REFUSED;
    }
    if ((raw.length == 2 * INFOHASH || raw.length == 2 * V2_INFOHASH) && all_hex(&raw))
        return REFUSED_HEX_INFO_HASH;
    return REFUSED_BAD_INFO_HASH;
}

/* The next pair of `rest`, which shrinks by it; false at the end. `equals` tells whether it has a value. */
static bool next_pair(struct slice *rest, struct slice *key, struct slice *value, bool *equals)
{
    if (!rest->data)
        return false;
    const uint8_t *end = memchr(rest->data, '&', rest->length);
    size_t length = end ? (size_t)(end - rest->data) : rest->length;
    const uint8_t *sign = memchr(rest->data, '=', length);
    *equals = sign != NULL;
    key->data = rest->data;
    key->length = sign ? (size_t)(sign - rest->data) : length;
    value->data = sign ? sign + 1 : rest->data + length;
    value->length = (size_t)(rest->data + length - value->data);
    rest->length = end ? rest->length - length - 1 : 0;
    rest->data = end ? end + 1 : NULL;
    return true;
}

static bool is(struct slice slice, const char *word, size_t length)
{
    return slice.length == length && memcmp(slice.data, word, length) == 0;
}

#define IS(slice, literal) is((slice), (literal), sizeof(literal) - 1)

/* A number of up to `longest` digits and 2^63-1; -1 for anything else. */
static int64_t number(struct slice value, size_t longest)
{
    uint64_t sum = 0;
    if (value.length == 0 || value.length > longest)
        return -1;
    for (size_t at = 0; at < value.length; at++) {
        if (value.data[at] < '0' || value.data[at] > '9')
            return -1;
        sum = sum * 10 + (uint64_t)(value.data[at] - '0');
    }
    return sum <= INT64_MAX ? (int64_t)sum : -1;
}

static uint8_t event_of(struct slice value)
{
    if (IS(value, "started"))
        return EVENT_STARTED;
    if (IS(value, "stopped"))
        return EVENT_STOPPED;
    if (IS(value, "completed"))
        return EVENT_COMPLETED;
    return IS(value, "paused") ? EVENT_PAUSED : EVENT_NONE;
}

/* The values of an announce that are looked at, as they stand in the query. */
struct values {
    unsigned infohashes;
    struct slice infohash, peer_id, port, left, event, numwant, compact, uploaded, downloaded;
};

static void sort_in(struct values *values, struct slice key, struct slice value)
{
    switch (key.length) {
    case 4:
        if (IS(key, "port"))
            values->port = value;
        else if (IS(key, "left"))
            values->left = value;
        break;
    case 5:
        if (IS(key, "event"))
            values->event = value;
        break;
    case 7:
        if (IS(key, "peer_id"))
            values->peer_id = value;
        else if (IS(key, "numwant"))
            values->numwant = value;
        else if (IS(key, "compact"))
            values->compact = value;
        break;
    case 8:
        if (IS(key, "uploaded"))
            values->uploaded = value;
        break;
    case 10:
        if (IS(key, "downloaded"))
            values->downloaded = value;
        break;
    case 9:
        if (IS(key, "info_hash")) {
            values->infohashes++;
            values->infohash = value;
        }
        break;
    default:
        break;
    }
}

static enum refusal read_values(const struct values *values, struct announce_query *out)
{
    struct unquoted peer_id;
    if (values->infohashes == 0)
        return REFUSED_NO_INFO_HASH;
    if (values->infohashes > 1)
        return REFUSED_MANY_INFO_HASHES;
    enum refusal refusal = read_infohash(values->infohash, out->infohash);
    if (refusal != NOT_REFUSED)
        return refusal;
    if (!unquote(values->peer_id, &peer_id))
        return REFUSED_BAD_ESCAPE;
    if (peer_id.length != PEER_ID)
        return REFUSED_BAD_PEER_ID;
    out->event = event_of(values->event);
    int64_t port = number(values->port, 5);
    if (port < 0 || port > 65535 || (port == 0 && out->event != EVENT_STOPPED))
        return REFUSED_BAD_PORT;
    out->port = (uint16_t)port;
    out->seeder = number(values->left, LONGEST_NUMBER) == 0;
    out->numwant = number(values->numwant, LONGEST_NUMBER);
    out->compact = !IS(values->compact, "0");
    memcpy(out->peer_id, peer_id.bytes, PEER_ID);
    out->uploaded = values->uploaded;
    out->downloaded = values->downloaded;
    return NOT_REFUSED;
}

uint64_t query_total(struct slice value)
{
    int64_t total = number(value, LONGEST_NUMBER);
    return total < 0 ? 0 : (uint64_t)total;
}

enum refusal query_read_announce(const uint8_t *query, size_t length, struct announce_query *out)
{
    static const uint8_t nothing[1];
    const struct slice absent = {nothing, 0};
    struct values values = {0,      absent, absent, absent, absent,
                            absent, absent, absent, absent, absent};
    struct slice rest = {query, length}, key, value;
    bool equals;
    if (length > ANNOUNCE_LIMIT)
        return REFUSED_QUERY_TOO_LONG;
    while (next_pair(&rest, &key, &value, &equals))
        if (equals)
            sort_in(&values, key, value);
    return read_values(&values, out);
}

struct slice query_passkey(struct slice query)
{
    struct slice rest = query, found = {query.data, 0}, key, value;
    bool equals;
    while (next_pair(&rest, &key, &value, &equals))
        if (equals && IS(key, "passkey"))
            found = value;
    return found;
}

/* Keep the hashes sorted, so that a repeated one is seen at once and the answer needs no sorting. */
static void enter(struct scrape_query *out, const uint8_t infohash[INFOHASH])
{
    unsigned low = 0, high = out->count;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        int order = memcmp(out->infohashes[middle], infohash, INFOHASH);
        if (order == 0)
            return;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    memmove(out->infohashes[low + 1], out->infohashes[low], (size_t)(out->count - low) * INFOHASH);
    memcpy(out->infohashes[low], infohash, INFOHASH);
    out->count++;
}

enum refusal query_read_scrape(const uint8_t *query, size_t length, struct scrape_query *out)
{
    struct slice rest = {query, length}, key, value;
    bool equals;
    out->count = 0;
    if (length > SCRAPE_LIMIT)
        return REFUSED_QUERY_TOO_LONG;
    while (out->count < SCRAPE_HASHES && next_pair(&rest, &key, &value, &equals)) {
        uint8_t infohash[INFOHASH];
        if (!equals || !IS(key, "info_hash"))
            continue;
        enum refusal refusal = read_infohash(value, infohash);
        if (refusal != NOT_REFUSED)
            return refusal;
        enter(out, infohash);
    }
    return out->count ? NOT_REFUSED : REFUSED_FULL_SCRAPE;
}
