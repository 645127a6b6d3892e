/* The request handler over UDP (BEP 15); equal to bittorrent/udp.py and doors/udp.py.
 *
 * Nothing but a connect is answered before the connection id holds, and no error is longer than its request.
 * The path of BEP 41 may bring a passkey.
 */
#include "handler.h"
#include "query.h"

enum { CONNECT, ANNOUNCE, SCRAPE, ERROR };
enum { MOST = 0x7fffffff, URL_READ = UDP_URL_DATA };

static const uint8_t PROTOCOL[8] = {0, 0, 0x04, 0x17, 0x27, 0x10, 0x19, 0x80};

static uint64_t read_big(const uint8_t *bytes, int count)
{
    uint64_t number = 0;
    for (int at = 0; at < count; at++)
        number = number << 8 | bytes[at];
    return number;
}

static void write_big(uint8_t *out, uint64_t number)
{
    for (int at = 3; at >= 0; at--) {
        out[at] = (uint8_t)number;
        number >>= 8;
    }
}

static uint32_t capped(uint64_t number)
{
    return number < MOST ? (uint32_t)number : MOST;
}

/* A packet under way, and where its answer goes. */
struct packet {
    const uint8_t *data;
    size_t length;
    const struct address *address;
    uint8_t *out;
};

static void head(const struct packet *packet, uint32_t action)
{
    write_big(packet->out, action);
    memcpy(packet->out + 4, packet->data + 12, 4);
}

static size_t connect_reply(const struct handler *handler, const struct packet *packet)
{
    head(packet, CONNECT);
    write_big(packet->out + 8, (uint32_t)handler->running);
    ids_seal(&handler->seals.current, packet->out + 8, packet->address, packet->out + 12);
    return 16;
}

static bool sealed_by(const struct blake2b *key, const struct packet *packet)
{
    uint8_t sealed[4], difference = 0;
    ids_seal(key, packet->data, packet->address, sealed);
    for (int at = 0; at < 4; at++)
        difference |= sealed[at] ^ packet->data[4 + at];
    return difference == 0;
}

/* Whether the connection id was issued here, to this address, and recently; compared in constant time. */
static bool holds(const struct handler *handler, const struct packet *packet)
{
    uint32_t age = (uint32_t)handler->running - (uint32_t)read_big(packet->data, 4);
    if (age > UDP_CONNECTION_SECONDS && age < (uint32_t)0 - UDP_CONNECTION_SKEW)
        return false;
    return sealed_by(&handler->seals.current, packet) || sealed_by(&handler->seals.previous, packet);
}

static size_t error_reply(const struct packet *packet, struct slice text)
{
    size_t most = (packet->length < UDP_REPLY_MOST ? packet->length : UDP_REPLY_MOST) - 8;
    size_t length = text.length < most ? text.length : most;
    head(packet, ERROR);
    memcpy(packet->out + 8, text.data, length);
    return 8 + length;
}

static size_t refuse(struct handler *handler, const struct packet *packet, enum refusal refusal)
{
    count(&handler->counters.refusals[refusal]);
    return error_reply(packet, handler_sentence(handler, refusal));
}

/* The URL that the options after an announce hold (BEP 41), cut off as in Python. */
static size_t url_data(const struct packet *packet, uint8_t out[URL_READ])
{
    enum { END, NOTHING, URL_DATA };
    size_t at = UDP_ANNOUNCE, length = 0;
    while (at < packet->length && packet->data[at] != END && length < URL_READ) {
        if (packet->data[at] == NOTHING) {
            at++;
            continue;
        }
        if (at + 1 == packet->length)
            break;
        size_t start = at + 2, end = start + packet->data[at + 1], count = end - start;
        if (packet->data[at] == URL_DATA && end <= packet->length) {
            count = count < URL_READ - length ? count : URL_READ - length;
            memcpy(out + length, packet->data + start, count);
            length += count;
        }
        at = end;
    }
    return length;
}

static enum refusal find_account(struct handler *handler, const struct packet *packet, uint64_t *account)
{
    uint8_t url[URL_READ];
    struct slice passkey = {NULL, 0};
    size_t length = packet->length > UDP_ANNOUNCE ? url_data(packet, url) : 0;
    const uint8_t *mark = length ? memchr(url, '?', length) : NULL;
    struct slice path = {url, mark ? (size_t)(mark - url) : length}, query = {url, 0};
    if (mark)
        query = (struct slice){mark + 1, (size_t)(url + length - mark) - 1};
    if (!http_path_passkey(path, handler->rules->root, &passkey))
        passkey.length = 0;
    return handler_find_account(handler, passkey, query, (const uint8_t(*)[INFOHASH])(packet->data + 16), 1, account);
}

static void fill_announce(const struct rules *rules, const struct packet *packet, uint8_t event, uint64_t account,
                          struct announce *out)
{
    const uint8_t *data = packet->data;
    const struct address *address = packet->address;
    uint16_t most = address->length == 4 ? rules->numwant_most : rules->numwant_most6;
    uint32_t wanted = (uint32_t)read_big(data + 92, 4);
    if (wanted > MOST)
        wanted = rules->numwant;
    memcpy(out->infohash, data + 16, INFOHASH);
    memcpy(out->peer, address->bytes, address->length);
    memcpy(out->peer + address->length, data + 96, 2);
    out->stride = (uint8_t)(address->length + 2);
    out->event = event;
    out->seeder = read_big(data + 64, 8) == 0;
    out->families = address->length == 4 ? FAMILY_V4 : FAMILY_V6;
    out->transport = TRANSPORT_UDP;
    out->account = account;
    if (account) {
        uint64_t downloaded = read_big(data + 56, 8), uploaded = read_big(data + 72, 8);
        out->downloaded = downloaded <= LARGEST_TOTAL ? downloaded : 0;
        out->uploaded = uploaded <= LARGEST_TOTAL ? uploaded : 0;
        memcpy(out->peer_id, data + 36, PEER_ID);
    }
    out->numwant = (uint16_t)(wanted < most ? wanted : most);
}

