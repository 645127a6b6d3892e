/* The request handler over HTTP: announces and scrapes, equal to doors/announce.py and tracker/reply.py, with the head
 * that uvicorn writes around them.
 */
#include "handler.h"

#include <time.h>

#include "query.h"

enum { V4_PEER = 6, V6_PEER = 18, LENGTH_DIGITS = 5 };

void handler_read_clock(struct handler *handler, const int64_t fixed[2])
{
    struct timespec now;
    ids_follow(handler->rules->ids, &handler->seals, &handler->seals_generation);
    if (fixed[0]) {
        handler->now = fixed[0];
        handler->running = fixed[1];
        return;
    }
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    handler->now = now.tv_sec;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    handler->running = now.tv_sec;
}

/* The value of the date header, written again once a second; not by strftime, whose words follow the locale. */
const char *handler_date(struct handler *handler)
{
    static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    if (handler->dated != handler->now) {
        struct tm parts;
        struct buffer text = {(uint8_t *)handler->date, (uint8_t *)handler->date + sizeof handler->date - 1, false};
        time_t now = (time_t)handler->now;
        gmtime_r(&now, &parts);
        const int pairs[] = {parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec};
        uint8_t two[4][2];
        for (int at = 0; at < 4; at++) {
            two[at][0] = (uint8_t)('0' + pairs[at] / 10);
            two[at][1] = (uint8_t)('0' + pairs[at] % 10);
        }
        put(&text, days + 3 * parts.tm_wday, 3);
        put_literal(&text, ", ");
        put(&text, two[0], 2);
        put_literal(&text, " ");
        put(&text, months + 3 * parts.tm_mon, 3);
        put_literal(&text, " ");
        put_number(&text, (uint64_t)(parts.tm_year + 1900));
        for (int at = 1; at < 4; at++) {
            put(&text, at == 1 ? " " : ":", 1);
            put(&text, two[at], 2);
        }
        put_literal(&text, " GMT");
        *text.at = 0;
        handler->dated = handler->now;
    }
    return handler->date;
}

/* Begin a reply whose length is not known yet; returns where the length has to go. */
static uint8_t *open_head(struct handler *handler, bool close, struct buffer *out)
{
    const char *now = handler_date(handler);
    put_literal(out, "HTTP/1.1 200 OK\r\ndate: ");
    put(out, now, strlen(now));
    put_literal(out, "\r\ncontent-type: text/plain\r\ncontent-length: ");
    uint8_t *hole = out->at;
    put_literal(out, "00000");
    if (close)
        put_literal(out, "\r\nconnection: close");
    put_literal(out, "\r\n\r\n");
    return hole;
}

/* Write the length into its place, and move what follows up to it. */
static void close_body(uint8_t *hole, const uint8_t *body, struct buffer *out)
{
    uint8_t digits[20];
    size_t count = decimal(digits, (uint64_t)(out->at - body));
    uint8_t *rest = hole + LENGTH_DIGITS;
    memcpy(hole, digits, count);
    memmove(hole + count, rest, (size_t)(out->at - rest));
    out->at -= LENGTH_DIGITS - count;
}

static void put_failure(struct handler *handler, enum refusal refusal, struct buffer *out)
{
    const struct rules *rules = handler->rules;
    struct slice sentence = handler_sentence(handler, refusal);
    uint8_t minutes[20];
    size_t length = decimal(minutes, rules->interval >= 120 ? rules->interval / 60 : 1);
    put_literal(out, "d14:failure reason");
    put_string(out, sentence.data, sentence.length);
    put_literal(out, "8:intervali");
    put_number(out, rules->interval);
    put_literal(out, "e12:min intervali");
    put_number(out, rules->min_interval);
    put_literal(out, "e8:retry in");
    put_string(out, minutes, length);
    put_literal(out, "e");
    count(&handler->counters.refusals[refusal]);
}

static void put_dictionaries(const uint8_t *peers, size_t length, size_t stride, struct buffer *out)
{
    for (size_t at = 0; at < length; at += stride) {
        const uint8_t *peer = peers + at;
        uint8_t text[40];
        size_t count = address_write(peer, stride - 2, text);
        put_literal(out, "d2:ip");
        put_string(out, text, count);
        put_literal(out, "4:porti");
        put_number(out, (uint64_t)peer[stride - 2] << 8 | peer[stride - 1]);
        put_literal(out, "ee");
    }
}

