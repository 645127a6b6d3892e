/* Drives the tracker over WebSocket with a script that a fuzzer writes: connections that come, send bytes or frames,
 * stall, leave and reset, what Python does meanwhile, time that passes, and allocations and system calls that fail.
 *
 * The kernel is played here, and the thread of the sockets runs inside of `epoll_wait`, which carries the script out.
 * Whatever comes, the thread may write nothing but frames, hold no more memory than it may, count as many peers as
 * there are, let no client wait that could be heard, and leave nothing open, allocated or counted.
 */
#define PEERAGE_FUZZ_DOOR /* plays them, so it has its own */
#include "faults.h"

#include "allocations.h"
#include "harness.h"
#include "sockets.h"

enum {
    FIRST_FD = 1 << 20, /* no descriptor of this process: a call that is not played fails */
    FDS = 40,
    CLIENTS = 24,
    TURNS_MOST = 20000,
    RECEIVED_MOST = 1 << 16,
    MESSAGE_MOST = 2048,
    QUEUE_MOST = 4096,
    MEMORY_MOST = 16384
};

enum fd_kind { CLOSED, EPOLL, EVENT, STREAM };
enum step { SCRIPT, DRAIN, END };

struct visitor {
    uint8_t *in;
    size_t in_length, window;
    uint8_t head[ANSWER_HEAD_MOST]; /* of the frame that is being written, as far as it came */
    size_t head_length, answered;   /* answered: bytes of the handshake's answer */
    uint32_t last;                  /* the last four of them */
    uint64_t left;                  /* bytes of its payload that are to come */
    uint8_t first;                  /* of a payload; 0: none came yet */
    bool closed, fin, reset, said_close, shut;
};

struct fd {
    enum fd_kind kind;
    bool registered, edge, edges;
    uint32_t events;
    void *data;
    uint64_t counter;
    struct visitor *client;
};

static struct {
    const uint8_t *at, *end; /* the script */
    struct fd fds[FDS];
    struct visitor clients[CLIENTS];
    unsigned client_count;
    uint64_t milliseconds;
    enum step step;
    unsigned turns, rounds;
    void *(*run)(void *);
    void *given;
    struct sockets *sockets;
    struct store *store;
} world;

static struct rules rules;

/* Descriptors. */

static struct fd *fd_of(int number, enum fd_kind kind)
{
    if (number < FIRST_FD || number >= FIRST_FD + FDS || world.fds[number - FIRST_FD].kind != kind)
        fail("a call on a descriptor that is closed, or is another thing");
    return &world.fds[number - FIRST_FD];
}

static int open_fd(enum fd_kind kind)
{
    for (int at = 0; at < FDS; at++)
        if (world.fds[at].kind == CLOSED) {
            world.fds[at] = (struct fd){.kind = kind};
            return FIRST_FD + at;
        }
    return refuse(EMFILE);
}

int fault_close(int number)
{
    if (number < FIRST_FD || number >= FIRST_FD + FDS || world.fds[number - FIRST_FD].kind == CLOSED)
        fail("a descriptor is closed twice");
    struct fd *fd = &world.fds[number - FIRST_FD];
    if (fd->client) {
        fd->client->closed = true;
        free(fd->client->in);
        fd->client->in = NULL;
        fd->client->in_length = 0;
    }
    *fd = (struct fd){.kind = CLOSED};
    return 0;
}

int fault_shutdown(int number, int how)
{
    struct visitor *client = fd_of(number, STREAM)->client;
    if (how != SHUT_WR || !client->said_close || client->left || client->shut)
        fail("a side is closed before that was said, or twice");
    client->shut = true;
    return client->reset || call_fails() ? refuse(ENOTCONN) : 0;
}

int fault_eventfd(unsigned value, int flags)
{
    (void)flags;
    int number = call_fails() ? refuse(ENFILE) : open_fd(EVENT);
    if (number >= 0)
        fd_of(number, EVENT)->counter = value;
    return number;
}

ssize_t fault_read(int number, void *data, size_t size)
{
    struct fd *fd = fd_of(number, EVENT);
    if (!fd->counter)
        return refuse(EAGAIN);
    memcpy(data, &fd->counter, size);
    fd->counter = 0;
    return (ssize_t)size;
}

ssize_t fault_write(int number, const void *data, size_t size)
{
    uint64_t more;
    memcpy(&more, data, sizeof more);
    fd_of(number, EVENT)->counter += more;
    return (ssize_t)size;
}