static size_t announce_reply(struct handler *handler, const struct packet *packet)
{
    struct answer *answer = &handler->answer;
    struct announce announce;
    if (packet->length < UDP_ANNOUNCE)
        return refuse(handler, packet, REFUSED_BAD_REQUEST);
    uint32_t number = (uint32_t)read_big(packet->data + 80, 4);
    uint8_t event = number <= EVENT_PAUSED ? (uint8_t)number : EVENT_NONE;
    if (packet->data[96] == 0 && packet->data[97] == 0 && event != EVENT_STOPPED)
        return refuse(handler, packet, REFUSED_BAD_PORT);
    if (handler->rules->refuse_private && !networks_hold(handler->rules->routed, packet->address))
        return refuse(handler, packet, REFUSED_PRIVATE_ADDRESS);
    uint64_t account;
    enum refusal refusal = NOT_REFUSED;
    if (event != EVENT_STOPPED)
        refusal = handler_check_access(handler, packet->address, packet->data + 36);
    if (refusal == NOT_REFUSED)
        refusal = find_account(handler, packet, &account);
    if (refusal != NOT_REFUSED)
        return refuse(handler, packet, refusal);
    sampling_client(&handler->sampling, packet->data + 36, packet->address->length);
    fill_announce(handler->rules, packet, event, account, &announce);
    enum verdict verdict = store_announce(handler->store, handler->rng, &announce, handler->now, answer);
    if (verdict == VERDICT_UNLISTED || verdict == VERDICT_DENIED)
        return refuse(handler, packet, handler_refusal(handler, verdict));
    count(&handler->counters.announces[TRANSPORT_UDP][event]);
    if (verdict != VERDICT_OK)
        count(&handler->counters.warnings);
    if (verdict == VERDICT_FULL || verdict == VERDICT_RESTORING) {
        *answer = (struct answer){.interval = handler->rules->retry_soon};
    }
    size_t length = announce.families == 4 ? answer->peers_length : answer->peers6_length;
    head(packet, ANNOUNCE);
    write_big(packet->out + 8, answer->interval);
    write_big(packet->out + 12, capped(answer->counts.incomplete));
    write_big(packet->out + 16, capped(answer->counts.complete));
    memcpy(packet->out + 20, announce.families == 4 ? answer->peers : answer->peers6, length);
    return 20 + length;
}

static size_t scrape_reply(struct handler *handler, const struct packet *packet)
{
    size_t hashes = (packet->length - UDP_SMALLEST) / INFOHASH;
    uint8_t *out = packet->out + 8;
    if (hashes == 0)
        return refuse(handler, packet, REFUSED_FULL_SCRAPE);
    if (hashes > SCRAPE_HASHES)
        hashes = SCRAPE_HASHES;
    const struct slice none = {NULL, 0}; /* BEP 41 has no options behind a scrape */
    uint64_t account;
    enum refusal refusal = handler_find_account(
        handler, none, none, (const uint8_t(*)[INFOHASH])(packet->data + UDP_SMALLEST), hashes, &account);
    if (refusal == NOT_REFUSED)
        refusal = handler_check_access(handler, packet->address, NULL);
    if (refusal != NOT_REFUSED)
        return refuse(handler, packet, refusal);
    count(&handler->counters.scrapes[TRANSPORT_UDP]);
    head(packet, SCRAPE);
    for (size_t at = 0; at < hashes; at++, out += 12) {
        struct counts counts;
        store_scrape(handler->store, packet->data + UDP_SMALLEST + at * INFOHASH, &counts);
        write_big(out, capped(counts.complete));
        write_big(out + 4, capped(counts.downloaded));
        write_big(out + 8, capped(counts.incomplete));
    }
    return (size_t)(out - packet->out);
}

const uint8_t *udp_infohash(const uint8_t *packet, size_t length)
{
    return length >= UDP_ANNOUNCE && read_big(packet + 8, 4) == ANNOUNCE ? packet + 16 : NULL;
}

size_t handler_answer_udp(struct handler *handler, const uint8_t *data, size_t length, const struct address *address,
                        uint8_t *out)
{
    const struct packet packet = {data, length, address, out};
    if (length < UDP_SMALLEST)
        return 0;
    uint32_t action = (uint32_t)read_big(data + 8, 4);
    if (action == CONNECT)
        return memcmp(data, PROTOCOL, sizeof PROTOCOL) == 0 ? connect_reply(handler, &packet) : 0;
    if (action != ANNOUNCE && action != SCRAPE)
        return 0;
    if (!holds(handler, &packet)) {
        if (!ids_answer_bad(handler->rules->ids, &handler->seals, address, handler->running))
            return 0;
        return error_reply(&packet, handler->rules->bad_connection);
    }
    uint64_t began = sampling_begin(&handler->sampling);
    size_t answered = action == ANNOUNCE ? announce_reply(handler, &packet) : scrape_reply(handler, &packet);
    sampling_end(&handler->sampling, TRANSPORT_UDP, began);
    return answered;
}
