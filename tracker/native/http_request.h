/* The reader of HTTP requests: recognises a plain announce or scrape, with or without a passkey in its path, in the
 * bytes of a connection. */
#ifndef PEERAGE_HTTP_REQUEST_H
#define PEERAGE_HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buffer.h"
#include "constants.h"

enum { HTTP_HEAD_MOST = 16384, HTTP_FORWARDED_MOST = 16, ROOT_MOST = 128 };

enum http_kind {
    HTTP_PARTIAL,   /* may become an announce or a scrape */
    HTTP_ELSEWHERE, /* anything that is read by the server in Python, broken requests included */
    HTTP_ANNOUNCE,
    HTTP_SCRAPE
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
};

/* Read the path of a tracker's URL without its query: whether it brings a passkey. It may begin with `root`. */
bool http_path_passkey(struct slice path, struct slice root, struct slice *passkey);

/* Read one request from the front of `data`. `seen` is what an earlier call for the same bytes left in `length`;
 * `forwarded` is the lower-case name of the header that names the client, or empty; `root` what a proxy may have left
 * in front of a path, or empty. */
void http_read(const uint8_t *data, size_t length, size_t seen, struct slice forwarded, struct slice root,
               struct http_request *out);

#endif
