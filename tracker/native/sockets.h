/* The tracker over WebSocket: one thread that owns these connections, reads their frames and answers their messages.
 *
 * Threads of the socket loop and Python hand connections over, once they have asked for it. Every call may come from
 * any thread; one lock is held for as long as one event takes. */
#ifndef PEERAGE_SOCKETS_H
#define PEERAGE_SOCKETS_H

#include "connections.h"
#include "socket_peers.h"
#include "websocket.h"

struct socket_settings {
    struct store *store;
    const struct rules *rules; /* outlives the sockets, as the store does */
    struct socket_terms terms;
    struct socket_texts texts;
    uint32_t message, queue;   /* bytes */
    uint64_t memory;           /* bytes that all connections may hold */
    uint32_t ping_ms, idle_ms;
    uint32_t connections, per_address; /* caps; of the second 0 is none */
    struct networks exempt;    /* from the second */
    const struct exemption *exemptions; /* from shares */
    size_t exempt_shares;
    uint64_t seed, secret[2];
    int64_t fixed_clock[2];    /* for tests; zeros: the real one */
};

/* A connection that changes from HTTP; its descriptor becomes the sockets' own. */
struct upgrade {
    int fd;
    struct address address;    /* of the client */
    struct connections *counts; /* where the connection is counted, under `counted`; NULL: nowhere */
    struct address counted;
    struct slice passkey, early; /* early: what came behind the head */
    const uint8_t *key;        /* WEBSOCKET_KEY bytes */
};

/* A message that Python has to read; `serial` names its connection. */
struct unusual {
    struct unusual *next;
    uint64_t serial;
    struct address address;
    size_t length;
    uint8_t bytes[];
};

struct socket_numbers {
    uint64_t open, messages, turned_away, timed_out, cut_off, broken, offers, answers, peers, held, pinged, stalled, asked;
};

struct sockets;

/* NULL with errno: no memory or no descriptors. */
struct sockets *sockets_new(const struct socket_settings *settings);
/* Start the thread; false with errno. */
bool sockets_start(struct sockets *sockets);
/* Say to every connection that the service goes away, and join the thread. */
void sockets_stop(struct sockets *sockets);
/* The thread is not running. */
void sockets_free(struct sockets *sockets);

enum adoption { ADOPTED, ADOPTION_FULL, ADOPTION_FAILED };

/* Answer the handshake and go on with a connection. ADOPTION_FULL: a cap refuses it; FAILED: no memory, or the service
 * stops; in both the descriptor is still the caller's. */
enum adoption sockets_adopt(struct sockets *sockets, const struct upgrade *upgrade);

/* The event descriptor that is readable while there are messages for Python. */
int sockets_event(const struct sockets *sockets);
/* Take them all, oldest first; the caller owns them. */
struct unusual *sockets_take(struct sockets *sockets);
/* Go on after one: with the same message in its usual form, or else with the answer of a refusal. False: the message is
 * not in its usual form. */
bool sockets_carry_out(struct sockets *sockets, uint64_t serial, const uint8_t *message, size_t length);
void sockets_answer(struct sockets *sockets, uint64_t serial, const uint8_t *answer, size_t length);

void sockets_forget(struct sockets *sockets, const uint8_t infohash[INFOHASH]);
/* Look for silent connections at once, not only once a second. */
void sockets_sweep(struct sockets *sockets);
/* Say how many bytes of the memory others hold. */
void sockets_share(struct sockets *sockets, uint64_t held);
/* Move a clock that stands still; milliseconds. */
void sockets_set_clock(struct sockets *sockets, int64_t now);
uint64_t sockets_held(const struct sockets *sockets);
void sockets_read(struct sockets *sockets, struct socket_numbers *out);
size_t sockets_waiting(struct sockets *sockets, const uint8_t infohash[INFOHASH], const uint8_t peer_id[PEER_ID]);
/* What its thread counts, beside those of the loop. */
const struct counters *sockets_counters(const struct sockets *sockets);

#endif
