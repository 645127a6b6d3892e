/* The socket loop: threads that own the tracker's sockets, answer announces and scrapes, and hand over the rest. */
#ifndef PEERAGE_LOOP_H
#define PEERAGE_LOOP_H

#include <stddef.h>
#include <stdint.h>

#include "handler.h"
#include "sockets.h"

enum { LOOP_SOCKETS_MOST = 64, LOOP_THREADS_MOST = 64 };

struct loop_settings {
    struct store *store;
    const struct rules *rules; /* outlives the loop, as the sockets and the store do */
    size_t listeners, datagrams;
    int listener[LOOP_SOCKETS_MOST], datagram[LOOP_SOCKETS_MOST];
    unsigned threads;
    uint64_t seed[LOOP_THREADS_MOST];
    struct rng *shared_rng; /* for tests with one thread; NULL: each has its own */
    uint64_t secret[2];
    uint32_t header_ms, write_ms, keep_alive_ms;
    uint32_t max_connections, per_address, binds_at;
    struct networks exempt;
    struct slice too_late;  /* the reply to a client whose request head does not come in time */
    struct sockets *sockets; /* what takes connections that ask for WebSocket; NULL: the other server. Outlives the loop */
    struct slice busy;       /* the reply to one too many of these */
    int64_t fixed_clock[2]; /* for tests; zeros: the real one */
};

/* A connection that goes to the other server, with what was read of it so far. It stays counted until it leaves. */
struct handover {
    struct handover *next;
    int fd;
    struct address address;
    size_t length;
    uint8_t bytes[];
};

struct loop_numbers {
    uint64_t announces[TRANSPORT_COUNT][EVENT_COUNT], scrapes[TRANSPORT_COUNT], warnings, refusals[REFUSAL_COUNT];
    uint64_t files, file_bytes;
    uint64_t open, turned_away, timed_out, made_room, paused, handed_over;
};

struct loop;

/* Start the threads; NULL with errno where that fails. */
struct loop *loop_start(const struct loop_settings *settings);

/* Join the threads and close the connections they have; handovers can still be taken, and leave. */
void loop_stop(struct loop *loop);

/* Give back what a stopped loop holds. */
void loop_free(struct loop *loop);

/* The event descriptor that is readable while there are handovers. */
int loop_event(const struct loop *loop);

/* Take all handovers, oldest first; the caller owns them and their descriptors. */
struct handover *loop_take(struct loop *loop);

/* Count out a connection that was handed over. */
void loop_leave(struct loop *loop, const struct address *address);

/* Where the connections of this loop are counted. */
struct connections *loop_connections(struct loop *loop);
/* What the thread of a number has sampled; NULL: there are not so many threads. */
const struct sampling *loop_sampling(const struct loop *loop, unsigned number);

void loop_read(const struct loop *loop, struct loop_numbers *out);

#endif
