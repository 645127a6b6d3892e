/* The tracker over WebSocket: its thread, its connections and their limits; in C what doors/websocket.py is in Python.
 *
 * The thread waits on an epoll of its own. A connection that is idle owns no buffer: frames are read in the thread's,
 * and what is to be sent is gathered over all events at hand and goes out in one piece. The messages that are not usual
 * go to Python, and their connection waits for it; nothing else does.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "sockets.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    EVENTS = 256,
    IN_SIZE = 64 << 10,
    REST_MOST = CONTROL_MOST + FRAME_HEAD_MOST, /* of a frame that is not whole, but for the payload of a message */
    FRAMES_MOST = 256, /* that one message may come in */
    OUT_LEAST = 512,
    STEP_MS = 1000,    /* between two looks at connections that are silent */
    SLOW_MS = 1000,    /* without movement, after which a connection may be dropped to make room */
    DISCARD_MOST = 64 << 10, /* bytes that are read before a connection is closed, so that it is no reset */
    STACK = 256 << 10
};

struct connection;

/* A place in a list; of none where `list` is NULL. */
struct place {
    struct place *older, *newer;
    struct waiting_list *list;
    struct connection *connection;
    int64_t since;
};

/* Connections that wait for the same thing, the longest first. */
struct waiting_list {
    struct place *oldest, *newest;
    uint64_t count;
};

struct connection {
    struct socket_client client; /* first: it is what the store knows */
    struct sockets *sockets;
    int fd;
    bool closing, dead, doomed, asked, ended;
    bool in_payload, in_message, fin, text;
    uint8_t utf8, mask[4];
    uint16_t frames;            /* of the message that is not whole */
    uint64_t left, unmasked;    /* bytes of the payload that are to come, and that have come */
    uint8_t *rest, *message, *out;
    uint32_t rest_length;       /* bytes that were not read yet */
    uint32_t message_length, message_room;
    uint32_t out_length, out_sent, out_room;
    uint64_t held;              /* as they were counted last */
    struct place quiet, stalled, without, ready, flush, doom, asking;
    struct connection *next_dead, **all_place, *all_next;
    struct connections *counts;
    struct address counted;
};

struct sockets {
    struct handler handler; /* first, for its alignment */
    struct socket_settings settings;
    struct socket_peers peers;
    struct connections own;
    pthread_mutex_t lock;
    pthread_cond_t passed;
    _Atomic uint32_t waiting; /* callers that want the lock */
    _Atomic int64_t clock;
    _Atomic uint64_t messages, timed_out, cut_off, broken, asked_ever, held, others;
    int epoll, wake, event;
    bool started, stopping;
    pthread_t id;
    int64_t now, swept;
    struct connection *all, *dead;
    struct waiting_list heard, pinged, stalled, without, ready, flush, doom, asking;
    struct unusual *first, **last;
    uint8_t in[REST_MOST + IN_SIZE]; /* what is left of the last read goes in front of the next */
};

/* Lists. */

static void leave_list(struct place *place)
{
    struct waiting_list *list = place->list;
    if (!list)
        return;
    *(place->older ? &place->older->newer : &list->oldest) = place->newer;
    *(place->newer ? &place->newer->older : &list->newest) = place->older;
    place->list = NULL;
    list->count--;
}

static void enter_list(struct waiting_list *list, struct place *place, struct connection *connection, int64_t since)
{
    leave_list(place);
    *place = (struct place){list->newest, NULL, list, connection, since};
    *(list->newest ? &list->newest->newer : &list->oldest) = place;
    list->newest = place;
    list->count++;
}

/* The lock: the thread lets callers have it between two events. */

static void enter(struct sockets *sockets)
{
    atomic_fetch_add_explicit(&sockets->waiting, 1, memory_order_relaxed);
    pthread_mutex_lock(&sockets->lock);
    atomic_fetch_sub_explicit(&sockets->waiting, 1, memory_order_relaxed);
}

static void leave(struct sockets *sockets)
{
    if (!atomic_load_explicit(&sockets->waiting, memory_order_relaxed))
        pthread_cond_signal(&sockets->passed);
    pthread_mutex_unlock(&sockets->lock);
}

static void let_pass(struct sockets *sockets)
{
    while (atomic_load_explicit(&sockets->waiting, memory_order_relaxed))
        pthread_cond_wait(&sockets->passed, &sockets->lock);
}

