/* WebTorrent's messages: a strict reader of what clients usually send, and the writer of every answer.
 *
 * The reader takes a message only where it is sure what bittorrent/webtorrent.py says of it: no key twice, no escapes
 * where none are needed, no numbers but whole ones, nothing nested but what it knows. Strings that are passed on have
 * no escapes but those that Python's writer uses, so that they are passed on as they came.
 */
#include "socket_messages.h"

enum { DIGITS_MOST = 18, TEXT_DIGITS_MOST = 19 };

struct reader {
    const uint8_t *at, *end;
};

static void skip_space(struct reader *reader)
{
    while (reader->at < reader->end &&
           (*reader->at == ' ' || *reader->at == '\n' || *reader->at == '\r' || *reader->at == '\t'))
        reader->at++;
}

/* Take one byte of the grammar, and the space behind it. */
static bool take(struct reader *reader, uint8_t byte)
{
    if (reader->at == reader->end || *reader->at != byte)
        return false;
    reader->at++;
    skip_space(reader);
    return true;
}

static bool take_word(struct reader *reader, const char *word, size_t length)
{
    if ((size_t)(reader->end - reader->at) < length || memcmp(reader->at, word, length) != 0)
        return false;
    reader->at += length;
    skip_space(reader);
    return true;
}

#define TAKE_WORD(reader, word) take_word((reader), (word), sizeof(word) - 1)

static int hex_value(uint8_t byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    if (byte >= 'a' && byte <= 'f')
        return byte - 'a' + 10;
    return byte >= 'A' && byte <= 'F' ? byte - 'A' + 10 : -1;
}

/* The number of `uXXXX`, -1 where it is none. */
static int32_t hex_escape(const uint8_t *at, const uint8_t *end)
{
    int32_t value = 0;
    if (end - at < 5)
        return -1;
    for (int digit = 1; digit <= 4; digit++) {
        int read = hex_value(at[digit]);
        if (read < 0)
            return -1;
        value = value << 4 | read;
    }
    return value;
}

/* How the writer escapes a byte below 0x20, or a quotation mark, or a backslash, in one letter; 0 where in four digits. */
static uint8_t short_escape(uint8_t byte)
{
    switch (byte) {
    case '"':
    case '\\':
        return byte;
    case '\b':
        return 'b';
    case '\t':
        return 't';
    case '\n':
        return 'n';
    case '\f':
        return 'f';
    case '\r':
        return 'r';
    default:
        return 0;
    }
}

/* Whether an escape, from behind its backslash, is one that the writer uses; *used is its length. */
static bool usual_escape(const uint8_t *at, const uint8_t *end, size_t *used)
{
    *used = 1;
    if (at == end)
        return false;
    if (*at != 'u')
        return *at == '"' || *at == '\\' || (*at && strchr("btnfr", *at));
    int32_t value = hex_escape(at, end);
    *used = 5;
    return value >= 0 && value < 0x20 && !short_escape((uint8_t)value) && !(at[4] >= 'A' && at[4] <= 'F');
}

/* Bytes of a string that mean themselves. */
static inline bool is_plain(uint8_t byte)
{
    return byte >= 0x20 && byte != '"' && byte != '\\';
}

/* Step over eight bytes at once for as long as all of them mean themselves. */
static const uint8_t *skip_plain(const uint8_t *at, const uint8_t *end)
{
    const uint64_t ones = 0x0101010101010101u, high = 0x8080808080808080u;
    while (end - at >= 8) {
        uint64_t word, quoted, escaped;
        memcpy(&word, at, 8);
        quoted = word ^ (ones * '"');
        escaped = word ^ (ones * '\\');
        /* A byte below the one that is taken off borrows the high bit; a byte that has it already may hide one, and
         * is looked at singly. */
        uint64_t found = ((word - ones * 0x20) | (quoted - ones) | (escaped - ones)) & high;
        if (found)
            break;
        at += 8;
    }
    while (at < end && is_plain(*at))
        at++;
    return at;
}