int fault_clock_gettime(clockid_t clock, struct timespec *now)
{
    uint64_t since = clock == CLOCK_REALTIME_COARSE ? 1800000000000u : 5000000u;
    *now = (struct timespec){(time_t)((since + world.milliseconds) / 1000), (long)(world.milliseconds % 1000) * 1000000};
    return 0;
}

ssize_t fault_recv(int number, void *data, size_t size, int flags)
{
    static const int errors[] = {EINTR, ECONNRESET, ETIMEDOUT};
    struct visitor *client = fd_of(number, STREAM)->client;
    if (!(flags & MSG_DONTWAIT) || !size)
        fail("a read that could block, or of nothing");
    if (client->reset || call_fails())
        return refuse(client->reset ? ECONNRESET : errors[faults.count % 3]);
    if (!client->in_length)
        return client->fin ? 0 : refuse(EAGAIN);
    size_t count = size < client->in_length ? size : client->in_length;
    memcpy(data, client->in, count);
    memmove(client->in, client->in + count, client->in_length - count);
    client->in_length -= count;
    return (ssize_t)count;
}

/* What the server writes: the answer to the handshake, then frames that are whole messages, of text in JSON. */
static void check_written(struct visitor *client, const uint8_t *data, size_t length)
{
    static const char head[] = "HTTP/1.1 101 Switching Protocols\r\n";
    for (size_t at = 0; at < length;) {
        if (client->last != 0x0d0a0d0a) {
            if (client->answered < sizeof head - 1 && data[at] != (uint8_t)head[client->answered])
                fail("the handshake is answered with something else");
            client->answered++;
            client->last = client->last << 8 | data[at++];
            continue;
        }
        if (client->left) {
            size_t count = client->left < length - at ? (size_t)client->left : length - at;
            if (!client->first) {
                client->first = data[at];
                if (client->head[0] == 0x81 && client->first != '{')
                    fail("a text that is no object");
            }
            if (client->left == count && client->head[0] == 0x81 && data[at + count - 1] != '}')
                fail("a text that does not end as an object");
            client->left -= count;
            at += count;
            continue;
        }
        if (client->said_close)
            fail("something comes behind a close frame");
        client->head[client->head_length++] = data[at++];
        if (client->head_length < 2)
            continue;
        size_t wide = client->head[1] < 126 ? 0 : client->head[1] == 126 ? 2 : 8;
        if (client->head[1] & 0x80)
            fail("a masked frame");
        if (client->head_length < 2 + wide)
            continue;
        uint8_t opcode = client->head[0];
        if (opcode != 0x81 && opcode != 0x88 && opcode != 0x89 && opcode != 0x8a)
            fail("a frame that is none of the server's");
        client->left = wide ? 0 : client->head[1];
        for (size_t each = 0; each < wide; each++)
            client->left = client->left << 8 | client->head[2 + each];
        client->said_close = opcode == 0x88;
        if (client->said_close && client->left != 2)
            fail("a close frame without its code");
        client->head_length = 0;
        client->first = 0;
    }
}

ssize_t fault_send(int number, const void *data, size_t size, int flags)
{
    static const int errors[] = {EINTR, EPIPE, ENOBUFS, EAGAIN};
    struct fd *fd = fd_of(number, STREAM);
    struct visitor *client = fd->client;
    if (!(flags & MSG_DONTWAIT) || !(flags & MSG_NOSIGNAL) || !size)
        fail("a write that could block or raise a signal, or of nothing");
    if (client->reset || call_fails()) {
        int error = client->reset ? EPIPE : errors[faults.count % 4];
        fd->edge |= error == EAGAIN || error == EINTR;
        return refuse(error);
    }
    if (client->shut)
        fail("something is written to a side that was closed");
    if (!client->window)
        return refuse(EAGAIN);
    size_t count = size < client->window ? size : client->window;
    client->window -= count;
    check_written(client, data, count);
    return (ssize_t)count;
}

/* epoll. */

int fault_epoll_create1(int flags)
{
    (void)flags;
    return call_fails() ? refuse(EMFILE) : open_fd(EPOLL);
}

int fault_epoll_ctl(int epoll, int operation, int number, struct epoll_event *event)
{
    fd_of(epoll, EPOLL);
    if (number < FIRST_FD || number >= FIRST_FD + FDS || world.fds[number - FIRST_FD].kind == CLOSED)
        fail("epoll is told of a closed descriptor");
    if (operation != EPOLL_CTL_ADD)
        fail("a registration is changed");
    if (call_fails())
        return refuse(ENOMEM);
    struct fd *fd = &world.fds[number - FIRST_FD];
    fd->registered = fd->edge = true;
    fd->edges = event->events & EPOLLET;
    fd->events = event->events;
    fd->data = event->data.ptr;
    return 0;
}