static void read_clock(struct sockets *sockets)
{
    struct timespec now;
    handler_read_clock(&sockets->handler, sockets->settings.fixed_clock);
    sockets->now = atomic_load_explicit(&sockets->clock, memory_order_relaxed);
    if (sockets->settings.fixed_clock[0])
        return;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    sockets->now = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void add_to(_Atomic uint64_t *counter, uint64_t more)
{
    atomic_fetch_add_explicit(counter, more, memory_order_relaxed);
}

static void wake_up(const struct sockets *sockets)
{
    const uint64_t one = 1;
    if (write(sockets->wake, &one, sizeof one) < 0)
        return; /* only a full counter refuses, and that one is readable */
}

/* The end of a connection. */

static void forget_quiet(struct connection *connection)
{
    leave_list(&connection->quiet);
    leave_list(&connection->stalled);
    leave_list(&connection->without);
}

static void free_buffers(struct connection *connection)
{
    free(connection->rest);
    free(connection->message);
    free(connection->out);
    connection->rest = connection->message = connection->out = NULL;
    connection->rest_length = connection->message_length = connection->message_room = 0;
    connection->out_length = connection->out_sent = connection->out_room = 0;
}

/* End a connection at once. Its memory goes at the end of the thread's turn: an event of it may be at hand. */
static void drop(struct connection *connection)
{
    struct sockets *sockets = connection->sockets;
    if (connection->dead)
        return;
    connection->dead = connection->closing = true;
    socket_peers_leave(&sockets->peers, &connection->client);
    forget_quiet(connection);
    leave_list(&connection->ready);
    leave_list(&connection->flush);
    leave_list(&connection->doom);
    leave_list(&connection->asking);
    close(connection->fd);
    connections_leave(&sockets->own, &connection->client.address);
    if (connection->counts)
        connections_leave(connection->counts, &connection->counted);
    atomic_fetch_sub_explicit(&sockets->held, connection->held, memory_order_relaxed);
    free_buffers(connection);
    *connection->all_place = connection->all_next;
    if (connection->all_next)
        connection->all_next->all_place = connection->all_place;
    connection->next_dead = sockets->dead;
    sockets->dead = connection;
}

static void free_dead(struct sockets *sockets)
{
    while (sockets->dead) {
        struct connection *connection = sockets->dead;
        sockets->dead = connection->next_dead;
        free((void *)connection->client.passkey.data);
        free(connection);
    }
}

/* End it as soon as what is under way is done: somebody may be passing messages on to it. */
static void cut_off(struct connection *connection)
{
    if (connection->dead || connection->doomed)
        return;
    connection->doomed = true;
    add_to(&connection->sockets->cut_off, 1);
    enter_list(&connection->sockets->doom, &connection->doom, connection, 0);
}

static void drop_doomed(struct sockets *sockets)
{
    while (sockets->doom.oldest)
        drop(sockets->doom.oldest->connection);
}

/* Close after what was sent, having read what the client sent meanwhile: unread bytes would make it a reset, and the
 * client might not read why. */
static void finish(struct connection *connection)
{
    for (size_t read = 0; read < DISCARD_MOST;) {
        ssize_t got = recv(connection->fd, connection->sockets->in, IN_SIZE, MSG_DONTWAIT);
        if (got <= 0)
            break;
        read += (size_t)got;
    }
    drop(connection);
}

/* Writing. */

static uint32_t waiting_out(const struct connection *connection)
{
    return connection->out_length - connection->out_sent;
}

/* Give the kernel what it takes at once; false where the client is gone. */
static bool push(struct connection *connection)
{
    ssize_t sent = send(connection->fd, connection->out + connection->out_sent, waiting_out(connection),
                        MSG_NOSIGNAL | MSG_DONTWAIT);
    connection->out_sent += sent > 0 ? (uint32_t)sent : 0;
    return sent >= 0 || errno == EAGAIN || errno == EINTR;
}

/* Send what the client takes at once; one that leaves too much of it is cut off. */
static void flush(struct connection *connection)
{
    struct sockets *sockets = connection->sockets;
    leave_list(&connection->flush);
    if (connection->dead)
        return;
    if (waiting_out(connection) && !push(connection)) {
        drop(connection);
        return;
    }
    if (waiting_out(connection)) {
        if (!connection->stalled.list)
            enter_list(&sockets->stalled, &connection->stalled, connection, sockets->now);
        if (waiting_out(connection) > sockets->settings.queue)
            cut_off(connection);
        return;
    }
    free(connection->out);
    connection->out = NULL;
    connection->out_length = connection->out_sent = connection->out_room = 0;
    leave_list(&connection->stalled);
    if (connection->closing)
        finish(connection);
}

static bool make_room_out(struct connection *connection, size_t more)
{
    uint32_t waiting = waiting_out(connection);
    if (waiting + more <= connection->out_room - connection->out_sent)
        return true;
    size_t room = connection->out_room ? connection->out_room : OUT_LEAST;
    while (room < waiting + more)
        room *= 2;
    uint8_t *longer = malloc(room);
    if (!longer)
        return false;
    if (waiting)
        memcpy(longer, connection->out + connection->out_sent, waiting);
    free(connection->out);
    connection->out = longer;
    connection->out_room = (uint32_t)room;
    connection->out_length = waiting;
    connection->out_sent = 0;
    return true;
}

/* Gather bytes to be sent at the end of the turn; a client that takes too few is cut off. */
static void append(struct connection *connection, const uint8_t *head, size_t head_length, const uint8_t *data,
                   size_t length)
{
    struct sockets *sockets = connection->sockets;
    size_t more = head_length + length;
    if (connection->closing || connection->doomed)
        return;
    if (waiting_out(connection) && waiting_out(connection) + more > sockets->settings.queue)
        push(connection);
    if (waiting_out(connection) > sockets->settings.queue || !make_room_out(connection, more)) {
        cut_off(connection);
        return;
    }
    memcpy(connection->out + connection->out_length, head, head_length);
    if (length)
        memcpy(connection->out + connection->out_length + head_length, data, length);
    connection->out_length += (uint32_t)more;
    if (!connection->flush.list)
        enter_list(&sockets->flush, &connection->flush, connection, 0);
}

static void send_frame(struct connection *connection, unsigned opcode, const uint8_t *data, size_t length)
{
    uint8_t head[ANSWER_HEAD_MOST];
    append(connection, head, frame_write_head(head, opcode, length), data, length);
}

void sockets_send(struct socket_client *client, const uint8_t *message, size_t length)
{
    send_frame((struct connection *)(void *)client, FRAME_TEXT, message, length);
}

/* Take its peers out and send a close frame; the end comes once that is sent, or by the sweep. */
static void close_with(struct connection *connection, unsigned code)
{
    const uint8_t payload[2] = {(uint8_t)(code >> 8), (uint8_t)code};
    struct sockets *sockets = connection->sockets;
    if (connection->closing || connection->doomed)
        return;
    send_frame(connection, FRAME_CLOSE, payload, sizeof payload);
    if (connection->doomed)
        return;
    connection->closing = true;
    socket_peers_leave(&sockets->peers, &connection->client);
    forget_quiet(connection);
    enter_list(&sockets->stalled, &connection->stalled, connection, sockets->now);
}

static void break_with(struct connection *connection, unsigned code)
{
    if (connection->closing)
        return;
    add_to(&connection->sockets->broken, 1);
    close_with(connection, code);
}

/* Memory. */

/* End those that have held bytes for longest without moving any, but this one, until there is room. */
static bool make_memory(struct sockets *sockets, const struct connection *asker, uint64_t most)
{
    struct place *place = sockets->stalled.oldest;
    while (atomic_load_explicit(&sockets->held, memory_order_relaxed) > most && place &&
           place->since + SLOW_MS <= sockets->now) {
        struct connection *slow = place->connection;
        place = place->newer;
        if (slow != asker && slow->held) {
            add_to(&sockets->cut_off, !slow->doomed);
            drop(slow);
        }
    }
    return atomic_load_explicit(&sockets->held, memory_order_relaxed) <= most;
}

/* Count what waits to be sent and what came of messages; without room for it the connection ends. */
static void count_buffers(struct connection *connection)
{
    struct sockets *sockets = connection->sockets;
    uint64_t holds = (uint64_t)waiting_out(connection) + connection->message_length + connection->rest_length;
    if (connection->dead || holds == connection->held)
        return;
    bool more = holds > connection->held;
    atomic_fetch_add_explicit(&sockets->held, holds - connection->held, memory_order_relaxed);
    connection->held = holds;
    uint64_t others = atomic_load_explicit(&sockets->others, memory_order_relaxed), most = sockets->settings.memory;
    if (more && !make_memory(sockets, connection, others < most ? most - others : 0))
        cut_off(connection);
}

/* Messages. */

static void note_torrents(struct connection *connection)
{
    struct sockets *sockets = connection->sockets;
    if (connection->closing)
        return;
    if (connection->client.count)
        leave_list(&connection->without);
    else if (!connection->without.list)
        enter_list(&sockets->without, &connection->without, connection, sockets->now);
}

/* Let Python read a message; the connection waits for it. */
static void ask_python(struct connection *connection, const uint8_t *data, size_t length)
{
    struct sockets *sockets = connection->sockets;
    const uint64_t one = 1;
    struct unusual *unusual = malloc(sizeof *unusual + length);
    if (!unusual) {
        cut_off(connection);
        return;
    }
    *unusual = (struct unusual){NULL, connection->client.id, connection->client.address, length};
    memcpy(unusual->bytes, data, length);
    bool first = sockets->first == NULL;
    *sockets->last = unusual;
    sockets->last = &unusual->next;
    connection->asked = true;
    enter_list(&sockets->asking, &connection->asking, connection, 0);
    add_to(&sockets->asked_ever, 1);
    if (first && write(sockets->event, &one, sizeof one) < 0)
        return; /* only a full counter refuses, and that one is readable */
}

/* A whole message. */
static void take_message(struct connection *connection, const uint8_t *data, size_t length)
{
    struct sockets *sockets = connection->sockets;
    bool valid = connection->utf8 == UTF8_WHOLE;
    if (!valid && connection->text) {
        break_with(connection, CLOSE_BAD_DATA);
        return;
    }
    add_to(&sockets->messages, 1);
    if (!valid || !message_read(data, length, &sockets->peers.message)) {
        ask_python(connection, data, length);
        return;
    }
    socket_peers_receive(&sockets->peers, &connection->client, sockets->now);
    note_torrents(connection);
}

static void take_control(struct connection *connection, unsigned opcode, const uint8_t *data, size_t length)
{
    if (opcode == FRAME_PING) {
        send_frame(connection, FRAME_PONG, data, length);
    } else if (opcode == FRAME_CLOSE) {
        unsigned code = close_code_for(data, length);
        if (code == CLOSE_NORMAL)
            close_with(connection, code);
        else
            break_with(connection, code);
    }
}

static bool keep_piece(struct connection *connection, const uint8_t *data, size_t length)
{
    size_t wanted = connection->message_length + length, room = connection->message_room ? connection->message_room : 256;
    while (room < wanted)
        room *= 2;
    if (room != connection->message_room) {
        uint8_t *longer = realloc(connection->message, room);
        if (!longer)
            return false;
        connection->message = longer;
        connection->message_room = (uint32_t)room;
    }
    if (length)
        memcpy(connection->message + connection->message_length, data, length);
    connection->message_length = (uint32_t)wanted;
    return true;
}

/* Begin a frame of a message; false where the connection ends. */
static bool begin_frame(struct connection *connection, const struct frame_head *head)
{
    if ((head->opcode == FRAME_CONTINUATION) != connection->in_message) {
        break_with(connection, CLOSE_PROTOCOL_ERROR);
        return false;
    }
    if (!connection->in_message) {
        connection->in_message = true;
        connection->text = head->opcode == FRAME_TEXT;
        connection->utf8 = UTF8_WHOLE;
        connection->frames = 0;
    }
    if (head->length > connection->sockets->settings.message - connection->message_length ||
        ++connection->frames > FRAMES_MOST) {
        break_with(connection, CLOSE_TOO_BIG);
        return false;
    }
    connection->in_payload = true;
    connection->fin = head->fin;
    connection->left = head->length;
    connection->unmasked = 0;
    memcpy(connection->mask, head->mask, sizeof connection->mask);
    return true;
}

static void end_message(struct connection *connection)
{
    free(connection->message);
    connection->message = NULL;
    connection->message_length = connection->message_room = 0;
}

/* Take what came of a frame's payload; returns its length. What is whole is answered where it lies. */
static size_t take_payload(struct connection *connection, uint8_t *data, size_t length)
{
    size_t count = length < connection->left ? length : (size_t)connection->left;
    frame_unmask(data, count, connection->mask, connection->unmasked);
    connection->left -= count;
    connection->unmasked += count;
    connection->utf8 = utf8_read(connection->utf8, data, count);
    if (connection->text && connection->utf8 == UTF8_BROKEN) {
        break_with(connection, CLOSE_BAD_DATA);
        return count;
    }
    bool whole = !connection->left && connection->fin;
    connection->in_payload = connection->left > 0;
    connection->in_message = !whole;
    if (whole && !connection->message_length) {
        take_message(connection, data, count);
        return count;
    }
    if (!keep_piece(connection, data, count)) {
        cut_off(connection);
        return count;
    }
    if (whole) {
        take_message(connection, connection->message, connection->message_length);
        end_message(connection);
    }
    return count;
}

/* Read the frames in some bytes, as far as they are whole and the connection goes on; returns how many were used. */
static size_t take_frames(struct connection *connection, uint8_t *data, size_t length)
{
    size_t at = 0;
    while (!connection->closing && !connection->doomed && !connection->asked) {
        struct frame_head head;
        if (connection->in_payload) {
            if (at == length)
                break;
            at += take_payload(connection, data + at, length - at);
            continue;
        }
        enum frame_reading reading = frame_read(data + at, length - at, &head);
        if (reading == FRAME_PART)
            break;
        if (reading == FRAME_BAD) {
            break_with(connection, CLOSE_PROTOCOL_ERROR);
        } else if (head.opcode & 8) {
            uint8_t *payload = data + at + head.size;
            if (length - at - head.size < head.length)
                break;
            frame_unmask(payload, (size_t)head.length, head.mask, 0);
            take_control(connection, head.opcode, payload, (size_t)head.length);
            at += head.size + (size_t)head.length;
        } else if (begin_frame(connection, &head)) {
            at += head.size;
            if (!head.length)
                take_payload(connection, data + at, 0);
        }
    }
    return at;
}

/* Reading. */

static void hear(struct connection *connection)
{
    enter_list(&connection->sockets->heard, &connection->quiet, connection, connection->sockets->now);
}

static void make_ready(struct connection *connection)
{
    if (!connection->ready.list && !connection->dead)
        enter_list(&connection->sockets->ready, &connection->ready, connection, 0);
}

/* Read the frames in some bytes, and keep what is left of them. The bytes may be those that were kept. */
static void take_bytes(struct connection *connection, uint8_t *data, size_t length)
{
    size_t used = take_frames(connection, data, length), left = length - used;
    uint8_t *rest = NULL;
    if (connection->closing || connection->doomed)
        left = 0;
    if (left && !(rest = malloc(left))) {
        cut_off(connection);
        left = 0;
    }
    if (left)
        memcpy(rest, data + used, left);
    free(connection->rest);
    connection->rest = rest;
    connection->rest_length = (uint32_t)left;
}

/* Go on with what was kept while Python was asked; false where nothing more is to be read now. */
static bool take_rest(struct connection *connection)
{
    if (connection->rest_length <= REST_MOST)
        return true;
    take_bytes(connection, connection->rest, connection->rest_length);
    return !connection->asked && !connection->closing && !connection->doomed;
}

static void receive(struct connection *connection)
{
    struct sockets *sockets = connection->sockets;
    if (!take_rest(connection))
        return;
    ssize_t got = recv(connection->fd, sockets->in + REST_MOST, IN_SIZE, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        if (errno == EINTR)
            make_ready(connection);
        if (connection->rest_length) /* what was kept may be whole all the same, after an answer of Python */
            take_bytes(connection, connection->rest, connection->rest_length);
        return;
    }
    if (got <= 0) {
        drop(connection);
        return;
    }
    hear(connection);
    uint8_t *data = sockets->in + REST_MOST - connection->rest_length;
    if (connection->rest_length)
        memcpy(data, connection->rest, connection->rest_length);
    take_bytes(connection, data, connection->rest_length + (size_t)got);
    if (got == IN_SIZE || connection->ended)
        make_ready(connection);
}

/* Read what has come, where the connection reads. */
static void go_on(struct connection *connection)
{
    if (connection->dead || connection->doomed)
        return;
    if (connection->closing)
        return;
    if (!connection->asked)
        receive(connection);
    count_buffers(connection);
}

static void handle(struct connection *connection, uint32_t happened)
{
    const uint32_t ended = EPOLLRDHUP | EPOLLHUP | EPOLLERR;
    if (connection->dead)
        return;
    connection->ended |= (happened & ended) != 0;
    if (connection->closing && happened & (EPOLLHUP | EPOLLERR)) {
        drop(connection);
        return;
    }
    if (happened & EPOLLOUT && connection->stalled.list) {
        flush(connection);
        if (connection->dead)
            return;
        count_buffers(connection);
    }
    if (happened & (EPOLLIN | ended))
        go_on(connection);
}

/* The thread. */

static void flush_all(struct sockets *sockets)
{
    while (sockets->flush.oldest) {
        struct connection *connection = sockets->flush.oldest->connection;
        flush(connection);
        count_buffers(connection);
    }
    drop_doomed(sockets);
}

static struct connection *due(const struct waiting_list *list, int64_t since)
{
    return list->oldest && list->oldest->since <= since ? list->oldest->connection : NULL;
}

/* Ask those that are silent, and end those that do not answer, take nothing, or have no torrent. */
static void sweep(struct sockets *sockets)
{
    int64_t now = sockets->now, ping = sockets->settings.ping_ms;
    struct connection *connection;
    while ((connection = due(&sockets->pinged, now - ping))) {
        add_to(&sockets->timed_out, 1);
        drop(connection);
    }
    while ((connection = due(&sockets->stalled, now - ping))) {
        add_to(&sockets->cut_off, 1);
        drop(connection);
    }
    while ((connection = due(&sockets->without, now - sockets->settings.idle_ms))) {
        leave_list(&connection->without);
        add_to(&sockets->timed_out, 1);
        close_with(connection, CLOSE_POLICY);
    }
    while ((connection = due(&sockets->heard, now - ping))) {
        enter_list(&sockets->pinged, &connection->quiet, connection, now);
        send_frame(connection, FRAME_PING, NULL, 0);
    }
    flush_all(sockets);
    sockets->swept = now;
}

static void serve_events(struct sockets *sockets, const struct epoll_event *events, int count)
{
    uint64_t counted;
    for (int at = 0; at < count; at++) {
        if (!events[at].data.ptr) {
            if (read(sockets->wake, &counted, sizeof counted) < 0)
                counted = 0; /* somebody was quicker */
            continue;
        }
        handle(events[at].data.ptr, events[at].events);
        drop_doomed(sockets);
        let_pass(sockets);
    }
}

/* Give each connection that has more to be read one turn. */
static void serve_ready(struct sockets *sockets)
{
    for (uint64_t left = sockets->ready.count; left && sockets->ready.oldest; left--) {
        struct connection *connection = sockets->ready.oldest->connection;
        leave_list(&connection->ready);
        go_on(connection);
        drop_doomed(sockets);
        let_pass(sockets);
    }
}

static void *run(void *given)
{
    struct sockets *sockets = given;
    struct epoll_event events[EVENTS];
    bool more = false;
    for (;;) {
        int count = epoll_wait(sockets->epoll, events, EVENTS, more ? 0 : STEP_MS);
        pthread_mutex_lock(&sockets->lock);
        let_pass(sockets);
        if (sockets->stopping)
            break;
        read_clock(sockets);
        serve_events(sockets, events, count);
        serve_ready(sockets);
        flush_all(sockets);
        if (!sockets->settings.fixed_clock[0] && sockets->now - sockets->swept >= STEP_MS)
            sweep(sockets);
        more = sockets->ready.oldest != NULL;
        free_dead(sockets);
        pthread_mutex_unlock(&sockets->lock);
    }
    for (struct connection *each = sockets->all, *next; each; each = next) {
        next = each->all_next;
        close_with(each, CLOSE_GOING_AWAY);
        flush(each);
        drop(each);
    }
    drop_doomed(sockets);
    free_dead(sockets);
    pthread_mutex_unlock(&sockets->lock);
    return NULL;
}

/* Start and stop. */

struct sockets *sockets_new(const struct socket_settings *settings)
{
    struct sockets *sockets = aligned_alloc(CACHE_LINE, (sizeof *sockets + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE);
    if (!sockets)
        return NULL;
    memset(sockets, 0, sizeof *sockets);
    sockets->settings = *settings;
    sockets->handler.rules = settings->rules;
    sockets->handler.store = settings->store;
    sockets->peers.handler = &sockets->handler;
    sockets->handler.rng = &sockets->peers.rng;
    sockets->peers.terms = settings->terms;
    sockets->peers.texts = settings->texts;
    sockets->peers.rng.state = settings->seed;
    sockets->peers.secret = (struct secret){settings->secret[0], settings->secret[1]};
    sockets->last = &sockets->first;
    sockets->epoll = epoll_create1(EPOLL_CLOEXEC);
    sockets->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    sockets->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_init(&sockets->lock, NULL);
    pthread_cond_init(&sockets->passed, NULL);
    struct epoll_event wake = {.events = EPOLLIN, .data.ptr = NULL};
    bool counted = connections_init(&sockets->own, settings->connections, settings->per_address, 0, settings->exempt,
                                    settings->secret);
    bool kept = socket_peers_init(&sockets->peers, settings->message, settings->exemptions, settings->exempt_shares);
    if (counted && kept && sockets->epoll >= 0 && sockets->wake >= 0 && sockets->event >= 0 &&
        epoll_ctl(sockets->epoll, EPOLL_CTL_ADD, sockets->wake, &wake) == 0)
        return sockets;
    int error = errno ? errno : ENOMEM;
    sockets_free(sockets);
    errno = error;
    return NULL;
}

/* Signals are handled by Python's thread: this one blocks all of them. */
bool sockets_start(struct sockets *sockets)
{
    sigset_t all, before;
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes) != 0)
        return false;
    pthread_attr_setstacksize(&attributes, STACK);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&sockets->id, &attributes, run, sockets);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    errno = error;
    sockets->started = error == 0;
    return sockets->started;
}

