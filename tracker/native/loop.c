/* The socket loop: threads that own the tracker's sockets, answer announces and scrapes, and hand over the rest.
 *
 * Each thread waits on an epoll of its own; the listening sockets are in all of them, exclusively, so one thread wakes
 * up for a new client and keeps it. A connection owns no buffer while it is idle: bytes are read into the thread's
 * buffer and copied out only where a request is unfinished or a client does not take its answer at once.
 * No call here waits for Python.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "loop.h"

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "connections.h"
#include "proxy_protocol.h"
#include "timing_wheel.h"

enum {
    EVENTS = 256,
    ACCEPTS = 64,   /* in a row, before other sockets are served */
    PACKETS = 64,   /* in one call */
    ROUNDS = 16,    /* of packets, before other sockets are served */
    IN_SIZE = 2 * HTTP_HEAD_MOST,
    OUT_SIZE = 4 * HTTP_REPLY_MOST, /* pipelined answers go out in one piece */
    PACKET_SIZE = PROXY_HEADER_MOST + UDP_LARGEST + 8,
    /* Edge-triggered: a short read has emptied the socket, and the next event comes with new bytes. */
    READABLE = (int)(EPOLLIN | EPOLLRDHUP | EPOLLET),
    OUT_MOST = 64 << 10,  /* of answers that wait for a client which goes on stopping */
    STOPS_MOST = 64,      /* buffers of such requests that one connection gets before others have their turn */
    TURN_MOST = 256 << 10,  /* bytes of files that one connection gets before others have their turn */
    WRITE_STEP = 64 << 10, /* bytes that a client has to take in its time to get as much again */
    SPARE_MOST = 64, /* connection objects kept for the next clients */
    STACK = 256 << 10
};

enum kind { STOP, LISTENER, DATAGRAMS, CONNECTION };
enum phase { FRESH, IDLE, HEAD, WRITING };

/* The head of everything that is registered with epoll. */
struct source {
    int fd;
    uint8_t kind;
};

struct connection {
    struct source source;
    uint8_t phase;
    bool registered, closing, ended; /* ended: the client sends nothing more */
    bool proxied;                    /* the header that names the client is still to come */
    struct address address;
    struct timer timer;
    bool unheard;                            /* sent nothing yet, or part of a request */
    struct connection *older, *newer;        /* others that are so */
    struct connection *spare;                /* the next one that is not in use */
    uint8_t *in, *out;                       /* an unfinished request; an answer not yet taken */
    uint32_t in_length, in_seen, out_length, out_sent;
    bool lossy;             /* answers were dropped: nothing can be answered any more */
    struct kept_file *file; /* what the rest of an answer lies in, behind `out` */
    struct slice body;
    struct stored_body stored; /* or this */
    uint32_t moved; /* bytes that the client took since its time was set */
};

struct thread {
    struct handler handler; /* first, for its alignment */
    struct rng rng; /* its own random numbers, unless they are shared */
    struct loop *loop;
    pthread_t id;
    bool started, stopping, paused;
    int epoll;
    uint32_t accepts_at; /* the tick at which it accepts again, when paused */
    struct wheel wheel;
    struct connection *oldest, *newest; /* of those that have sent nothing yet, or part of a request */
    struct connection *spare;
    unsigned spares;
    struct source stop, listeners[LOOP_SOCKETS_MOST], datagrams[LOOP_SOCKETS_MOST];
    struct mmsghdr received[PACKETS], answers[PACKETS];
    struct iovec places[PACKETS], replies[PACKETS];
    struct sockaddr_in6 senders[PACKETS];
    uint8_t in[IN_SIZE], out[OUT_SIZE];
    uint8_t packets[PACKETS][PACKET_SIZE], packed[PACKETS][UDP_REPLY_MOST];
};

struct loop {
    struct loop_settings settings;
    struct connections connections;
    int stop, event;
    _Atomic uint64_t timed_out, made_room, paused, handed_over;
    pthread_mutex_t lock; /* of the queue */
    struct handover *first, **last;
    struct thread *threads[LOOP_THREADS_MOST];
};

static uint32_t tick_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (uint32_t)(((uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000) / WHEEL_TICK_MS);
}

static struct connection *connection_of(struct timer *timer)
{
    return (struct connection *)(void *)((char *)timer - offsetof(struct connection, timer));
}

static void sender_of(const struct sockaddr_in6 *from, struct address *out)
{
    if (from->sin6_family == AF_INET)
        address_of((const uint8_t *)&((const struct sockaddr_in *)(const void *)from)->sin_addr, 4, out);
    else
        address_of((const uint8_t *)&from->sin6_addr, 16, out);
}

/* Datagrams. */