/* A string whose escapes are those of the writer, as it stands between its quotation marks. */
static bool read_text(struct reader *reader, struct slice *out)
{
    if (reader->at == reader->end || *reader->at != '"')
        return false;
    const uint8_t *at = reader->at + 1;
    out->data = at;
    for (;;) {
        size_t used;
        at = skip_plain(at, reader->end);
        if (at == reader->end || *at < 0x20)
            return false;
        if (*at == '"')
            break;
        if (!usual_escape(at + 1, reader->end, &used))
            return false;
        at += 1 + used;
    }
    out->length = (size_t)(at - out->data);
    reader->at = at + 1;
    skip_space(reader);
    return true;
}

static bool has_escapes(struct slice text)
{
    return text.length && memchr(text.data, '\\', text.length);
}

/* A string without escapes. */
static bool read_plain(struct reader *reader, struct slice *out)
{
    return read_text(reader, out) && !has_escapes(*out);
}

static bool is(struct slice text, const char *word, size_t length)
{
    return text.length == length && memcmp(text.data, word, length) == 0;
}

#define IS(text, word) is((text), (word), sizeof(word) - 1)

/* One character that stands for a byte; moves *at behind it. */
static bool read_byte(const uint8_t **at, const uint8_t *end, uint8_t *out)
{
    static const char letters[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    const uint8_t *from = *at;
    if (*from == '\\') {
        if (end - from < 2)
            return false;
        if (from[1] == 'u') {
            int32_t value = hex_escape(from + 1, end);
            *at += 6;
            *out = (uint8_t)value;
            return value >= 0 && value < 0x100;
        }
        const char *letter = from[1] ? strchr(letters, from[1]) : NULL;
        *at += 2;
        *out = letter ? (uint8_t)meant[letter - letters] : 0;
        return letter != NULL;
    }
    if (*from < 0x80) {
        *at += 1;
        *out = *from;
        return is_plain(*from);
    }
    if ((*from != 0xc2 && *from != 0xc3) || end - from < 2 || from[1] >> 6 != 2)
        return false;
    *at += 2;
    *out = (uint8_t)(from[0] << 6 | (from[1] & 0x3f));
    return true;
}

/* A string of exactly so many characters, each of which stands for the byte of its number. */
static bool read_bytes(struct reader *reader, uint8_t *out, size_t count)
{
    if (reader->at == reader->end || *reader->at != '"')
        return false;
    const uint8_t *at = reader->at + 1;
    for (size_t each = 0; each < count; each++)
        if (at >= reader->end || *at == '"' || !read_byte(&at, reader->end, &out[each]))
            return false;
    if (at >= reader->end || *at != '"')
        return false;
    reader->at = at + 1;
    skip_space(reader);
    return true;
}

/* A whole number of 0 or more, of so few digits that it fits. */
static bool read_digits(struct reader *reader, int64_t *out)
{
    const uint8_t *start = reader->at;
    int64_t value = 0;
    while (reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9' &&
           reader->at - start < DIGITS_MOST)
        value = 10 * value + (*reader->at++ - '0');
    size_t count = (size_t)(reader->at - start);
    if (count == 0 || (count > 1 && *start == '0'))
        return false;
    if (reader->at < reader->end && ((*reader->at >= '0' && *reader->at <= '9') || *reader->at == '.' ||
                                     (*reader->at | 0x20) == 'e'))
        return false;
    skip_space(reader);
    *out = value;
    return true;
}

/* What a text says as a number; -1 where it says none. */
static int64_t number_of(struct slice text)
{
    uint64_t value = 0;
    if (text.length == 0 || text.length > TEXT_DIGITS_MOST)
        return -1;
    for (size_t at = 0; at < text.length; at++) {
        if (text.data[at] < '0' || text.data[at] > '9')
            return -1;
        value = 10 * value + (uint64_t)(text.data[at] - '0');
    }
    return value <= INT64_MAX ? (int64_t)value : -1;
}

/* A number, also one as a text; -1 for null and for a text that says none. */
static bool read_number(struct reader *reader, int64_t *out)
{
    struct slice text;
    *out = -1;
    if (TAKE_WORD(reader, "null"))
        return true;
    if (reader->at < reader->end && *reader->at == '"') {
        if (!read_plain(reader, &text))
            return false;
        *out = number_of(text);
        return true;
    }
    return read_digits(reader, out);
}

/* A value that nobody asked for. */
static bool skip_value(struct reader *reader)
{
    struct slice text;
    int64_t number;
    if (reader->at < reader->end && *reader->at == '"')
        return read_text(reader, &text);
    return TAKE_WORD(reader, "null") || TAKE_WORD(reader, "true") || TAKE_WORD(reader, "false") ||
           read_digits(reader, &number);
}

/* Read an object: of each key, and the value behind it, `take_field` decides. */
static bool read_object(struct reader *reader, bool (*take_field)(struct reader *, struct slice, void *), void *into)
{
    struct slice key;
    if (!take(reader, '{'))
        return false;
    if (take(reader, '}'))
        return true;
    do {
        if (!read_plain(reader, &key) || !take(reader, ':') || !take_field(reader, key, into))
            return false;
    } while (take(reader, ','));
    return take(reader, '}');
}

static bool read_described(struct reader *reader, struct slice key, void *into)
{
    struct description *description = into;
    struct slice *field = IS(key, "type") ? &description->type : IS(key, "sdp") ? &description->sdp : NULL;
    if (!field)
        return skip_value(reader);
    return !field->data && read_text(reader, field);
}

static bool read_description(struct reader *reader, struct description *out)
{
    *out = (struct description){{NULL, 0}, {NULL, 0}};
    return read_object(reader, read_described, out) && out->type.data && out->sdp.data;
}

struct offer_reading {
    struct socket_offer offer;
    bool id, description;
};

static bool read_offer_field(struct reader *reader, struct slice key, void *into)
{
    struct offer_reading *reading = into;
    if (IS(key, "offer_id")) {
        bool again = reading->id;
        reading->id = true;
        return !again && read_bytes(reader, reading->offer.id, OFFER_ID);
    }
    if (IS(key, "offer")) {
        bool again = reading->description;
        reading->description = true;
        return !again && read_description(reader, &reading->offer.description);
    }
    return skip_value(reader);
}

static bool read_offers(struct reader *reader, struct socket_message *out)
{
    if (TAKE_WORD(reader, "null"))
        return true;
    if (!take(reader, '['))
        return false;
    if (take(reader, ']'))
        return true;
    do {
        struct offer_reading reading = {.id = false};
        if (!read_object(reader, read_offer_field, &reading) || !reading.id || !reading.description)
            return false;
        if (out->offers < MOST_OFFERS)
            out->offer[out->offers++] = reading.offer;
    } while (take(reader, ','));
    return take(reader, ']');
}

static bool read_event(struct reader *reader, uint8_t *event)
{
    struct slice text;
    if (TAKE_WORD(reader, "null"))
        return true;
    if (!read_plain(reader, &text))
        return false;
    if (IS(text, "completed"))
        *event = EVENT_COMPLETED;
    else if (IS(text, "started"))
        *event = EVENT_STARTED;
    else if (IS(text, "stopped"))
        *event = EVENT_STOPPED;
    else if (IS(text, "paused"))
        *event = EVENT_PAUSED;
    return true;
}

static bool add_scraped(struct reader *reader, struct socket_message *out)
{
    uint8_t infohash[INFOHASH];
    if (!read_bytes(reader, infohash, INFOHASH))
        return false;
    for (unsigned at = 0; at < out->hashes; at++)
        if (memcmp(out->scraped[at], infohash, INFOHASH) == 0)
            return true;
    if (out->hashes == SCRAPE_HASHES)
        return false;
    memcpy(out->scraped[out->hashes++], infohash, INFOHASH);
    return true;
}

/* One infohash, or a list of them. */
static bool read_infohashes(struct reader *reader, bool *sole, struct socket_message *out)
{
    *sole = !take(reader, '[');
    if (*sole)
        return add_scraped(reader, out);
    do {
        if (!add_scraped(reader, out))
            return false;
    } while (take(reader, ','));
    return take(reader, ']');
}

enum field {
    FIELD_ACTION,
    FIELD_INFO_HASH,
    FIELD_PEER_ID,
    FIELD_LEFT,
    FIELD_UPLOADED,
    FIELD_DOWNLOADED,
    FIELD_EVENT,
    FIELD_NUMWANT,
    FIELD_OFFERS,
    FIELD_ANSWER,
    FIELD_TO_PEER_ID,
    FIELD_OFFER_ID,
    FIELD_COUNT
};

static enum field field_of(struct slice key)
{
    static const char *const names[FIELD_COUNT] = {"action",   "info_hash", "peer_id", "left",   "uploaded",   "downloaded",
                                                   "event",    "numwant",   "offers",  "answer", "to_peer_id", "offer_id"};
    for (int at = 0; at < FIELD_COUNT; at++)
        if (strlen(names[at]) == key.length && memcmp(names[at], key.data, key.length) == 0)
            return (enum field)at;
    return FIELD_COUNT;
}

struct message_reading {
    struct socket_message *out;
    unsigned seen; /* a bit for each field */
    bool sole;     /* the infohash is no list */
    int64_t left;
};

static bool read_action(struct reader *reader, struct socket_message *out)
{
    struct slice text;
    if (!read_plain(reader, &text))
        return false;
    out->scrapes = IS(text, "scrape");
    return out->scrapes || IS(text, "announce");
}

static bool read_field(struct reader *reader, struct slice key, void *into)
{
    struct message_reading *reading = into;
    struct socket_message *out = reading->out;
    enum field field = field_of(key);
    if (field == FIELD_COUNT)
        return skip_value(reader);
    if (reading->seen & 1u << field)
        return false;
    reading->seen |= 1u << field;
    switch (field) {
    case FIELD_ACTION:
        return read_action(reader, out);
    case FIELD_INFO_HASH:
        return read_infohashes(reader, &reading->sole, out);
    case FIELD_PEER_ID:
        return read_bytes(reader, out->peer_id, PEER_ID);
    case FIELD_LEFT:
        return read_number(reader, &reading->left);
    case FIELD_UPLOADED:
        return read_number(reader, &out->uploaded);
    case FIELD_DOWNLOADED:
        return read_number(reader, &out->downloaded);
    case FIELD_EVENT:
        return read_event(reader, &out->event);
    case FIELD_NUMWANT:
        return read_number(reader, &out->numwant);
    case FIELD_OFFERS:
        return read_offers(reader, out);
    case FIELD_ANSWER:
        out->answers = true;
        return read_description(reader, &out->answer);
    case FIELD_TO_PEER_ID:
        return read_bytes(reader, out->to, PEER_ID);
    default:
        return read_bytes(reader, out->answer_id, OFFER_ID);
    }
}

bool message_read(const uint8_t *data, size_t length, struct socket_message *out)
{
    struct reader reader = {data, data + length};
    struct message_reading reading = {.out = out, .left = -1};
    out->scrapes = out->answers = false;
    out->event = EVENT_NONE;
    out->numwant = out->uploaded = out->downloaded = -1;
    out->offers = out->hashes = 0;
    skip_space(&reader);
    if (!read_object(&reader, read_field, &reading) || reader.at != reader.end)
        return false;
    unsigned wanted = 1u << FIELD_ACTION | 1u << FIELD_INFO_HASH;
    if (!out->scrapes)
        wanted |= 1u << FIELD_PEER_ID;
    if (!out->scrapes && out->answers)
        wanted |= 1u << FIELD_TO_PEER_ID | 1u << FIELD_OFFER_ID;
    if ((reading.seen & wanted) != wanted || (!out->scrapes && !reading.sole))
        return false;
    out->seeder = (int8_t)(reading.left < 0 ? -1 : reading.left == 0);
    memcpy(out->infohash, out->scraped[0], INFOHASH);
    return true;
}

/* Bytes as a string of characters with their numbers. */
static void put_bytes(struct buffer *out, const uint8_t *bytes, size_t count)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t text[6 * INFOHASH + 2];
    size_t length = 0;
    text[length++] = '"';
    for (size_t at = 0; at < count; at++) {
        uint8_t byte = bytes[at], letter;
        if (byte >= 0x80) {
            text[length++] = (uint8_t)(0xc0 | byte >> 6);
            text[length++] = 0x80 | (byte & 0x3f);
        } else if (is_plain(byte)) {
            text[length++] = byte;
        } else if ((letter = short_escape(byte))) {
            text[length++] = '\\';
            text[length++] = letter;
        } else {
            memcpy(text + length, "\\u00", 4);
            text[length + 4] = (uint8_t)digits[byte >> 4];
            text[length + 5] = (uint8_t)digits[byte & 15];
            length += 6;
        }
    }
    text[length++] = '"';
    put(out, text, length);
}