void sockets_stop(struct sockets *sockets)
{
    if (!sockets->started)
        return;
    enter(sockets);
    sockets->stopping = true;
    leave(sockets);
    wake_up(sockets);
    pthread_join(sockets->id, NULL);
    sockets->started = false;
}

void sockets_free(struct sockets *sockets)
{
    for (struct unusual *each = sockets_take(sockets), *next; each; each = next) {
        next = each->next;
        free(each);
    }
    free_dead(sockets);
    socket_peers_free(&sockets->peers);
    connections_free(&sockets->own);
    if (sockets->epoll >= 0)
        close(sockets->epoll);
    if (sockets->wake >= 0)
        close(sockets->wake);
    if (sockets->event >= 0)
        close(sockets->event);
    pthread_mutex_destroy(&sockets->lock);
    pthread_cond_destroy(&sockets->passed);
    free(sockets);
}

/* Connections that come. */

static struct connection *new_connection(struct sockets *sockets, const struct upgrade *upgrade)
{
    struct connection *connection = calloc(1, sizeof *connection);
    uint8_t *passkey = malloc(upgrade->passkey.length + 1), *rest = malloc(upgrade->early.length + 1);
    if (!connection || !passkey || !rest) {
        free(connection);
        free(passkey);
        free(rest);
        return NULL;
    }
    if (upgrade->passkey.length)
        memcpy(passkey, upgrade->passkey.data, upgrade->passkey.length);
    if (upgrade->early.length)
        memcpy(rest, upgrade->early.data, upgrade->early.length);
    connection->sockets = sockets;
    connection->fd = upgrade->fd;
    connection->counts = upgrade->counts;
    connection->counted = upgrade->counted;
    connection->client.id = ++sockets->peers.serial;
    connection->client.address = upgrade->address;
    connection->client.owner = shares_owner(&sockets->peers.shares, upgrade->address.bytes, upgrade->address.length);
    connection->client.passkey = (struct slice){passkey, upgrade->passkey.length};
    connection->rest = rest;
    connection->rest_length = (uint32_t)upgrade->early.length;
    return connection;
}