/* Send the answers; one that cannot be sent is lost, as any packet may be. */
static void send_answers(struct thread *thread, int fd, unsigned count)
{
    unsigned at = 0;
    while (at < count) {
        int sent = sendmmsg(fd, thread->answers + at, count - at, MSG_DONTWAIT);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && (errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM))
            return;
        at += sent > 0 ? (unsigned)sent : 1;
    }
}

/* Let the swarms of a whole batch come into the cache side by side, instead of one after the other. */
static void fetch_swarms(struct thread *thread, unsigned received)
{
    uint64_t hashes[PACKETS];
    for (int deep = 0; deep < 2; deep++)
        for (unsigned at = 0; at < received; at++) {
            const uint8_t *infohash = udp_infohash(thread->packets[at], thread->received[at].msg_len);
            if (infohash)
                store_fetch(thread->handler.store, infohash, &hashes[at], deep);
        }
}

/* Take the header of a proxy off a packet, and its client for the sender; false: there is none. */
static bool unwrap(const struct rules *rules, struct slice *packet, struct address *address)
{
    size_t used = 0;
    if (!rules->proxied.count || !networks_hold(rules->proxied, address))
        return packet->length <= UDP_LARGEST;
    if (packet->length > UDP_LARGEST + PROXY_HEADER_MOST ||
        proxy_read(packet->data, packet->length, true, address, &used) != PROXIED_READ)
        return false;
    packet->data += used;
    packet->length -= used;
    return packet->length <= UDP_LARGEST;
}

static unsigned answer_packets(struct thread *thread, unsigned received)
{
    unsigned count = 0;
    if (received > 1)
        fetch_swarms(thread, received);
    for (unsigned at = 0; at < received; at++) {
        struct sockaddr_in6 *from = &thread->senders[at];
        struct address address;
        struct slice packet = {thread->packets[at], thread->received[at].msg_len};
        if (from->sin6_port == 0)
            continue;
        sender_of(from, &address);
        if (!unwrap(thread->handler.rules, &packet, &address))
            continue;
        size_t length =
            handler_answer_udp(&thread->handler, packet.data, packet.length, &address, thread->packed[count]);
        if (length == 0)
            continue;
        thread->replies[count].iov_len = length;
        thread->answers[count].msg_hdr.msg_name = from;
        thread->answers[count].msg_hdr.msg_namelen = thread->received[at].msg_hdr.msg_namelen;
        count++;
    }
    return count;
}

static void answer_datagrams(struct thread *thread, int fd)
{
    for (int round = 0; round < ROUNDS; round++) {
        for (unsigned at = 0; at < PACKETS; at++)
            thread->received[at].msg_hdr.msg_namelen = sizeof thread->senders[at];
        int received = recvmmsg(fd, thread->received, PACKETS, MSG_DONTWAIT, NULL);
        if (received <= 0)
            return;
        send_answers(thread, fd, answer_packets(thread, (unsigned)received));
        if (received < PACKETS)
            return;
    }
}

static void init_packets(struct thread *thread)
{
    for (unsigned at = 0; at < PACKETS; at++) {
        thread->places[at] = (struct iovec){thread->packets[at], PACKET_SIZE};
        thread->replies[at] = (struct iovec){thread->packed[at], 0};
        thread->received[at].msg_hdr.msg_iov = &thread->places[at];
        thread->received[at].msg_hdr.msg_iovlen = 1;
        thread->received[at].msg_hdr.msg_name = &thread->senders[at];
        thread->answers[at].msg_hdr.msg_iov = &thread->replies[at];
        thread->answers[at].msg_hdr.msg_iovlen = 1;
    }
}

/* Connections. */

static void set_heard(struct thread *thread, struct connection *connection)
{
    if (!connection->unheard)
        return;
    *(connection->older ? &connection->older->newer : &thread->oldest) = connection->newer;
    *(connection->newer ? &connection->newer->older : &thread->newest) = connection->older;
    connection->unheard = false;
}

static void set_unheard(struct thread *thread, struct connection *connection)
{
    if (connection->unheard)
        return;
    connection->older = thread->newest;
    connection->newer = NULL;
    *(thread->newest ? &thread->newest->newer : &thread->oldest) = connection;
    thread->newest = connection;
    connection->unheard = true;
}

static struct connection *new_connection(struct thread *thread, int fd, const struct address *address)
{
    struct connection *connection = thread->spare;
    if (connection) {
        thread->spare = connection->spare;
        thread->spares--;
    } else if (!(connection = malloc(sizeof *connection))) {
        return NULL;
    }
    memset(connection, 0, sizeof *connection);
    connection->source = (struct source){fd, CONNECTION};
    connection->stored.fd = -1;
    connection->address = *address;
    connection->proxied = networks_hold(thread->handler.rules->proxied, address);
    wheel_expect(&thread->wheel, &connection->timer, thread->loop->settings.header_ms);
    return connection;
}

