/* The request handler: from a request's bytes to the answer's, over HTTP and UDP, on one store. */
#ifndef PEERAGE_HANDLER_H
#define PEERAGE_HANDLER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "access.h"
#include "client.h"
#include "connection_ids.h"
#include "http_request.h"
#include "constants.h"
#include "kept_files.h"
#include "sampling.h"
#include "store.h"
#include "buffer.h"

enum {
    HTTP_REPLY_MOST = 16384, /* 200 peers as dictionaries and 74 scraped torrents both fit */
    UDP_REPLY_MOST = 1280,
    CACHE_LINE = 64
};

/* What is fixed for as long as doors are open: every text and number comes from Python. */
struct rules {
    uint32_t interval, min_interval, retry_soon;
    uint16_t numwant, numwant_most, numwant_most6;
    bool refuse_private;
    bool rfc7239; /* whether `forwarded` names the header of that grammar */
    struct slice refusals[REFUSAL_COUNT], full, restoring, bad_connection;
    struct slice limits[VERDICT_COUNT]; /* the warnings of announces beyond an account's limits, by verdict */
    struct slice forwarded; /* the header's name, lower case */
    struct slice root;      /* what a proxy may have left in front of a path */
    struct networks trusted, routed;
    struct networks proxied; /* whose connections and packets begin with a header of the PROXY protocol */
    struct connection_ids *ids; /* of UDP: shared by all who answer, and changing */
    struct file_table *files; /* NULL: every request for a file is answered elsewhere */
    struct slice files_host;  /* lower case: where a Host begins with it, files are answered elsewhere; or empty */
    /* The headers that redirect to the upper case, up to the infohash and from there on. */
    struct slice redirect, redirect_end;
};

/* Counted by one thread, read by any. */
struct counters {
    _Alignas(CACHE_LINE) _Atomic uint64_t announces[TRANSPORT_COUNT][EVENT_COUNT];
    _Atomic uint64_t scrapes[TRANSPORT_COUNT], warnings, refusals[REFUSAL_COUNT];
    _Atomic uint64_t files, file_bytes; /* answered from the table, and the bytes of files in these answers */
};

static inline void count_more(_Atomic uint64_t *counter, uint64_t more)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + more, memory_order_relaxed);
}

static inline void count(_Atomic uint64_t *counter)
{
    count_more(counter, 1);
}

/* What one thread answers with. */
struct handler {
    const struct rules *rules;
    struct store *store;
    struct rng *rng;
    int64_t now;     /* unix seconds */
    int64_t running; /* seconds of a clock that does not run backwards */
    struct seals seals; /* those of `ids`, at the last reading of the clock */
    uint32_t seals_generation;
    int64_t dated;   /* the second that `date` was written for */
    char date[40];
    size_t file_most; /* bytes of the largest file that is answered with; 0: none is */
    bool opens_files; /* whether one that is not in the table is read from where it is stored */
    bool upgrades;    /* whether what asks for WebSocket is told by OUTCOME_UPGRADE */
    struct counters counters;
    struct sampling sampling;
    struct denial denial; /* what the last one was told who was refused by a list */
    struct answer answer;
};

/* Whether a client's address or its peer id (or NULL) is refused. */
static inline enum refusal handler_check_access(struct handler *handler, const struct address *address,
                                                const uint8_t *peer_id)
{
    return access_check(store_access(handler->store), address->bytes, address->length, peer_id, &handler->denial);
}

/* Whether a refusal has a text of its own, in the place of its sentence. */
static inline bool handler_is_told(const struct handler *handler, enum refusal refusal)
{
    return refusal == REFUSED_ADDRESS_DENIED || refusal == REFUSED_CLIENT_DENIED ||
           (refusal == REFUSED_DENIED && handler->denial.length);
}

/* The sentence of a refusal. */
static inline struct slice handler_sentence(const struct handler *handler, enum refusal refusal)
{
    if (handler_is_told(handler, refusal))
        return (struct slice){handler->denial.text, handler->denial.length};
    return handler->rules->refusals[refusal];
}

/* The refusal of an announce by the store, and at hand what is told of it. */
static inline enum refusal handler_refusal(struct handler *handler, enum verdict verdict)
{
    if (verdict != VERDICT_DENIED)
        return REFUSED_UNLISTED;
    store_tell(handler->store, handler->answer.denial, &handler->denial);
    return REFUSED_DENIED;
}

/* Take the time, unless the clock stands still for a test, and the present keys. */
void handler_read_clock(struct handler *handler, const int64_t fixed[2]);

/* The value of the date header. */
const char *handler_date(struct handler *handler);

/* The account of the passkey in a path, 0 where there is none; in private mode there must be one, in the path or in the
 * query, unless all the torrents asked about are public: then it is nobody's account. */
enum refusal handler_find_account(struct handler *handler, struct slice passkey, struct slice query,
                                  const uint8_t (*infohashes)[INFOHASH], size_t count, uint64_t *account);

/* Answer a whole announce or scrape; head and body go to `out`. False where only the other server can. */
bool handler_answer_http(struct handler *handler, const struct http_request *request, const struct address *socket,
                       struct buffer *out);

struct reading {
    enum outcome outcome;
    size_t used, seen; /* bytes answered; bytes of what follows that need no second look */
    struct kept_file *file; /* what `body` lies in, to be released once it is sent; NULL without one */
    struct slice body;      /* what is to be sent behind `out` */
    struct stored_body stored; /* or this, to be closed then */
    /* Of what asks for WebSocket: the client, its passkey and its key, as they stand in the head. */
    struct address client;
    struct slice passkey, key;
};

/* Answer a request for a file by the table; what is to be sent behind `out` comes in `reading`. False where only the other
 * server can. */
bool handler_answer_file(struct handler *handler, const struct http_request *request, struct buffer *out,
                         struct reading *reading);

/* Answer whole requests one after the other, for as long as their answers are sure to fit into `out`, and up to the
 * first that sends a file. */
struct reading handler_answer_stream(struct handler *handler, const uint8_t *data, size_t length, size_t seen,
                                   const struct address *socket, struct buffer *out);

/* Answer whole requests as handler_answer_stream does, as long as they are announces that stop; any other is
 * OUTCOME_AWAY. */
struct reading handler_answer_stops(struct handler *handler, const uint8_t *data, size_t length,
                                    const struct address *socket, struct buffer *out);

/* The infohash that an announce in a packet will look for first; NULL in any other packet. */
const uint8_t *udp_infohash(const uint8_t *packet, size_t length);

/* Answer a packet; returns the length of the answer, 0 for silence. `out` has UDP_REPLY_MOST bytes. */
size_t handler_answer_udp(struct handler *handler, const uint8_t *packet, size_t length, const struct address *address,
                        uint8_t *out);

#endif
