/* The reader of HTTP requests: recognises a plain announce or scrape, with or without a passkey in its path, and a
 * request for a stored file, in the bytes of a connection. */
#ifndef PEERAGE_HTTP_REQUEST_H
#define PEERAGE_HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buffer.h"
#include "constants.h"

enum { HTTP_HEAD_MOST = 16384, HTTP_FORWARDED_MOST = 16, ROOT_MOST = 128 };

enum http_kind {
    HTTP_PARTIAL,   /* may become one of those below */
    HTTP_ELSEWHERE, /* anything that is read by the server in Python, broken requests included */
    HTTP_ANNOUNCE,
    HTTP_SCRAPE,
    HTTP_FILE, /* GET or HEAD of /torrent/ and 40 hexadecimal digits, whatever follows them but a query */
    HTTP_UPGRADE, /* GET of the tracker's path of announces, or of /, that asks for WebSocket as RFC 6455 wants it */
    HTTP_ROOT     /* GET of /; never the kind of a request that was read: it asks for WebSocket, or is for elsewhere */
};

struct http_request {
    enum http_kind kind;
    size_t length;      /* of the whole head; where it is partial, the bytes that need no second look */
    struct slice query;   /* raw */
    struct slice passkey; /* in the path; empty where there is none */
    bool close;         /* the connection ends with the answer */
    unsigned forwarded_count;
    unsigned hosts;
    struct slice forwarded[HTTP_FORWARDED_MOST]; /* every instance of the header that was asked for */
    /* Of a file alone. */
    uint8_t infohash[INFOHASH];
    bool head_only, lower, gzip; /* lower: a digit is lower case; gzip: the client takes that */
    struct slice host, if_none_match; /* empty where the header is missing */
    unsigned encodings, conditions; /* how often these headers came */
    /* Of what asks for WebSocket alone. */
    bool wants_upgrade;   /* by the header Connection */
    unsigned upgrades, versions, keys; /* how often these headers came */
    struct slice key;     /* Sec-WebSocket-Key, one that is good */
};

/* Whether a text has the form of a passkey. */
bool http_is_passkey(struct slice text);

/* Read the path of a tracker's URL without its query: whether it brings a passkey. It may begin with `root`. */
bool http_path_passkey(struct slice path, struct slice root, struct slice *passkey);

/* Whether a client takes gzip and does not prefer `identity`, by the value of Accept-Encoding (RFC 9110 § 12.5.3). */
bool http_accepts_gzip(struct slice accept_encoding);

/* Whether the value of If-None-Match contains a tag, compared weakly, or is `*` (RFC 9110 § 13.1.2). */
bool http_etag_matches(struct slice if_none_match, struct slice etag);

/* Read one request from the front of `data`. `seen` is what an earlier call for the same bytes left in `length`;
 * `forwarded` is the lower-case name of the header that names the client, or empty; `root` what a proxy may have left
 * in front of a path, or empty. */
void http_read(const uint8_t *data, size_t length, size_t seen, struct slice forwarded, struct slice root,
               struct http_request *out);

#endif