/* Give back what an answer was sent from. */
static void release_file(struct thread *thread, struct kept_file *file, struct stored_body *stored)
{
    if (file)
        kept_file_release(thread->handler.rules->files, file);
    if (stored->fd >= 0)
        file_table_close(thread->handler.rules->files, stored->fd);
    stored->fd = -1;
}

static void release(struct thread *thread, struct connection *connection)
{
    wheel_unlink(&thread->wheel, &connection->timer);
    set_heard(thread, connection);
    free(connection->in);
    free(connection->out);
    release_file(thread, connection->file, &connection->stored);
    if (thread->spares == SPARE_MOST) {
        free(connection);
        return;
    }
    connection->spare = thread->spare;
    thread->spare = connection;
    thread->spares++;
}

static void drop(struct thread *thread, struct connection *connection)
{
    close(connection->source.fd);
    connections_leave(&thread->loop->connections, &connection->address);
    release(thread, connection);
}

/* Near the cap, end those that have gone without a whole request longest. Not while events are handled: one of them
 * may be of a connection that this ends. */
static void make_room(struct thread *thread)
{
    while (thread->oldest && connections_crowded(&thread->loop->connections)) {
        atomic_fetch_add_explicit(&thread->loop->made_room, 1, memory_order_relaxed);
        drop(thread, thread->oldest);
    }
}

static bool watch(struct thread *thread, struct connection *connection, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = &connection->source};
    int operation = connection->registered ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    connection->registered = true;
    return epoll_ctl(thread->epoll, operation, connection->source.fd, &event) == 0;
}

static bool keep(uint8_t **place, uint32_t *length, const uint8_t *data, size_t count)
{
    uint8_t *copy = NULL;
    if (count) {
        copy = malloc(count);
        if (!copy)
            return false;
        memcpy(copy, data, count);
    }
    free(*place);
    *place = copy;
    *length = (uint32_t)count;
    return true;
}

/* Give a connection to the other server, which goes on with these bytes. */
static void hand_over(struct thread *thread, struct connection *connection, const uint8_t *data, size_t length)
{
    struct loop *loop = thread->loop;
    struct handover *handover = malloc(sizeof *handover + length);
    const uint64_t one = 1;
    if (!handover) {
        drop(thread, connection);
        return;
    }
    *handover = (struct handover){NULL, connection->source.fd, connection->address, length};
    memcpy(handover->bytes, data, length);
    if (connection->registered)
        epoll_ctl(thread->epoll, EPOLL_CTL_DEL, connection->source.fd, NULL);
    release(thread, connection);
    atomic_fetch_add_explicit(&loop->handed_over, 1, memory_order_relaxed);
    pthread_mutex_lock(&loop->lock);
    bool first = loop->first == NULL;
    *loop->last = handover;
    loop->last = &handover->next;
    pthread_mutex_unlock(&loop->lock);
    if (first && write(loop->event, &one, sizeof one) < 0)
        return; /* only a full counter refuses, and that one is readable */
}

static void shrink(struct slice *slice, size_t *sent)
{
    size_t gone = *sent < slice->length ? *sent : slice->length;
    if (gone) {
        slice->data += gone;
        slice->length -= gone;
        *sent -= gone;
    }
}

/* Send what the client takes at once of an answer and the file behind it in memory, by which both shrink; false where it
 * is gone. With `more` the kernel waits for what comes behind them, or for the end of the connection. */
static bool deliver_memory(const struct connection *connection, struct slice *answer, struct slice *body, bool more)
{
    int flags = MSG_NOSIGNAL | MSG_DONTWAIT | (more ? MSG_MORE : 0);
    ssize_t sent;
    if (body->length == 0) {
        sent = send(connection->source.fd, answer->data, answer->length, flags);
    } else {
        struct iovec pieces[2] = {{(void *)answer->data, answer->length}, {(void *)body->data, body->length}};
        struct msghdr message = {.msg_iov = pieces, .msg_iovlen = 2};
        sent = sendmsg(connection->source.fd, &message, flags);
    }
    if (sent < 0)
        return errno == EAGAIN || errno == EINTR;
    size_t gone = (size_t)sent;
    shrink(answer, &gone);
    shrink(body, &gone);
    return true;
}

/* Send what the client takes at once of an answer and of the file behind it, wherever that is. The end of the connection
 * travels with a last answer. */