static void enter_all(struct sockets *sockets, struct connection *connection)
{
    connection->all_next = sockets->all;
    connection->all_place = &sockets->all;
    if (connection->all_next)
        connection->all_next->all_place = &connection->all_next;
    sockets->all = connection;
    enter_list(&sockets->heard, &connection->quiet, connection, sockets->now);
    enter_list(&sockets->without, &connection->without, connection, sockets->now);
}

static void shake_hands(struct connection *connection, const uint8_t key[WEBSOCKET_KEY])
{
    static const char switching[] = "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
                                    "sec-websocket-accept: ";
    uint8_t accept[WEBSOCKET_ACCEPT + 4];
    websocket_accept(key, accept);
    memcpy(accept + WEBSOCKET_ACCEPT, "\r\n\r\n", 4);
    append(connection, (const uint8_t *)switching, sizeof switching - 1, accept, sizeof accept);
}

static enum adoption adopt(struct sockets *sockets, const struct upgrade *upgrade)
{
    struct epoll_event event = {.events = (uint32_t)(EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET)};
    struct connection *connection = sockets->stopping ? NULL : new_connection(sockets, upgrade);
    event.data.ptr = connection;
    if (!connection || epoll_ctl(sockets->epoll, EPOLL_CTL_ADD, upgrade->fd, &event) < 0) {
        if (connection)
            free((void *)connection->client.passkey.data);
        if (connection)
            free(connection->rest);
        free(connection);
        return ADOPTION_FAILED;
    }
    enter_all(sockets, connection);
    shake_hands(connection, upgrade->key);
    flush(connection);
    make_ready(connection); /* what came with the head, and what came since */
    count_buffers(connection);
    drop_doomed(sockets);
    return ADOPTED;
}