static uint32_t happened(const struct fd *fd)
{
    uint32_t found = 0;
    if (fd->kind == STREAM) {
        const struct visitor *client = fd->client;
        found |= client->reset ? (uint32_t)(EPOLLHUP | EPOLLERR) : 0;
        found |= client->fin ? fd->events & EPOLLRDHUP : 0;
        found |= client->window || client->reset ? fd->events & EPOLLOUT : 0;
        found |= client->in_length || client->fin || client->reset ? fd->events & EPOLLIN : 0;
    } else if (fd->counter) {
        found = fd->events & EPOLLIN;
    }
    return fd->edges && !fd->edge ? 0 : found;
}

static int collect(struct epoll_event *events, int most)
{
    int count = 0;
    for (int at = 0; at < FDS && count < most; at++) {
        struct fd *fd = &world.fds[at];
        uint32_t found = fd->registered ? happened(fd) : 0;
        if (found) {
            events[count].events = found;
            events[count++].data.ptr = fd->data;
            fd->edge = false;
        }
    }
    return count;
}

/* The script. */

static uint8_t next_byte(void)
{
    return world.at < world.end ? *world.at++ : 0;
}

/* The bytes up to the next 255. */
static struct slice next_text(void)
{
    const uint8_t *stop = world.at < world.end ? memchr(world.at, 255, (size_t)(world.end - world.at)) : NULL;
    struct slice text = {world.at, stop ? (size_t)(stop - world.at) : (size_t)(world.end - world.at)};
    world.at += text.length + (stop != NULL);
    return text;
}

static struct fd *fd_of_client(const struct visitor *client)
{
    for (int at = 0; at < FDS; at++)
        if (world.fds[at].client == client)
            return &world.fds[at];
    return NULL;
}

static void tell(struct visitor *client)
{
    struct fd *fd = fd_of_client(client);
    if (fd)
        fd->edge = true;
}

static void give(struct visitor *client, const uint8_t *data, size_t length)
{
    if (!length || !fd_of_client(client) || client->fin || client->reset || client->in_length + length > RECEIVED_MOST)
        return;
    client->in = realloc(client->in, client->in_length + length);
    memcpy(client->in + client->in_length, data, length);
    client->in_length += length;
    tell(client);
}

static void come(uint8_t operand)
{
    static const uint8_t key[] = "dGhlIHNhbXBsZSBub25jZQ==";
    struct slice early = next_text();
    if (world.client_count == CLIENTS)
        return;
    struct visitor *client = &world.clients[world.client_count];
    *client = (struct visitor){.window = operand & 16 ? 200 : SIZE_MAX / 2};
    int number = open_fd(STREAM);
    if (number < 0)
        return;
    world.client_count++;
    world.fds[number - FIRST_FD].client = client;
    struct upgrade upgrade = {.fd = number, .early = early, .key = key};
    upgrade.address = (struct address){4, {9, 9, 9, operand & 3}};
    if (operand & 4)
        upgrade.passkey = SLICE(HARNESS_PASSKEY);
    if (sockets_adopt(world.sockets, &upgrade) != ADOPTED)
        fault_close(number);
}

/* A frame of a client with the next text: the rest of the operand is its opcode, and whether it ends its message. */
static void say_frame(struct visitor *client, uint8_t kind)
{
    static const uint8_t opcodes[] = {1, 1, 2, 0, 8, 9, 10, 3};
    struct slice text = next_text();
    uint8_t frame[FRAME_HEAD_MOST + MESSAGE_MOST];
    size_t length = text.length < MESSAGE_MOST ? text.length : MESSAGE_MOST, head = 2;
    frame[0] = (uint8_t)((kind & 8 ? 0 : 0x80) | opcodes[kind & 7]);
    frame[1] = (uint8_t)(0x80 | (length < 126 ? length : 126));
    if (length >= 126) {
        frame[2] = (uint8_t)(length >> 8);
        frame[3] = (uint8_t)length;
        head = 4;
    }
    memcpy(frame + head, "mask", 4);
    memcpy(frame + head + 4, text.data, length);
    frame_unmask(frame + head + 4, length, frame + head, 0);
    give(client, frame, head + 4 + length);
}

