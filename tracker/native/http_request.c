/* The reader of HTTP requests: recognises a plain announce, scrape or request for a stored file in the bytes of a
 * connection.
 *
 * Only the requests that clients and proxies usually send are read here: GET of the tracker's two paths, with or without
 * a passkey, GET and HEAD of a stored file by somebody without credentials, HTTP/1.0 or 1.1, without a body. Anything else goes to the server in Python, so that its parser alone
 * decides what is valid; this reader never refuses a request.
 */
#include "http_request.h"

#include "websocket.h"

enum { TOKEN = 1, VALUE = 2, TARGET = 4 };

static const char GET[] = "GET ", HEAD[] = "HEAD ", ANNOUNCE[] = "/announce", SCRAPE[] = "/scrape", FILES[] = "/torrent/";

/* What a byte may be part of: a header's name (RFC 9110, token), its value, a request's target. A target ends at '#'
 * for the parser in Python, and it takes no raw byte beyond ASCII there. */
static const uint8_t CLASSES[256] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    2, 7, 6, 3, 7, 7, 7, 7, 6, 6, 7, 7, 6, 7, 7, 6,
    7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 6, 6, 6, 6, 6, 6,
    6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 6, 6, 6, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 6, 7, 6, 7, 0,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
};

static bool all(struct slice slice, unsigned class)
{
    unsigned common = class;
    for (size_t at = 0; at < slice.length; at++)
        common &= CLASSES[slice.data[at]];
    return common == class;
}

/* Compare with a lower-case word, whatever the case. */
static bool same(struct slice slice, const void *word, size_t length)
{
    const uint8_t *lower = word;
    if (slice.length != length)
        return false;
    for (size_t at = 0; at < length; at++) {
        uint8_t byte = slice.data[at];
        if (byte >= 'A' && byte <= 'Z')
            byte |= 0x20;
        if (byte != lower[at])
            return false;
    }
    return true;
}

/* Split what stands before the first separator off; the whole where there is none. */
static struct slice split(struct slice *rest, char separator)
{
    const uint8_t *end = rest->length ? memchr(rest->data, separator, rest->length) : NULL;
    struct slice first = {rest->data, end ? (size_t)(end - rest->data) : rest->length};
    size_t used = first.length + (end != NULL);
    *rest = (struct slice){rest->data + used, rest->length - used};
    return first;
}

#define SAME(slice, literal) same((slice), (literal), sizeof(literal) - 1)

static struct slice trimmed(struct slice value)
{
    while (value.length && (value.data[0] == ' ' || value.data[0] == '\t')) {
        value.data++;
        value.length--;
    }
    while (value.length && (value.data[value.length - 1] == ' ' || value.data[value.length - 1] == '\t'))
        value.length--;
    return value;
}

/* A quality in thousandths: 1000 where nothing says it, 0 where that is broken. */
static int quality(struct slice parameters)
{
    struct slice name = trimmed(split(&parameters, '=')), value = trimmed(parameters);
    if (!SAME(name, "q"))
        return 1000;
    if (value.length == 0 || value.length > 5 || value.data[0] > '1' || value.data[0] < '0' ||
        (value.length > 1 && value.data[1] != '.'))
        return 0;
    int thousandths = (value.data[0] - '0') * 1000, unit = 100;
    for (size_t at = 2; at < value.length; at++, unit /= 10) {
        if (value.data[at] < '0' || value.data[at] > '9')
            return 0;
        thousandths += (value.data[at] - '0') * unit;
    }
    return thousandths <= 1000 ? thousandths : 0;
}

bool http_accepts_gzip(struct slice accept_encoding)
{
    int gzip = -1, old_gzip = -1, any = 0, identity = 0;
    while (accept_encoding.length) {
        struct slice parameters = split(&accept_encoding, ',');
        struct slice coding = trimmed(split(&parameters, ';'));
        int found = quality(parameters);
        if (SAME(coding, "gzip"))
            gzip = found;
        else if (SAME(coding, "x-gzip"))
            old_gzip = found;
        else if (SAME(coding, "identity"))
            identity = found;
        else if (SAME(coding, "*"))
            any = found;
    }
    gzip = gzip > old_gzip ? gzip : old_gzip;
    if (gzip < 0)
        gzip = any;
    return gzip > 0 && gzip >= identity;
}