static bool deliver(const struct connection *connection, struct slice *answer, struct slice *body,
                    struct stored_body *stored, bool last)
{
    if (answer->length + body->length && !deliver_memory(connection, answer, body, last || stored->left))
        return false;
    if (answer->length + body->length || !stored->left)
        return true;
    return stored_body_send(connection->source.fd, stored, TURN_MOST);
}

/* Append an answer to what waits for the client; false where it is too much, or there is no memory. */
static bool append_answer(struct connection *connection, const uint8_t *answer, size_t length)
{
    size_t left = connection->out_length - connection->out_sent;
    uint8_t *longer = left + length <= OUT_MOST ? malloc(left + length) : NULL;
    if (!longer)
        return false;
    memcpy(longer, connection->out + connection->out_sent, left);
    memcpy(longer + left, answer, length);
    free(connection->out);
    connection->out = longer;
    connection->out_length = (uint32_t)(left + length);
    connection->out_sent = 0;
    return true;
}

/* Take what a client says that it stops, though it does not take its answers: it is on its way out, and may never read
 * again. Answers beyond OUT_MOST are dropped, and the connection ends behind those before. Anything else waits. */
static size_t take_stops(struct thread *thread, struct connection *connection, const uint8_t *data, size_t length,
                         enum outcome *outcome)
{
    size_t used = 0;
    *outcome = OUTCOME_MORE;
    while (*outcome == OUTCOME_MORE) {
        struct buffer out = {thread->out, thread->out + OUT_SIZE, false};
        struct reading reading =
            handler_answer_stops(&thread->handler, data + used, length - used, &connection->address, &out);
        size_t answer = (size_t)(out.at - thread->out);
        used += reading.used;
        *outcome = reading.outcome;
        if (!connection->lossy && answer && !append_answer(connection, thread->out, answer))
            connection->lossy = connection->closing = true;
        if (reading.outcome == OUTCOME_CLOSE)
            connection->closing = true;
    }
    return used;
}

/* Whether a file is still to be sent, behind which no answer can be appended. */
static bool has_file(const struct connection *connection)
{
    return connection->body.length || connection->stored.left;
}

/* Read on while a client takes no answers, for as long as it stops; false where the connection is gone. */
static bool absorb(struct thread *thread, struct connection *connection)
{
    enum outcome outcome = OUTCOME_PART;
    for (int round = 0; round < STOPS_MOST && outcome == OUTCOME_PART && !has_file(connection); round++) {
        size_t had = connection->in_length, used;
        if (had == IN_SIZE)
            break;
        if (had)
            memcpy(thread->in, connection->in, had);
        ssize_t got = recv(connection->source.fd, thread->in + had, IN_SIZE - had, MSG_DONTWAIT);
        bool gone = got < 0 && errno != EAGAIN && errno != EINTR;
        size_t length = had + (got > 0 ? (size_t)got : 0);
        used = take_stops(thread, connection, thread->in, length, &outcome);
        if (gone || (connection->lossy && outcome == OUTCOME_AWAY) ||
            !keep(&connection->in, &connection->in_length, thread->in + used, length - used)) {
            drop(thread, connection);
            return false;
        }
        if (got <= 0)
            break;
    }
    return true;
}

/* Wait until the client takes the rest of its answer; requests behind it wait as well, but those that stop. A file stays
 * where it is, and the table counts it. */
static void wait_for_write(struct thread *thread, struct connection *connection, struct slice answer,
                           const struct reading *reading, const uint8_t *rest, size_t length)
{
    connection->stored = reading->stored;
    answer.length -= stored_body_take_back(&connection->stored, answer.length);
    connection->phase = WRITING;
    set_heard(thread, connection);
    connection->out_sent = 0;
    connection->moved = 0;
    connection->file = reading->file;
    connection->body = reading->body;
    if (!keep(&connection->out, &connection->out_length, answer.data, answer.length) ||
        !keep(&connection->in, &connection->in_length, rest, connection->closing ? 0 : length) ||
        !watch(thread, connection, (uint32_t)READABLE | EPOLLOUT)) {
        drop(thread, connection);
        return;
    }
    wheel_expect(&thread->wheel, &connection->timer, thread->loop->settings.write_ms);
    if (!connection->closing)
        absorb(thread, connection);
}

/* Keep what has come of a request, and wait for the rest, or for the next request. */
static void await(struct thread *thread, struct connection *connection, bool answered, const uint8_t *rest,
                  size_t length)
{
    const struct loop_settings *settings = &thread->loop->settings;
    if (connection->ended || !keep(&connection->in, &connection->in_length, rest, length) ||
        (!connection->registered && !watch(thread, connection, (uint32_t)READABLE))) {
        drop(thread, connection);
        return;
    }
    if (length == 0) {
        connection->phase = IDLE;
        set_heard(thread, connection);
        wheel_expect(&thread->wheel, &connection->timer, settings->keep_alive_ms);
    } else if (connection->phase != HEAD || answered) {
        connection->phase = HEAD;
        if (answered)
            set_heard(thread, connection);
        set_unheard(thread, connection);
        wheel_expect(&thread->wheel, &connection->timer, settings->header_ms);
    }
}