/* What Python does with a message: carry out one of its own, or refuse; true where there was any. */
static bool be_python(uint8_t operand)
{
    static const uint8_t usual[] = "{\"action\":\"announce\",\"info_hash\":\"AAAAAAAAAAAAAAAAAAAA\",\"peer_id\":"
                                   "\"pppppppppppppppppppp\"}";
    struct unusual *first = sockets_take(world.sockets), *next;
    for (struct unusual *each = first; each; each = next) {
        next = each->next;
        if (operand & 1)
            sockets_answer(world.sockets, each->serial, (const uint8_t *)"{}", 2);
        else if (!sockets_carry_out(world.sockets, each->serial, usual, sizeof usual - 1))
            fail("a usual message is not taken");
        fault_free(each);
    }
    return first != NULL;
}

static void maintain(uint8_t operand)
{
    uint8_t infohash[INFOHASH];
    memset(infohash, 'A' + (operand >> 3 & 1), sizeof infohash);
    switch (operand & 7) {
    case 0:
        if (store_deny_unexplained(world.store, infohash, true) != 0)
            break; /* for want of memory, which Python raises */
        store_remove_denied(world.store);
        sockets_forget(world.sockets, infohash);
        break;
    case 1:
        store_deny_unexplained(world.store, infohash, false);
        break;
    case 2:
        sockets_sweep(world.sockets);
        break;
    case 3:
        sockets_share(world.sockets, operand & 8 ? MEMORY_MOST - 500 : 0);
        break;
    case 4:
        store_set_private(world.store, operand & 8);
        break;
    default:
        be_python(operand);
    }
}

static void mark(struct visitor *client, bool *what)
{
    *what = true;
    tell(client);
}

static void widen(struct visitor *client, size_t window)
{
    client->window = window;
    tell(client);
}

/* Carry out one step; true where time passed. */
static bool carry_out(void)
{
    uint8_t code = next_byte(), operand = code >> 3;
    struct visitor *client = &world.clients[world.client_count ? operand % world.client_count : 0];
    struct slice text;
    switch (code & 7) {
    case 0:
        come(operand);
        break;
    case 1:
        text = next_text();
        give(client, text.data, text.length);
        break;
    case 2:
    case 3:
        say_frame(client, next_byte());
        break;
    case 4:
        widen(client, client->window / 2 + 16u * next_byte());
        break;
    case 5:
        world.milliseconds += 500u * (1u + operand);
        return true;
    case 6:
        maintain(operand);
        break;
    default:
        code = next_byte();
        mark(client, code & 1 ? &client->reset : &client->fin);
    }
    return false;
}

/* Nothing fails any more, Python answers, and every client takes what it gets: then all that was sent is heard. */
static bool drain(void)
{
    faults.armed = false;
    bool more = be_python(1);
    for (unsigned at = 0; at < world.client_count; at++) {
        more |= world.clients[at].window < SIZE_MAX / 4;
        widen(&world.clients[at], SIZE_MAX / 2);
    }
    return more;
}

static void check_heard(void)
{
    struct socket_numbers numbers;
    for (unsigned at = 0; at < world.client_count; at++)
        if (world.clients[at].in_length && fd_of_client(&world.clients[at]))
            fail("a client is not heard any more");
    sockets_read(world.sockets, &numbers);
    if (numbers.held > MEMORY_MOST)
        fail("more is held than may be");
    if (numbers.peers != store_totals(world.store).peers)
        fail("there are more peers than are counted");
}

int fault_epoll_wait(int epoll, struct epoll_event *events, int most, int timeout)
{
    fd_of(epoll, EPOLL);
    if (world.sockets && sockets_held(world.sockets) > MEMORY_MOST + 2 * MESSAGE_MOST)
        fail("more is held than may be");
    for (;;) {
        if (++world.turns > TURNS_MOST)
            fail("the thread spins");
        if (call_fails())
            return refuse(EINTR);
        int count = collect(events, most);
        if (count || !timeout)
            return count;
        if (world.step == SCRIPT && world.at >= world.end)
            world.step = DRAIN;
        if (world.step == SCRIPT) {
            if (carry_out())
                return 0;
        } else if (world.step == DRAIN) {
            world.rounds = drain() ? 0 : world.rounds + 1;
            if (world.rounds < 3)
                return collect(events, most);
            check_heard();
            world.step = END;
            sockets_stop(world.sockets);
        } else {
            fail("the thread does not stop");
        }
    }
}