void put_announce_reply(struct buffer *out, const uint8_t infohash[INFOHASH], uint64_t complete, uint64_t incomplete,
                        uint32_t interval, struct slice warning)
{
    put_literal(out, "{\"action\":\"announce\",\"info_hash\":");
    put_bytes(out, infohash, INFOHASH);
    put_literal(out, ",\"complete\":");
    put_number(out, complete);
    put_literal(out, ",\"incomplete\":");
    put_number(out, incomplete);
    put_literal(out, ",\"interval\":");
    put_number(out, interval);
    if (warning.length) {
        put_literal(out, ",\"warning message\":\"");
        put(out, warning.data, warning.length);
        put_literal(out, "\"");
    }
    put_literal(out, "}");
}

void put_relayed(struct buffer *out, const uint8_t infohash[INFOHASH], const uint8_t peer_id[PEER_ID],
                 const uint8_t offer_id[OFFER_ID], bool answers, const struct description *description)
{
    put_literal(out, "{\"action\":\"announce\",\"info_hash\":");
    put_bytes(out, infohash, INFOHASH);
    put_literal(out, ",\"offer_id\":");
    put_bytes(out, offer_id, OFFER_ID);
    put_literal(out, ",\"peer_id\":");
    put_bytes(out, peer_id, PEER_ID);
    if (answers)
        put_literal(out, ",\"answer\":{\"type\":\"");
    else
        put_literal(out, ",\"offer\":{\"type\":\"");
    put(out, description->type.data, description->type.length);
    put_literal(out, "\",\"sdp\":\"");
    put(out, description->sdp.data, description->sdp.length);
    put_literal(out, "\"}}");
}