enum adoption sockets_adopt(struct sockets *sockets, const struct upgrade *upgrade)
{
    if (!connections_admit(&sockets->own, &upgrade->address))
        return ADOPTION_FULL;
    enter(sockets);
    read_clock(sockets);
    enum adoption done = adopt(sockets, upgrade);
    leave(sockets);
    if (done == ADOPTED)
        wake_up(sockets);
    else
        connections_leave(&sockets->own, &upgrade->address);
    return done;
}

/* What Python asks and answers. */

int sockets_event(const struct sockets *sockets)
{
    return sockets->event;
}

struct unusual *sockets_take(struct sockets *sockets)
{
    uint64_t counted;
    if (sockets->event >= 0 && read(sockets->event, &counted, sizeof counted) < 0)
        counted = 0; /* nothing new; what there is goes out all the same */
    enter(sockets);
    struct unusual *first = sockets->first;
    sockets->first = NULL;
    sockets->last = &sockets->first;
    leave(sockets);
    return first;
}


/* The connection that waits for an answer of Python, which goes on then; NULL where it has ended. */
static struct connection *asked_connection(struct sockets *sockets, uint64_t serial)
{
    for (struct place *place = sockets->asking.oldest; place; place = place->newer) {
        struct connection *connection = place->connection;
        if (connection->client.id != serial)
            continue;
        leave_list(place);
        connection->asked = false;
        make_ready(connection);
        return connection;
    }
    return NULL;
}