/* Take the header of a proxy off the input, and count the connection as its client's; false where the connection is
 * gone, or waits for more. */
static bool read_proxied(struct thread *thread, struct connection *connection, const uint8_t **data, size_t *length)
{
    struct connections *counts = &thread->loop->connections;
    struct address client = connection->address;
    size_t used = 0;
    switch (proxy_read(*data, *length, false, &client, &used)) {
    case PROXIED_PART:
        await(thread, connection, false, *data, *length);
        return false;
    case PROXIED_BAD:
        drop(thread, connection);
        return false;
    default:
        break;
    }
    connection->proxied = false;
    connections_leave(counts, &connection->address);
    if (!connections_admit(counts, &client)) {
        close(connection->source.fd);
        release(thread, connection);
        return false;
    }
    connection->address = client;
    *data += used;
    *length -= used;
    return true;
}

/* Let the sockets have a connection that asks for WebSocket, with what came behind that. */
static void upgrade(struct thread *thread, struct connection *connection, const struct reading *reading,
                    const uint8_t *early, size_t length)
{
    const struct loop_settings *settings = &thread->loop->settings;
    const struct upgrade wanted = {.fd = connection->source.fd,
                                   .address = reading->client,
                                   .counts = &thread->loop->connections,
                                   .counted = connection->address,
                                   .passkey = reading->passkey,
                                   .early = {early, length},
                                   .key = reading->key.data};
    if (connection->registered)
        epoll_ctl(thread->epoll, EPOLL_CTL_DEL, connection->source.fd, NULL);
    enum adoption done = sockets_adopt(settings->sockets, &wanted);
    if (done == ADOPTED) {
        release(thread, connection);
        return;
    }
    if (done == ADOPTION_FULL)
        send(connection->source.fd, settings->busy.data, settings->busy.length, MSG_NOSIGNAL | MSG_DONTWAIT);
    drop(thread, connection);
}

/* Answer the requests in the input, then close, hand over, or wait. The connection may be gone afterwards. */
static void serve_input(struct thread *thread, struct connection *connection, const uint8_t *data, size_t length)
{
    bool answered = false;
    size_t files = 0;
    if (connection->proxied && !read_proxied(thread, connection, &data, &length))
        return;
    for (;;) {
        struct buffer out = {thread->out, thread->out + OUT_SIZE, false};
        struct reading reading =
            handler_answer_stream(&thread->handler, data, length, connection->in_seen, &connection->address, &out);
        connection->in_seen = (uint32_t)reading.seen;
        struct slice answer = {thread->out, (size_t)(out.at - thread->out)};
        data += reading.used;
        length -= reading.used;
        answered |= answer.length > 0;
        files += reading.body.length + reading.stored.ahead + reading.stored.left;
        if (!deliver(connection, &answer, &reading.body, &reading.stored, reading.outcome == OUTCOME_CLOSE)) {
            connection->lossy = connection->closing = true;
            release_file(thread, reading.file, &reading.stored);
            if (keep(&connection->in, &connection->in_length, data, length) && !absorb(thread, connection))
                return;
            drop(thread, connection);
            return;
        } else if (answer.length + reading.body.length + reading.stored.left) {
            connection->closing = reading.outcome == OUTCOME_CLOSE;
            wait_for_write(thread, connection, answer, &reading, data, length);
            return;
        }
        release_file(thread, reading.file, &reading.stored);
        if (reading.outcome == OUTCOME_MORE && files > TURN_MOST) {
            reading.file = NULL;
            wait_for_write(thread, connection, answer, &reading, data, length);
            return;
        }
        if (reading.outcome == OUTCOME_CLOSE)
            drop(thread, connection);
        else if (reading.outcome == OUTCOME_AWAY)
            hand_over(thread, connection, data, length);
        else if (reading.outcome == OUTCOME_PART)
            await(thread, connection, answered, data, length);
        else if (reading.outcome == OUTCOME_UPGRADE)
            upgrade(thread, connection, &reading, data, length);
        else
            continue;
        return;
    }
}