void put_socket_failure(struct buffer *out, struct slice sentence, bool scrapes, const uint8_t *infohash)
{
    put_literal(out, "{\"failure reason\":\"");
    put(out, sentence.data, sentence.length);
    if (scrapes)
        put_literal(out, "\",\"action\":\"scrape\"");
    else
        put_literal(out, "\",\"action\":\"announce\"");
    if (infohash) {
        put_literal(out, ",\"info_hash\":");
        put_bytes(out, infohash, INFOHASH);
    }
    put_literal(out, "}");
}

void put_escaped(struct buffer *out, struct slice text)
{
    static const char hex[] = "0123456789abcdef";
    for (size_t at = 0; at < text.length; at++) {
        uint8_t byte = text.data[at];
        const char *found = byte ? strchr("\"\\\b\f\n\r\t", byte) : NULL;
        if (found) {
            const uint8_t escaped[2] = {'\\', (uint8_t)"\"\\bfnrt"[strlen("\"\\\b\f\n\r\t") - strlen(found)]};
            put(out, escaped, 2);
        } else if (byte < 0x20) {
            const uint8_t escaped[6] = {'\\', 'u', '0', '0', (uint8_t)hex[byte >> 4], (uint8_t)hex[byte & 15]};
            put(out, escaped, 6);
        } else
            put(out, &byte, 1);
    }
}

void put_scrape_head(struct buffer *out)
{
    put_literal(out, "{\"action\":\"scrape\",\"files\":{");
}

void put_scraped(struct buffer *out, bool first, const uint8_t infohash[INFOHASH], uint64_t complete,
                 uint64_t downloaded, uint64_t incomplete)
{
    if (!first)
        put_literal(out, ",");
    put_bytes(out, infohash, INFOHASH);
    put_literal(out, ":{\"complete\":");
    put_number(out, complete);
    put_literal(out, ",\"downloaded\":");
    put_number(out, downloaded);
    put_literal(out, ",\"incomplete\":");
    put_number(out, incomplete);
    put_literal(out, "}");
}

void put_scrape_end(struct buffer *out, uint32_t min_interval)
{
    put_literal(out, "},\"flags\":{\"min_request_interval\":");
    put_number(out, min_interval);
    put_literal(out, "}}");
}