/* Send what came of a call of Python, and let the thread go on with the rest. */
static void end_call(struct sockets *sockets)
{
    drop_doomed(sockets);
    flush_all(sockets);
    leave(sockets);
    wake_up(sockets);
}

bool sockets_carry_out(struct sockets *sockets, uint64_t serial, const uint8_t *message, size_t length)
{
    enter(sockets);
    read_clock(sockets);
    bool read = message_read(message, length, &sockets->peers.message);
    struct connection *connection = read ? asked_connection(sockets, serial) : NULL;
    if (connection && !connection->closing && !connection->doomed) {
        socket_peers_receive(&sockets->peers, &connection->client, sockets->now);
        note_torrents(connection);
    }
    end_call(sockets);
    return read;
}

void sockets_answer(struct sockets *sockets, uint64_t serial, const uint8_t *answer, size_t length)
{
    enter(sockets);
    read_clock(sockets);
    struct connection *connection = asked_connection(sockets, serial);
    if (connection && !connection->closing) {
        send_frame(connection, FRAME_TEXT, answer, length);
        note_torrents(connection);
    }
    end_call(sockets);
}

void sockets_forget(struct sockets *sockets, const uint8_t infohash[INFOHASH])
{
    enter(sockets);
    socket_peers_forget(&sockets->peers, infohash);
    leave(sockets);
}