static void put_answer(const struct answer *answer, const struct address *address, bool compact, struct slice warning,
                       struct buffer *out)
{
    put_literal(out, "d8:completei");
    put_number(out, answer->counts.complete);
    put_literal(out, "e10:downloadedi");
    put_number(out, answer->counts.downloaded);
    put_literal(out, "e11:external ip");
    put_string(out, address->bytes, address->length);
    put_literal(out, "10:incompletei");
    put_number(out, answer->counts.incomplete);
    put_literal(out, "e8:intervali");
    put_number(out, answer->interval);
    put_literal(out, "e12:min intervali");
    put_number(out, answer->min_interval);
    put_literal(out, "e5:peers");
    if (compact) {
        put_string(out, answer->peers, answer->peers_length);
        if (answer->peers6_length) {
            put_literal(out, "6:peers6");
            put_string(out, answer->peers6, answer->peers6_length);
        }
    } else {
        put_literal(out, "l");
        put_dictionaries(answer->peers, answer->peers_length, V4_PEER, out);
        put_dictionaries(answer->peers6, answer->peers6_length, V6_PEER, out);
        put_literal(out, "e");
    }
    if (warning.length) {
        put_literal(out, "15:warning message");
        put_string(out, warning.data, warning.length);
    }
    put_literal(out, "e");
}

/* Turn a temporary refusal into the empty success that it is answered with; return its warning. */
static struct slice put_off(struct handler *handler, enum verdict verdict)
{
    struct answer *answer = &handler->answer;
    answer->counts = (struct counts){0, 0, 0, 0};
    answer->interval = answer->min_interval = handler->rules->retry_soon;
    answer->peers_length = answer->peers6_length = 0;
    count(&handler->counters.warnings);
    return verdict == VERDICT_FULL ? handler->rules->full : handler->rules->restoring;
}

static bool all_public(struct store *store, const uint8_t (*infohashes)[INFOHASH], size_t count)
{
    size_t at = 0;
    while (at < count && store_is_public(store, infohashes[at]))
        at++;
    return count && at == count;
}

enum refusal handler_find_account(struct handler *handler, struct slice passkey, struct slice query,
                                  const uint8_t (*infohashes)[INFOHASH], size_t count, uint64_t *account)
{
    *account = 0;
    bool private = store_private(handler->store);
    if (private && all_public(handler->store, infohashes, count))
        return NOT_REFUSED;
    if (!passkey.length) {
        if (!private)
            return NOT_REFUSED;
        passkey = query_passkey(query);
        if (!passkey.length)
            return REFUSED_NO_PASSKEY;
        if (!http_is_passkey(passkey))
            return REFUSED_UNKNOWN_PASSKEY;
    }
    *account = store_account(handler->store, passkey.data, passkey.length);
    if (*account == DISABLED_ACCOUNT)
        return REFUSED_PASSKEY_DISABLED;
    if (*account == SUSPENDED_PASSKEY)
        return REFUSED_PASSKEY_SUSPENDED;
    return *account ? NOT_REFUSED : REFUSED_UNKNOWN_PASSKEY;
}

static enum refusal address_of_client(struct handler *handler, const struct http_request *request,
                                      const struct address *socket, struct address *out, bool *elsewhere)
{
    const struct rules *rules = handler->rules;
    *out = *socket;
    if (networks_hold(rules->trusted, socket)) {
        enum client found = client_forwarded(rules->trusted, request, rules->rfc7239, out);
        *elsewhere = found == CLIENT_ELSEWHERE;
        if (found == CLIENT_UNKNOWN)
            return REFUSED_NO_ADDRESS;
    }
    return NOT_REFUSED;
}

static enum refusal client_of(struct handler *handler, const struct http_request *request, const struct address *socket,
                              struct address *out, bool *elsewhere)
{
    const struct rules *rules = handler->rules;
    enum refusal refusal = address_of_client(handler, request, socket, out, elsewhere);
    if (refusal != NOT_REFUSED)
        return refusal;
    if (rules->refuse_private && !*elsewhere && !networks_hold(rules->routed, out))
        return REFUSED_PRIVATE_ADDRESS;
    return NOT_REFUSED;
}

