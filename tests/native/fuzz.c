/* Feeds the readers of queries, HTTP requests and UDP packets with what a fuzzer makes of earlier input.
 *
 * Built with -fsanitize=fuzzer it is a libFuzzer target. Without, a driver of its own mutates seeds:
 * fuzz [SECONDS [SEED]].
 */
#include <time.h>

#include "harness.h"
#include "proxy_protocol.h"
#include "query.h"

static struct store *store;
static struct rules rules;
static struct handler *handler;
static struct rng handler_rng = {1};

static void set_up(void)
{
    size_t size = (sizeof *handler + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
    const int64_t clock[2] = {1800000000, 5000};
    store = harness_store();
    harness_rules(&rules);
    rules.files = harness_files(-1);
    handler = aligned_alloc(CACHE_LINE, size);
    if (!handler)
        abort();
    memset(handler, 0, size);
    handler->rules = &rules;
    handler->store = store;
    handler->file_most = SIZE_MAX;
    handler->rng = &handler_rng;
    handler_read_clock(handler, clock);
}

/* A reader must come to the same end however a stream is cut; `data` is on the heap, so that no byte too many is read. */
static void feed_stream(const uint8_t *data, size_t length)
{
    static uint8_t out[4 * HTTP_REPLY_MOST];
    struct address proxy = {4, {127, 0, 0, 1}};
    struct http_request whole, part;
    size_t seen = 0, half = length / 2;
    http_read(data, length, 0, rules.forwarded, rules.root, &whole);
    http_read(data, half, 0, rules.forwarded, rules.root, &part);
    if (part.kind == HTTP_PARTIAL) {
        seen = part.length;
        http_read(data, length, seen, rules.forwarded, rules.root, &part);
        if (part.kind != whole.kind || part.length != whole.length)
            abort();
    }
    while (length) {
        struct buffer text = {out, out + sizeof out, false};
        struct reading reading = handler_answer_stream(handler, data, length, 0, &proxy, &text);
        if (text.overflowed || reading.used > length || (reading.file == NULL) != (reading.body.length == 0))
            abort();
        if (reading.file)
            kept_file_release(rules.files, reading.file);
        data += reading.used;
        length -= reading.used;
        if (reading.outcome != OUTCOME_MORE)
            break;
    }
}

/* The passkey in a query is a part of it, behind its name. */
static void feed_query(const uint8_t *data, size_t length)
{
    struct slice passkey = query_passkey((struct slice){data, length});
    if (passkey.length && (passkey.data < data + 8 || passkey.data + passkey.length > data + length ||
                           memcmp(passkey.data - 8, "passkey=", 8) || memchr(passkey.data, '&', passkey.length)))
        abort();
    http_is_passkey(passkey);
}

/* A header of the PROXY protocol lies within what was given, and none of its beginnings is one. */
static void feed_proxied(const uint8_t *data, size_t length)
{
    struct address client = {4, {127, 0, 0, 1}};
    size_t used = 0;
    for (int packet = 0; packet < 2; packet++)
        if (proxy_read(data, length, packet, &client, &used) == PROXIED_READ &&
            (used > length || used > PROXY_HEADER_MOST || (client.length != 4 && client.length != 16) ||
             proxy_read(data, used - 1, packet, &client, &used) != (packet ? PROXIED_BAD : PROXIED_PART)))
            abort();
}

static void feed_packet(uint8_t *data, size_t length)
{
    uint8_t out[UDP_REPLY_MOST];
    static const uint8_t connect[16] = {0, 0, 0x04, 0x17, 0x27, 0x10, 0x19, 0x80};
    for (uint8_t family = 4; family <= 16; family += 12) {
        struct address address = {family, {9, 9, 9, 9}};
        size_t count = handler_answer_udp(handler, data, length, &address, out);
        if (count > sizeof out || (count > length && count > 16 && out[3] == 3))
            abort();
        handler_answer_udp(handler, connect, sizeof connect, &address, out);
        if (length >= 8)
            memcpy(data, out + 8, 8); /* what follows a connection id that holds is what matters */
        handler_answer_udp(handler, data, length, &address, out);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *given, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *given, size_t length)
{
    struct announce_query announce;
    struct scrape_query scrape;
    struct address address;
    struct slice passkey;
    uint8_t *data = malloc(length + !length);
    if (!handler)
        set_up();
    if (!data)
        abort();
    memcpy(data, given, length);
    query_read_announce(data, length, &announce);
    query_read_scrape(data, length, &scrape);
    if (http_path_passkey((struct slice){data, length}, rules.root, &passkey) &&
        (!passkey.length || passkey.length > PASSKEY_MOST))
        abort();
    address_parse((struct slice){data, length}, &address);
    feed_query(data, length);
    feed_proxied(data, length);
    for (int private = 0; private < 2; private++) {
        rules.forwarded = private ? SLICE("forwarded") : SLICE("x-forwarded-for");
        rules.rfc7239 = private;
        store_set_private(handler->store, private);
        feed_stream(data, length);
    }
    for (int private = 0; private < 2 && length <= UDP_LARGEST; private++) {
        store_set_private(handler->store, private);
        feed_packet(data, length);
    }
    free(data);
    return 0;
}

#ifndef LIBFUZZER
enum { LONGEST = 20000 };

#define HASH "info_hash=aaaaaaaaaaaaaaaaaaaa"

static const struct slice SEEDS[] = {
    SLICE_INIT(""),
    SLICE_INIT("GET /announce?" HASH "&peer_id=-XX0001-abcdefghijkl&port=6881&left=0&numwant=50&compact=0 "
                      "HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 1.2.3.4, [2001:db8::1]:80\r\nConnection: close\r\n\r\n"),
    SLICE_INIT("GET /announce/" HARNESS_PASSKEY "?" HASH "&peer_id=-XX0001-abcdefghijkl&port=6881&left=5&uploaded=7&"
               "downloaded=9&event=started HTTP/1.1\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n"),
    SLICE_INIT("GET /" HARNESS_PASSKEY "/scrape?" HASH " HTTP/1.1\r\n\r\n"),
    SLICE_INIT("GET " HARNESS_ROOT "/announce/" HARNESS_PASSKEY "?" HASH "&peer_id=-XX0001-abcdefghijkl&port=6881 "
               "HTTP/1.1\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n"),
    SLICE_INIT("/" HARNESS_PASSKEY "/announce"),
    SLICE_INIT("GET /announce?passkey=" HARNESS_PASSKEY "&" HASH "&peer_id=-XX0001-abcdefghijkl&port=6881 HTTP/1.1\r\n"
               "X-Forwarded-For: 1.2.3.4\r\n\r\n"),
    SLICE_INIT("GET /scrape?" HASH "&info_hash=%41%42aaaaaaaaaaaaaaaaaa HTTP/1.0\r\n\r\n"),
    SLICE_INIT("\0\0\4\x17\x27\x10\x19\x80\0\0\0\1tranaaaaaaaaaaaaaaaaaaaappppppppppppppppppppddddddddllllllll"
                      "uuuuuuuu\0\0\0\2iiiikkkk\xff\xff\xff\xff\x1a\xe1\2\4/abc"),
    SLICE_INIT("\0\0\4\x17\x27\x10\x19\x80\0\0\0\1tranaaaaaaaaaaaaaaaaaaaappppppppppppppppppppddddddddllllllll"
               "uuuuuuuu\0\0\0\2iiiikkkk\xff\xff\xff\xff\x1a\xe1\2\x14/" HARNESS_PASSKEY "/announce"),
    SLICE_INIT(HASH "&peer_id=bbbbbbbbbbbbbbbbbbbb&port=1&event=stopped"),
    SLICE_INIT("fe80::1%eth0"),
    SLICE_INIT("PROXY TCP4 9.8.7.6 1.2.3.4 56324 443\r\n"),
    SLICE_INIT("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\11\10\7\6\1\2\3\4\0\1\0\2"),
    SLICE_INIT("GET /announce/" HARNESS_PASSKEY "?" HASH "&peer_id=-XX0001-abcdefghijkl&port=6881 HTTP/1.1\r\n"
               "Forwarded: for=1.2.3.4;proto=http, for=\"[2001:db8::1]:80\";by=\"a\\\"b\"\r\n\r\n"),
};

static const char *const WORDS[] = {
    "GET /announce?", "GET /scrape?", "/announce", "/scrape", "/" HARNESS_PASSKEY, HARNESS_ROOT, "uploaded=", "downloaded=", "passkey=", "\x02\x0b",
    " HTTP/1.1\r\n", " HTTP/1.0\r\n", "\r\n\r\n", "\r\n", "Connection: close\r\n",
    "Forwarded: ", "for=", ";", "\"", "\\", "PROXY TCP6 ", "PROXY UNKNOWN",
    "X-Forwarded-For: ", "1.2.3.4", "::1", "2001:db8::", "%", "%41", "&", "=", "info_hash=", "peer_id=", "port=", "left=",
    "event=", "stopped", "numwant=", "compact=0", "aaaaaaaaaaaaaaaaaaaa", ",", ":80", "[", "]", "9223372036854775808",
};

static uint32_t below(struct rng *rng, uint32_t bound)
{
    return bound ? rng_below(rng, bound) : 0;
}

/* Change `data` in one place; returns its length afterwards. */
static size_t mutate(struct rng *rng, uint8_t *data, size_t length)
{
    size_t at = below(rng, (uint32_t)length + 1), count;
    const char *word = WORDS[below(rng, sizeof WORDS / sizeof *WORDS)];
    switch (below(rng, 6)) {
    case 0: /* a byte becomes another */
        if (at < length)
            data[at] = (uint8_t)below(rng, 256);
        return length;
    case 1: /* bytes go */
        count = below(rng, (uint32_t)(length - at) + 1);
        memmove(data + at, data + at + count, length - at - count);
        return length - count;
    case 2: /* the end goes */
        return at;
    case 3: /* a word comes in */
        count = strlen(word);
        if (length + count > LONGEST)
            return length;
        memmove(data + at + count, data + at, length - at);
        memcpy(data + at, word, count);
        return length + count;
    case 4: /* a piece is repeated */
        count = below(rng, (uint32_t)(length - at) + 1);
        if (length + count > LONGEST)
            return length;
        memmove(data + at + count, data + at, length - at);
        return length + count;
    default: /* a bit flips */
        if (at < length)
            data[at] ^= (uint8_t)(1 << below(rng, 8));
        return length;
    }
}

int main(int count, char **words)
{
    static uint8_t data[LONGEST];
    struct rng rng = {count > 2 ? strtoull(words[2], NULL, 10) : 1};
    time_t end = time(NULL) + (count > 1 ? atoi(words[1]) : 10);
    uint64_t rounds = 0;
    do {
        const struct slice *seed = &SEEDS[below(&rng, sizeof SEEDS / sizeof *SEEDS)];
        size_t length = seed->length;
        memcpy(data, seed->data, length);
        for (uint32_t left = 1 + below(&rng, 12); left; left--) {
            length = mutate(&rng, data, length);
            LLVMFuzzerTestOneInput(data, length);
            rounds++;
        }
    } while (time(NULL) < end);
    printf("%llu inputs, no complaint\n", (unsigned long long)rounds);
    store_free(store);
    free(handler);
    return 0;
}
#endif