/* The thread: run by the harness. `sockets_stop` is called inside of it, and does not wait. */

int fault_thread_create(void *(*run)(void *), void *given)
{
    if (call_fails())
        return EAGAIN;
    world.run = run;
    world.given = given;
    return 0;
}

int fault_thread_join(void)
{
    return 0;
}

/* Calls of the loop and of stored files, which are not driven here. */
#define UNPLAYED(type, name, ...) \
    type name(__VA_ARGS__) \
    { \
        fail("a call that the sockets do not make"); \
        return -1; \
    }

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
UNPLAYED(int, fault_accept4, int listener, struct sockaddr *from, socklen_t *length, int flags)
UNPLAYED(ssize_t, fault_sendmsg, int fd, const struct msghdr *message, int flags)
UNPLAYED(int, fault_recvmmsg, int fd, struct mmsghdr *messages, unsigned count, int flags, struct timespec *timeout)
UNPLAYED(int, fault_sendmmsg, int fd, struct mmsghdr *messages, unsigned count, int flags)
UNPLAYED(long, fault_openat2, long call, int root, const char *name, const struct open_how *how, size_t size)
UNPLAYED(int, fault_fstat, int fd, struct stat *found)
UNPLAYED(ssize_t, fault_pread, int fd, void *data, size_t size, off_t from)
UNPLAYED(ssize_t, fault_preadv2, int fd, const struct iovec *pieces, int count, off_t from, int flags)
UNPLAYED(ssize_t, fault_sendfile, int socket, int fd, off_t *from, size_t size)
#pragma GCC diagnostic pop

static void settle(struct socket_settings *settings, const uint8_t *head)
{
    faults.alloc_period = faults.alloc_left = head[0];
    faults.call_period = faults.call_left = head[1];
    *settings = (struct socket_settings){.store = world.store, .rules = &rules};
    settings->terms = (struct socket_terms){120, head[2] & 1 ? 10 : 2, head[2] & 2 ? 100 : 2, head[2] & 4 ? 1000 : 5, 3};
    for (int at = 0; at < REFUSAL_COUNT; at++)
        settings->texts.refusals[at] = SLICE("a refusal");
    settings->texts.full = SLICE("full");
    settings->texts.restoring = SLICE("restoring");
    settings->message = MESSAGE_MOST;
    settings->queue = QUEUE_MOST;
    settings->memory = MEMORY_MOST;
    settings->ping_ms = settings->idle_ms = 3000;
    settings->connections = head[2] & 8 ? 3 : 100;
    settings->per_address = head[2] & 16 ? 2 : 0;
    settings->seed = 7;
}

static void serve(const struct socket_settings *settings)
{
    struct socket_numbers numbers;
    world.sockets = sockets_new(settings);
    if (!world.sockets)
        return;
    if (sockets_start(world.sockets)) {
        world.run(world.given);
        sockets_read(world.sockets, &numbers);
        if (numbers.open || numbers.held || numbers.peers)
            fail("something is counted that is gone");
        if (store_totals(world.store).peers)
            fail("a peer is counted whose connection is gone");
    }
    sockets_free(world.sockets);
}

int LLVMFuzzerTestOneInput(const uint8_t *given, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *given, size_t length)
{
    struct socket_settings settings;
    if (length < 3)
        return 0;
    memset(&world, 0, sizeof world);
    memset(&faults, 0, sizeof faults);
    world.at = given + 3;
    world.end = given + length;
    if (!rules.interval)
        harness_rules(&rules);
    world.store = harness_store();
    settle(&settings, given);
    faults.armed = true;
    serve(&settings);
    faults.armed = false;
    store_free(world.store);
    for (unsigned at = 0; at < world.client_count; at++)
        free(world.clients[at].in);
    for (int at = 0; at < FDS; at++)
        if (world.fds[at].kind != CLOSED)
            fail("a descriptor is left open");
    if (faults.live)
        fail("an allocation is left");
    return 0;
}

#ifndef LIBFUZZER
/* Without libFuzzer: carry out the scripts in files. */
int main(int count, char **names)
{
    static uint8_t script[1 << 20];
    for (int at = 1; at < count; at++) {
        FILE *file = fopen(names[at], "rb");
        if (!file)
            fail("a script cannot be read");
        size_t length = fread(script, 1, sizeof script, file);
        fclose(file);
        LLVMFuzzerTestOneInput(script, length);
    }
    printf("%d scripts, no complaint\n", count - 1);
    return 0;
}
#endif