static void fill_announce(const struct rules *rules, const struct announce_query *query,
                          const struct address *address, uint64_t account, struct announce *out)
{
    int64_t most = rules->numwant_most;
    memcpy(out->infohash, query->infohash, INFOHASH);
    memcpy(out->peer, address->bytes, address->length);
    out->peer[address->length] = (uint8_t)(query->port >> 8);
    out->peer[address->length + 1] = (uint8_t)query->port;
    out->stride = (uint8_t)(address->length + 2);
    out->event = query->event;
    out->seeder = query->seeder;
    out->families = FAMILY_BOTH;
    out->transport = TRANSPORT_HTTP;
    out->account = account;
    if (account) {
        out->uploaded = query_total(query->uploaded);
        out->downloaded = query_total(query->downloaded);
        memcpy(out->peer_id, query->peer_id, PEER_ID);
    }
    out->numwant = query->numwant < 0 ? rules->numwant : (uint16_t)(query->numwant < most ? query->numwant : most);
}

/* Announce; false where the other server has to be asked. */
static bool put_announce(struct handler *handler, const struct http_request *request, const struct address *socket,
                         struct buffer *out)
{
    struct announce_query query;
    struct announce announce;
    struct address address;
    struct slice warning = {NULL, 0};
    uint64_t account = 0;
    bool elsewhere = false;
    enum refusal refusal = query_read_announce(request->query.data, request->query.length, &query);
    if (refusal == NOT_REFUSED)
        refusal = client_of(handler, request, socket, &address, &elsewhere);
    if (elsewhere)
        return false;
    if (refusal == NOT_REFUSED && query.event != EVENT_STOPPED)
        refusal = handler_check_access(handler, &address, query.peer_id);
    if (refusal == NOT_REFUSED)
        refusal = handler_find_account(handler, request->passkey, request->query,
                                       (const uint8_t(*)[INFOHASH])query.infohash, 1, &account);
    if (refusal != NOT_REFUSED) {
        put_failure(handler, refusal, out);
        return true;
    }
    sampling_client(&handler->sampling, query.peer_id, address.length);
    fill_announce(handler->rules, &query, &address, account, &announce);
    enum verdict verdict = store_announce(handler->store, handler->rng, &announce, handler->now, &handler->answer);
    if (verdict == VERDICT_UNLISTED || verdict == VERDICT_DENIED) {
        put_failure(handler, handler_refusal(handler, verdict), out);
        return true;
    }
    count(&handler->counters.announces[TRANSPORT_HTTP][announce.event]);
    if (verdict == VERDICT_FULL || verdict == VERDICT_RESTORING) {
        warning = put_off(handler, verdict);
    } else if (verdict != VERDICT_OK) {
        count(&handler->counters.warnings);
        warning = handler->rules->limits[verdict];
    }
    put_answer(&handler->answer, &address, query.compact, warning, out);
    return true;
}

/* Whether who scrapes is refused; only where there are rules on addresses is it asked who that is. */
static enum refusal check_scraper(struct handler *handler, const struct http_request *request,
                                  const struct address *socket, bool *elsewhere)
{
    struct address address;
    if (!access_is_ruled(store_access(handler->store)))
        return NOT_REFUSED;
    enum refusal refusal = address_of_client(handler, request, socket, &address, elsewhere);
    /* Who is unknown may scrape. */
    return refusal == NOT_REFUSED && !*elsewhere ? handler_check_access(handler, &address, NULL) : NOT_REFUSED;
}

/* Scrape; false where the other server has to be asked. */
static bool put_scrape(struct handler *handler, const struct http_request *request, const struct address *socket,
                       struct buffer *out)
{
    struct scrape_query query;
    uint64_t account;
    bool elsewhere = false;
    enum refusal refusal = query_read_scrape(request->query.data, request->query.length, &query);
    if (refusal == NOT_REFUSED)
        refusal = check_scraper(handler, request, socket, &elsewhere);
    if (elsewhere)
        return false;
    if (refusal == NOT_REFUSED)
        refusal = handler_find_account(handler, request->passkey, request->query,
                                       (const uint8_t(*)[INFOHASH])query.infohashes, query.count, &account);
    if (refusal != NOT_REFUSED) {
        put_failure(handler, refusal, out);
        return true;
    }
    count(&handler->counters.scrapes[TRANSPORT_HTTP]);
    put_literal(out, "d5:filesd");
    for (unsigned at = 0; at < query.count; at++) {
        struct counts counts;
        store_scrape(handler->store, query.infohashes[at], &counts);
        put_string(out, query.infohashes[at], INFOHASH);
        put_literal(out, "d8:completei");
        put_number(out, counts.complete);
        put_literal(out, "e10:downloadedi");
        put_number(out, counts.downloaded);
        put_literal(out, "e11:downloadersi");
        put_number(out, counts.downloaders);
        put_literal(out, "e10:incompletei");
        put_number(out, counts.incomplete);
        put_literal(out, "ee");
    }
    put_literal(out, "e5:flagsd20:min_request_intervali");
    put_number(out, handler->rules->min_interval);
    put_literal(out, "eee");
    return true;
}