bool http_etag_matches(struct slice if_none_match, struct slice etag)
{
    if (if_none_match.length == 1 && if_none_match.data[0] == '*')
        return true;
    while (if_none_match.length) {
        split(&if_none_match, '"');
        struct slice before = if_none_match, tag = split(&if_none_match, '"');
        /* `tag` ended with a quotation mark, unless it reaches to the end without one. */
        if (tag.length < before.length && tag.length + 2 == etag.length && memcmp(tag.data, etag.data + 1, tag.length) == 0)
            return true;
    }
    return false;
}

static bool is_key(uint8_t byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           byte == '-' || byte == '_';
}

static bool ascii(struct slice value)
{
    uint8_t together = 0;
    for (size_t at = 0; at < value.length; at++)
        together |= value.data[at];
    return together < 0x80;
}

/* How many bytes of a passkey stand in front; one more than PASSKEY_MOST where it is too long. */
static size_t key_length(const uint8_t *data, size_t length)
{
    size_t at = 0;
    while (at < length && at <= PASSKEY_MOST && is_key(data[at]))
        at++;
    return at;
}

bool http_is_passkey(struct slice text)
{
    return text.length >= 1 && text.length <= PASSKEY_MOST && key_length(text.data, text.length) == text.length;
}

/* Compare with a word as far as there are bytes: whether they agree so far. */
static inline bool agrees(const uint8_t *data, size_t length, const char *word, size_t word_length)
{
    if (length >= word_length)
        return memcmp(data, word, word_length) == 0; /* of a length that the compiler knows */
    return memcmp(data, word, length) == 0;
}

#define AGREES(data, length, word) agrees((data), (length), (word), sizeof(word) - 1)

/* A request's path as far as it is known: what it asks for, and where the rest of its target begins. */
struct path {
    enum http_kind kind;
    size_t length;
    struct slice passkey;
};

/* A path that begins with a passkey. */
static struct path keyed_path(const uint8_t *data, size_t length)
{
    size_t key = key_length(data + 1, length - 1), start = 1 + key;
    struct path path = {HTTP_ELSEWHERE, 0, {data + 1, key}};
    if (key > PASSKEY_MOST)
        return path;
    if (start == length) {
        path.kind = HTTP_PARTIAL;
    } else if (key && AGREES(data + start, length - start, ANNOUNCE)) {
        path.length = start + sizeof ANNOUNCE - 1;
        path.kind = path.length <= length ? HTTP_ANNOUNCE : HTTP_PARTIAL;
    } else if (key && AGREES(data + start, length - start, SCRAPE)) {
        path.length = start + sizeof SCRAPE - 1;
        path.kind = path.length <= length ? HTTP_SCRAPE : HTTP_PARTIAL;
    }
    return path;
}

/* Whether a byte may follow a path's name; otherwise that was the beginning of a passkey. */
static bool ends_name(const uint8_t *data, size_t length, size_t at)
{
    return at >= length || data[at] == '?' || data[at] == ' ' || data[at] == '/';
}