void sockets_sweep(struct sockets *sockets)
{
    enter(sockets);
    read_clock(sockets);
    sweep(sockets);
    leave(sockets);
}

void sockets_share(struct sockets *sockets, uint64_t held)
{
    atomic_store_explicit(&sockets->others, held, memory_order_relaxed);
}

void sockets_set_clock(struct sockets *sockets, int64_t now)
{
    atomic_store_explicit(&sockets->clock, now, memory_order_relaxed);
}

size_t sockets_waiting(struct sockets *sockets, const uint8_t infohash[INFOHASH], const uint8_t peer_id[PEER_ID])
{
    enter(sockets);
    size_t count = socket_peers_waiting(&sockets->peers, infohash, peer_id);
    leave(sockets);
    return count;
}

const struct counters *sockets_counters(const struct sockets *sockets)
{
    return &sockets->handler.counters;
}

static uint64_t read_counter(const _Atomic uint64_t *number)
{
    return atomic_load_explicit(number, memory_order_relaxed);
}

uint64_t sockets_held(const struct sockets *sockets)
{
    return read_counter(&sockets->held);
}

void sockets_read(struct sockets *sockets, struct socket_numbers *out)
{
    *out = (struct socket_numbers){.open = atomic_load_explicit(&sockets->own.open, memory_order_relaxed)};
    out->turned_away = read_counter(&sockets->own.turned_away);
    out->messages = read_counter(&sockets->messages);
    out->timed_out = read_counter(&sockets->timed_out);
    out->cut_off = read_counter(&sockets->cut_off);
    out->broken = read_counter(&sockets->broken);
    out->offers = read_counter(&sockets->peers.offers);
    out->answers = read_counter(&sockets->peers.answers);
    out->peers = read_counter(&sockets->peers.peers);
    out->held = read_counter(&sockets->held);
    out->asked = read_counter(&sockets->asked_ever);
    enter(sockets);
    out->pinged = sockets->pinged.count;
    out->stalled = sockets->stalled.count;
    leave(sockets);
}