bool handler_answer_http(struct handler *handler, const struct http_request *request, const struct address *socket,
                       struct buffer *out)
{
    struct buffer before = *out;
    uint64_t began = sampling_begin(&handler->sampling);
    uint8_t *hole = open_head(handler, request->close, out);
    const uint8_t *body = out->at;
    if (out->overflowed) {
        handler->sampling.due = false;
        return false;
    }
    if (!(request->kind == HTTP_SCRAPE ? put_scrape : put_announce)(handler, request, socket, out)) {
        *out = before;
        handler->sampling.due = false;
        return false;
    }
    close_body(hole, body, out);
    sampling_end(&handler->sampling, TRANSPORT_HTTP, began);
    return !out->overflowed;
}

/* Answer one request of any kind; false where only the other server can. */
static bool answer_one(struct handler *handler, const struct http_request *request, const struct address *socket,
                       struct buffer *out, struct reading *reading)
{
    if (request->kind == HTTP_ELSEWHERE || request->kind == HTTP_UPGRADE)
        return false;
    if (request->kind == HTTP_FILE)
        return handler_answer_file(handler, request, out, reading);
    return handler_answer_http(handler, request, socket, out);
}

/* Read who asks for WebSocket; false where only the other server can answer. */
static bool read_upgrade(struct handler *handler, const struct http_request *request, const struct address *socket,
                         struct reading *reading)
{
    bool elsewhere = false;
    if (client_of(handler, request, socket, &reading->client, &elsewhere) != NOT_REFUSED || elsewhere)
        return false;
    reading->key = request->key;
    reading->passkey = request->passkey;
    if (!reading->passkey.length && store_private(handler->store)) {
        reading->passkey = query_passkey(request->query);
        if (reading->passkey.length > PASSKEY_MOST)
            reading->passkey.length = PASSKEY_MOST + 1; /* one that is longer is unknown */
    }
    return true;
}

static bool is_stop(const struct http_request *request)
{
    struct announce_query query;
    return request->kind == HTTP_ANNOUNCE &&
           query_read_announce(request->query.data, request->query.length, &query) == NOT_REFUSED &&
           query.event == EVENT_STOPPED;
}

static struct reading answer_requests(struct handler *handler, const uint8_t *data, size_t length, size_t seen,
                                      bool stops, const struct address *socket, struct buffer *out)
{
    struct reading reading = {.outcome = OUTCOME_MORE, .stored = {.fd = -1}};
    struct http_request request;
    const uint8_t *start = out->at;
    while (reading.outcome == OUTCOME_MORE && !reading.file && reading.stored.fd < 0 &&
           out->end - out->at >= HTTP_REPLY_MOST) {
        http_read(data + reading.used, length - reading.used, seen, handler->rules->forwarded, handler->rules->root,
                  &request);
        seen = 0;
        if (request.kind == HTTP_PARTIAL) {
            reading.seen = request.length;
            reading.outcome = OUTCOME_PART;
        } else if (request.kind == HTTP_UPGRADE && handler->upgrades && !stops) {
            if (reading.used || out->at != start)
                break; /* what came before is answered first */
            bool here = read_upgrade(handler, &request, socket, &reading);
            reading.used = here ? request.length : 0;
            reading.outcome = here ? OUTCOME_UPGRADE : OUTCOME_AWAY;
        } else if ((stops && !is_stop(&request)) || !answer_one(handler, &request, socket, out, &reading)) {
            reading.outcome = OUTCOME_AWAY;
        } else {
            reading.used += request.length;
            if (request.close)
                reading.outcome = OUTCOME_CLOSE;
        }
    }
    if (reading.outcome == OUTCOME_MORE && reading.used == length)
        reading.outcome = OUTCOME_PART;
    return reading;
}

struct reading handler_answer_stream(struct handler *handler, const uint8_t *data, size_t length, size_t seen,
                                     const struct address *socket, struct buffer *out)
{
    return answer_requests(handler, data, length, seen, false, socket, out);
}

struct reading handler_answer_stops(struct handler *handler, const uint8_t *data, size_t length,
                                    const struct address *socket, struct buffer *out)
{
    return answer_requests(handler, data, length, 0, true, socket, out);
}