static int hex_digit(uint8_t byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    byte |= 0x20;
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

/* The path of a stored file, as far as it goes; elsewhere where it cannot be one. */
static struct path file_path(const uint8_t *data, size_t length)
{
    const size_t name = sizeof FILES - 1, whole = name + 2 * INFOHASH;
    struct path path = {HTTP_ELSEWHERE, whole, {NULL, 0}};
    if (!AGREES(data, length, FILES))
        return path;
    for (size_t at = name; at < whole && at < length; at++)
        if (hex_digit(data[at]) < 0)
            return path;
    path.kind = length < whole ? HTTP_PARTIAL : HTTP_FILE;
    return path;
}

/* The path that these bytes are, or begin with, or may become; there is at least one. */
static struct path path_of(const uint8_t *data, size_t length)
{
    const struct slice none = {NULL, 0};
    const size_t announce = sizeof ANNOUNCE - 1, scrape = sizeof SCRAPE - 1;
    if (AGREES(data, length, ANNOUNCE) && ends_name(data, length, announce))
        return (struct path){length < announce ? HTTP_PARTIAL : HTTP_ANNOUNCE, announce, none};
    if (AGREES(data, length, SCRAPE) && ends_name(data, length, scrape))
        return (struct path){length < scrape ? HTTP_PARTIAL : HTTP_SCRAPE, scrape, none};
    struct path file = file_path(data, length);
    if (file.kind != HTTP_ELSEWHERE)
        return file;
    if (length >= 2 && data[0] == '/' && (data[1] == ' ' || data[1] == '?'))
        return (struct path){HTTP_ROOT, 1, none};
    return data[0] == '/' ? keyed_path(data, length) : (struct path){HTTP_ELSEWHERE, 0, none};
}

typedef struct path path_reader(const uint8_t *data, size_t length);

/* The path that these bytes are, below the root or not, as it is read without a root; its length is that of both. */
static inline struct path rooted_path(path_reader *parse, const uint8_t *data, size_t length, struct slice root)
{
    if (!root.length || !agrees(data, length, (const char *)root.data, root.length))
        return parse(data, length);
    if (length <= root.length) /* whether a slash follows is not known yet */
        return (struct path){HTTP_PARTIAL, 0, {NULL, 0}};
    if (data[root.length] != '/')
        return parse(data, length);
    struct path path = parse(data + root.length, length - root.length);
    path.length += root.length;
    return path;
}

/* The path behind `GET ` or `HEAD `; its length is that of both. */
static struct path target_of(const uint8_t *data, size_t length, struct slice root)
{
    struct path path = {HTTP_PARTIAL, 0, {NULL, 0}};
    if (!AGREES(data, length, GET)) {
        path.kind = AGREES(data, length, HEAD) ? HTTP_PARTIAL : HTTP_ELSEWHERE;
        if (path.kind == HTTP_PARTIAL && length > sizeof HEAD - 1) {
            path = rooted_path(file_path, data + sizeof HEAD - 1, length - (sizeof HEAD - 1), root);
            path.length += sizeof HEAD - 1;
        }
    } else if (length > sizeof GET - 1) {
        path = rooted_path(path_of, data + sizeof GET - 1, length - (sizeof GET - 1), root);
        path.length += sizeof GET - 1;
    }
    return path;
}

/* Split a passkey off what follows a name; false where that is none. */
static bool split_passkey(struct slice *rest, struct slice *passkey)
{
    size_t key = key_length(rest->data + 1, rest->length - 1);
    *passkey = (struct slice){rest->data + 1, key};
    rest->data += 1 + key;
    rest->length -= 1 + key;
    return key >= 1 && key <= PASSKEY_MOST;
}

bool http_path_passkey(struct slice path, struct slice root, struct slice *passkey)
{
    if (path.length == 0)
        return false;
    struct path read = rooted_path(path_of, path.data, path.length, root);
    if (read.kind != HTTP_ANNOUNCE && read.kind != HTTP_SCRAPE)
        return false;
    struct slice rest = {path.data + read.length, path.length - read.length};
    *passkey = read.passkey;
    if (!read.passkey.length && (rest.length == 0 || rest.data[0] != '/' || !split_passkey(&rest, passkey)))
        return false;
    return rest.length == 0;
}

/* Look for the empty line from `seen` on. Returns the length of the head, 0 where it has not ended, and -1 where a
 * line ends in a bare line feed, which the other parser decides about. */
static ptrdiff_t head_end(const uint8_t *data, size_t length, size_t seen)
{
    for (;;) {
        const uint8_t *feed = memchr(data + seen, '\n', length - seen);
        if (!feed)
            return 0;
        size_t at = (size_t)(feed - data);
        if (at == 0 || data[at - 1] != '\r')
            return -1;
        if (at >= 3 && data[at - 2] == '\n')
            return (ptrdiff_t)at + 1;
        seen = at + 1;
    }
}

/* Read what stands between the path of a file and the version: the end of the infohash is the end of what counts. A
 * query may ask to wait, and what is percent-encoded is decoded elsewhere. */
static bool read_file_target(const uint8_t *line, struct slice rest, struct http_request *out)
{
    const uint8_t *digits = rest.data - 2 * INFOHASH;
    out->head_only = line[0] == 'H';
    for (size_t at = 0; at < INFOHASH; at++)
        out->infohash[at] = (uint8_t)(hex_digit(digits[2 * at]) << 4 | hex_digit(digits[2 * at + 1]));
    for (size_t at = 0; at < 2 * INFOHASH; at++)
        out->lower |= digits[at] >= 'a';
    return all(rest, TARGET) && !(rest.length && (memchr(rest.data, '?', rest.length) || memchr(rest.data, '%', rest.length)));
}

/* Read the request line up to its line feed; false where it is not as usual. */
static bool read_line(struct slice line, size_t start, struct http_request *out)
{
    static const char version[] = " HTTP/1.";
    const size_t tail = sizeof version; /* the digit stands in the place of the terminating zero */
    if (line.length < start + tail)
        return false;
    struct slice target = {line.data + start, line.length - tail - start};
    uint8_t digit = line.data[line.length - 1];
    if (memcmp(line.data + line.length - tail, version, tail - 1) != 0 || (digit != '0' && digit != '1'))
        return false;
    out->close = digit == '0'; /* uvicorn keeps no connection of HTTP/1.0 */
    if (out->kind == HTTP_FILE)
        return read_file_target(line.data, target, out);
    if (target.length && target.data[0] == '/' && (out->passkey.length || !split_passkey(&target, &out->passkey)))
        return false;
    out->query = (struct slice){target.data, 0};
    if (target.length == 0)
        return true;
    if (target.data[0] != '?')
        return false;
    out->query = (struct slice){target.data + 1, target.length - 1};
    return all(out->query, TARGET);
}

/* Look at one header; false where it changes how the request is read. */
static bool read_header(struct slice name, struct slice value, struct slice forwarded, struct http_request *out)
{
    switch (name.length) {
    case 4:
        if (SAME(name, "host") && out->hosts++)
            return false; /* two of them are refused elsewhere */
        break;
    case 6:
        if (SAME(name, "expect"))
            return false;
        break;
    case 7:
        if (SAME(name, "upgrade")) {
            out->upgrades++;
            return SAME(trimmed(value), "websocket");
        }
        break;
    case 10:
        if (SAME(name, "connection")) {
            value = trimmed(value);
            out->close |= SAME(value, "close");
            out->wants_upgrade |= SAME(value, "upgrade") || SAME(value, "keep-alive, upgrade");
            if (!SAME(value, "close") && !SAME(value, "keep-alive") && !out->wants_upgrade)
                return false;
        }
        break;
    case 14:
        if (SAME(name, "content-length"))
            return false;
        break;
    case 16:
        if (SAME(name, "proxy-connection"))
            return false;
        break;
    case 17:
        if (SAME(name, "transfer-encoding"))
            return false;
        if (SAME(name, "sec-websocket-key")) {
            out->key = trimmed(value);
            out->keys++;
        }
        break;
    case 21:
        if (SAME(name, "sec-websocket-version")) {
            value = trimmed(value);
            out->versions += value.length == 2 && memcmp(value.data, "13", 2) == 0 ? 1 : 2;
        }
        break;
    default:
        break;
    }
    if (forwarded.length && same(name, forwarded.data, forwarded.length)) {
        if (out->forwarded_count == HTTP_FORWARDED_MOST)
            return false;
        out->forwarded[out->forwarded_count++] = trimmed(value);
    }
    return true;
}

/* Look at one header of a request for a file as well; false where only Python knows what it means. */
static bool read_file_header(struct slice name, struct slice value, struct http_request *out)
{
    switch (name.length) {
    case 4:
        if (SAME(name, "host"))
            out->host = trimmed(value);
        break;
    case 6:
        if (SAME(name, "cookie"))
            return false;
        break;
    case 13:
        if (SAME(name, "authorization"))
            return false;
        if (SAME(name, "if-none-match")) {
            out->if_none_match = trimmed(value);
            return ++out->conditions == 1 && ascii(value);
        }
        break;
    case 15:
        if (SAME(name, "accept-encoding")) {
            out->gzip = http_accepts_gzip(value);
            return ++out->encodings == 1 && ascii(value);
        }
        break;
    default:
        break;
    }
    return true;
}

static bool read_headers(const uint8_t *data, const uint8_t *end, struct slice forwarded, struct http_request *out)
{
    while (end - data > 2) {
        const uint8_t *feed = memchr(data, '\n', (size_t)(end - data));
        const uint8_t *colon = memchr(data, ':', (size_t)(feed - data));
        if (!colon || colon == data)
            return false;
        struct slice name = {data, (size_t)(colon - data)};
        struct slice value = {colon + 1, (size_t)(feed - 1 - (colon + 1))};
        if (!all(name, TOKEN) || !all(value, VALUE) || !read_header(name, value, forwarded, out))
            return false;
        if (out->kind == HTTP_FILE && !read_file_header(name, value, out))
            return false;
        data = feed + 1;
    }
    return true;
}

/* Decide what a whole head asks for that may want WebSocket; what is not as usual is for elsewhere. */
static enum http_kind upgraded_kind(const struct http_request *request)
{
    if (!request->upgrades && !request->wants_upgrade)
        return request->kind == HTTP_ROOT ? HTTP_ELSEWHERE : request->kind;
    bool usual = request->upgrades == 1 && request->wants_upgrade && !request->close && request->versions == 1 &&
                 request->keys == 1 && websocket_is_key(request->key);
    return usual && (request->kind == HTTP_ANNOUNCE || request->kind == HTTP_ROOT) ? HTTP_UPGRADE : HTTP_ELSEWHERE;
}

void http_read(const uint8_t *data, size_t length, size_t seen, struct slice forwarded, struct slice root,
               struct http_request *out)
{
    struct path path = target_of(data, length, root);
    out->kind = path.kind;
    out->length = length;
    out->close = false;
    out->forwarded_count = 0;
    out->hosts = 0;
    out->passkey = path.passkey;
    out->wants_upgrade = false;
    out->upgrades = out->versions = out->keys = 0;
    if (path.kind == HTTP_FILE) {
        out->head_only = out->lower = out->gzip = false;
        out->host = out->if_none_match = (struct slice){NULL, 0};
        out->encodings = out->conditions = 0;
    }
    if (out->kind == HTTP_PARTIAL || out->kind == HTTP_ELSEWHERE)
        return;
    ptrdiff_t head = head_end(data, length < HTTP_HEAD_MOST ? length : HTTP_HEAD_MOST, seen);
    if (head == 0) {
        out->kind = length < HTTP_HEAD_MOST ? HTTP_PARTIAL : HTTP_ELSEWHERE;
        return;
    }
    if (head > 0) {
        const uint8_t *feed = memchr(data, '\n', (size_t)head);
        struct slice line = {data, (size_t)(feed - 1 - data)};
        out->length = (size_t)head;
        if (read_line(line, path.length, out) && read_headers(feed + 1, data + head, forwarded, out)) {
            out->kind = upgraded_kind(out);
            return;
        }
    }
    out->kind = HTTP_ELSEWHERE;
}