/* Read what has come; `ended` where the client was known to have closed its side before. */
static void receive(struct thread *thread, struct connection *connection, bool ended)
{
    size_t had = connection->in_length;
    if (had)
        memcpy(thread->in, connection->in, had);
    ssize_t got = recv(connection->source.fd, thread->in + had, IN_SIZE - had, MSG_DONTWAIT);
    bool full = got > 0 && (size_t)got == IN_SIZE - had;
    connection->ended = ended && !full;
    if (full && connection->registered && !watch(thread, connection, (uint32_t)READABLE))
        drop(thread, connection);
    else if (got > 0)
        serve_input(thread, connection, thread->in, had + (size_t)got);
    else if (got == 0 || (errno != EAGAIN && errno != EINTR))
        drop(thread, connection);
    else if (!connection->registered && !watch(thread, connection, (uint32_t)READABLE))
        drop(thread, connection);
}

/* Go on writing a reply that was held up, then go on with the requests behind it. */
static void resume(struct thread *thread, struct connection *connection)
{
    struct slice left = {connection->out, connection->out_length};
    size_t held = connection->in_length, gone = connection->out_sent;
    shrink(&left, &gone);
    size_t had = left.length + connection->body.length + connection->stored.left;
    bool there = deliver(connection, &left, &connection->body, &connection->stored, false);
    size_t still = left.length + connection->body.length + connection->stored.left;
    if (!there || (still == 0 && connection->closing)) {
        drop(thread, connection);
        return;
    }
    connection->out_sent = connection->out_length - (uint32_t)left.length;
    connection->moved += (uint32_t)(had - still);
    if (still && connection->moved >= WRITE_STEP) {
        connection->moved = 0;
        wheel_expect(&thread->wheel, &connection->timer, thread->loop->settings.write_ms);
    }
    if (still) {
        /* A turn of a stored file may be less than the client takes: no edge comes then. What it says waits meanwhile,
         * and must not be told again and again. */
        if (connection->stored.left && !watch(thread, connection, (uint32_t)EPOLLOUT | EPOLLET))
            drop(thread, connection);
        return;
    }
    keep(&connection->out, &connection->out_length, NULL, 0);
    release_file(thread, connection->file, &connection->stored);
    connection->file = NULL;
    if (!watch(thread, connection, (uint32_t)READABLE)) {
        drop(thread, connection);
        return;
    }
    connection->phase = IDLE;
    if (held)
        memcpy(thread->in, connection->in, held);
    serve_input(thread, connection, thread->in, held);
}

/* New clients. */

/* Stop accepting until the next tick: no descriptors are left, and the listening socket would stay readable. */
static void pause_accepting(struct thread *thread)
{
    for (size_t at = 0; at < thread->loop->settings.listeners; at++)
        epoll_ctl(thread->epoll, EPOLL_CTL_DEL, thread->listeners[at].fd, NULL);
    thread->paused = true;
    thread->accepts_at = tick_now() + 1;
    atomic_fetch_add_explicit(&thread->loop->paused, 1, memory_order_relaxed);
}

/* Accept on every listening socket; false where one cannot be watched. */
static bool start_accepting(struct thread *thread)
{
    bool watched = true;
    for (size_t at = 0; at < thread->loop->settings.listeners; at++) {
        struct epoll_event event = {.events = EPOLLIN | EPOLLEXCLUSIVE, .data.ptr = &thread->listeners[at]};
        if (epoll_ctl(thread->epoll, EPOLL_CTL_ADD, thread->listeners[at].fd, &event) < 0 && errno != EEXIST)
            watched = false;
    }
    return watched;
}

/* Accept again once the tick has come, and where that fails try again at the next one. */
static void resume_accepting(struct thread *thread)
{
    uint32_t now = tick_now();
    if ((int32_t)(now - thread->accepts_at) < 0)
        return;
    thread->accepts_at = now + 1;
    thread->paused = !start_accepting(thread);
}

static void admit_client(struct thread *thread, int fd, const struct sockaddr_in6 *from)
{
    struct address address;
    sender_of(from, &address);
    if (!connections_admit(&thread->loop->connections, &address)) {
        close(fd);
        return;
    }
    struct connection *connection = new_connection(thread, fd, &address);
    if (!connection) {
        connections_leave(&thread->loop->connections, &address);
        close(fd);
        return;
    }
    set_unheard(thread, connection);
    receive(thread, connection, false); /* the request is mostly there already */
}

static void accept_clients(struct thread *thread, int listener)
{
    for (int round = 0; round < ACCEPTS; round++) {
        struct sockaddr_in6 from;
        socklen_t length = sizeof from;
        int fd = accept4(listener, (struct sockaddr *)&from, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0)
            admit_client(thread, fd, &from);
        else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            pause_accepting(thread);
        if (fd < 0 && errno != ECONNABORTED && errno != EINTR)
            return;
        if (connections_crowded(&thread->loop->connections))
            return; /* room is made before more are accepted: the rest waits in the socket's queue */
    }
}

/* The thread. */

static void expire(struct thread *thread, struct connection *connection)
{
    const struct slice *late = &thread->loop->settings.too_late;
    if (connection->phase == HEAD && late->length)
        send(connection->source.fd, late->data, late->length, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (connection->phase == HEAD || connection->phase == FRESH)
        atomic_fetch_add_explicit(&thread->loop->timed_out, 1, memory_order_relaxed);
    drop(thread, connection);
}

static void turn_wheel(struct thread *thread)
{
    uint32_t now = tick_now();
    if (thread->wheel.count == 0)
        thread->wheel.tick = now;
    while (thread->wheel.tick != now) {
        struct timer *timer;
        thread->wheel.tick++;
        while ((timer = wheel_due(&thread->wheel)))
            expire(thread, connection_of(timer));
    }
}

/* A client whose answers wait takes more of them, or says more. */
static void go_on_writing(struct thread *thread, struct connection *connection, uint32_t happened)
{
    bool says_more = (happened & ~(uint32_t)EPOLLOUT) && !connection->closing;
    if ((says_more || connection->lossy) && !absorb(thread, connection))
        return;
    resume(thread, connection);
}

static void handle(struct thread *thread, struct source *source, uint32_t happened)
{
    switch (source->kind) {
    case STOP:
        thread->stopping = true;
        break;
    case LISTENER:
        accept_clients(thread, source->fd);
        break;
    case DATAGRAMS:
        answer_datagrams(thread, source->fd);
        break;
    default: {
        struct connection *connection = (struct connection *)(void *)source;
        if (connection->phase == WRITING)
            go_on_writing(thread, connection, happened);
        else
            receive(thread, connection, happened & (EPOLLRDHUP | EPOLLHUP | EPOLLERR));
    }
    }
}

static void *run(void *given)
{
    struct thread *thread = given;
    struct epoll_event events[EVENTS];
    while (!thread->stopping) {
        int timeout = thread->wheel.count || thread->paused ? WHEEL_TICK_MS : -1;
        int count = epoll_wait(thread->epoll, events, EVENTS, timeout);
        handler_read_clock(&thread->handler, thread->loop->settings.fixed_clock);
        if (thread->wheel.count == 0)
            thread->wheel.tick = tick_now();
        for (int at = 0; at < count; at++)
            handle(thread, events[at].data.ptr, events[at].events);
        make_room(thread);
        turn_wheel(thread);
        if (thread->paused)
            resume_accepting(thread);
    }
    for (size_t slot = 0; slot < WHEEL_SLOTS; slot++)
        while (thread->wheel.slots[slot])
            drop(thread, connection_of(thread->wheel.slots[slot]));
    return NULL;
}

/* Start and stop. */

static bool wait_on(struct thread *thread, struct source *source, int fd, enum kind kind, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = source};
    *source = (struct source){fd, (uint8_t)kind};
    return epoll_ctl(thread->epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

static bool init_thread(struct loop *loop, unsigned number)
{
    const struct loop_settings *settings = &loop->settings;
    struct thread *thread = aligned_alloc(CACHE_LINE, sizeof *thread);
    if (!thread)
        return false;
    memset(thread, 0, sizeof *thread);
    loop->threads[number] = thread;
    thread->loop = loop;
    thread->handler.rules = settings->rules;
    thread->handler.store = settings->store;
    thread->rng.state = settings->seed[number];
    thread->handler.rng = settings->shared_rng ? settings->shared_rng : &thread->rng;
    thread->handler.file_most = SIZE_MAX;
    thread->handler.opens_files = true;
    thread->handler.upgrades = settings->sockets != NULL;
    thread->wheel.tick = tick_now();
    init_packets(thread);
    thread->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (thread->epoll < 0 || !wait_on(thread, &thread->stop, loop->stop, STOP, EPOLLIN))
        return false;
    for (size_t at = 0; at < settings->listeners; at++)
        thread->listeners[at] = (struct source){settings->listener[at], LISTENER};
    for (size_t at = 0; at < settings->datagrams; at++)
        if (!wait_on(thread, &thread->datagrams[at], settings->datagram[at], DATAGRAMS, EPOLLIN | EPOLLEXCLUSIVE))
            return false;
    return start_accepting(thread);
}

/* Signals are handled by Python's thread: the threads of this loop block all of them. */
static bool start_threads(struct loop *loop)
{
    sigset_t all, before;
    pthread_attr_t attributes;
    bool started = true;
    if (pthread_attr_init(&attributes) != 0)
        return false;
    pthread_attr_setstacksize(&attributes, STACK);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (unsigned at = 0; at < loop->settings.threads && started; at++) {
        int error = pthread_create(&loop->threads[at]->id, &attributes, run, loop->threads[at]);
        loop->threads[at]->started = started = error == 0;
        if (error)
            errno = error;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return started;
}

struct loop *loop_start(const struct loop_settings *settings)
{
    struct loop *loop = calloc(1, sizeof *loop);
    if (!loop)
        return NULL;
    loop->settings = *settings;
    loop->last = &loop->first;
    loop->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    loop->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_init(&loop->lock, NULL);
    bool ready = connections_init(&loop->connections, settings->max_connections, settings->per_address,
                                  settings->binds_at, settings->exempt, settings->secret) &&
                 loop->stop >= 0 && loop->event >= 0;
    for (unsigned at = 0; at < settings->threads && ready; at++)
        ready = init_thread(loop, at);
    if (ready && start_threads(loop))
        return loop;
    int error = errno ? errno : ENOMEM;
    loop_stop(loop);
    loop_free(loop);
    errno = error;
    return NULL;
}

void loop_stop(struct loop *loop)
{
    const uint64_t one = 1;
    if (loop->stop >= 0 && write(loop->stop, &one, sizeof one) < 0)
        abort(); /* an event descriptor always takes a one */
    for (unsigned at = 0; at < LOOP_THREADS_MOST; at++) {
        struct thread *thread = loop->threads[at];
        if (thread && thread->started)
            pthread_join(thread->id, NULL);
        if (thread)
            thread->started = false;
        if (thread && thread->epoll >= 0) {
            close(thread->epoll);
            thread->epoll = -1;
        }
    }
}

static void free_thread(struct thread *thread)
{
    while (thread->spare) {
        struct connection *connection = thread->spare;
        thread->spare = connection->spare;
        free(connection);
    }
    free(thread);
}

void loop_free(struct loop *loop)
{
    struct handover *handover = loop_take(loop);
    while (handover) {
        struct handover *next = handover->next;
        close(handover->fd);
        free(handover);
        handover = next;
    }
    for (unsigned at = 0; at < LOOP_THREADS_MOST; at++)
        if (loop->threads[at])
            free_thread(loop->threads[at]);
    if (loop->stop >= 0)
        close(loop->stop);
    if (loop->event >= 0)
        close(loop->event);
    connections_free(&loop->connections);
    pthread_mutex_destroy(&loop->lock);
    free(loop);
}

int loop_event(const struct loop *loop)
{
    return loop->event;
}

struct handover *loop_take(struct loop *loop)
{
    uint64_t counted;
    if (loop->event >= 0 && read(loop->event, &counted, sizeof counted) < 0)
        counted = 0; /* nothing new; what there is goes out all the same */
    pthread_mutex_lock(&loop->lock);
    struct handover *first = loop->first;
    loop->first = NULL;
    loop->last = &loop->first;
    pthread_mutex_unlock(&loop->lock);
    return first;
}

void loop_leave(struct loop *loop, const struct address *address)
{
    connections_leave(&loop->connections, address);
}

struct connections *loop_connections(struct loop *loop)
{
    return &loop->connections;
}

static uint64_t read_counter(const _Atomic uint64_t *number)
{
    return atomic_load_explicit(number, memory_order_relaxed);
}

const struct sampling *loop_sampling(const struct loop *loop, unsigned number)
{
    return number < loop->settings.threads ? &loop->threads[number]->handler.sampling : NULL;
}

void loop_read(const struct loop *loop, struct loop_numbers *out)
{
    memset(out, 0, sizeof *out);
    for (unsigned number = 0; number < loop->settings.threads; number++) {
        const struct counters *counters = &loop->threads[number]->handler.counters;
        for (int over = 0; over < TRANSPORT_COUNT; over++) {
            for (int event = 0; event < EVENT_COUNT; event++)
                out->announces[over][event] += read_counter(&counters->announces[over][event]);
            out->scrapes[over] += read_counter(&counters->scrapes[over]);
        }
        for (int code = 0; code < REFUSAL_COUNT; code++)
            out->refusals[code] += read_counter(&counters->refusals[code]);
        out->warnings += read_counter(&counters->warnings);
        out->files += read_counter(&counters->files);
        out->file_bytes += read_counter(&counters->file_bytes);
    }
    out->open = atomic_load_explicit(&loop->connections.open, memory_order_relaxed);
    out->turned_away = read_counter(&loop->connections.turned_away);
    out->timed_out = read_counter(&loop->timed_out);
    out->made_room = read_counter(&loop->made_room);
    out->paused = read_counter(&loop->paused);
    out->handed_over = read_counter(&loop->handed_over);
}
