/* Drives the native door with a script that a fuzzer writes: clients that come, send, stall, leave and reset, packets,
 * time that passes, and allocations and system calls of which every n-th fails.
 *
 * The kernel is played here: sockets, epoll and the clock, with what Linux promises of them. The door's thread runs
 * inside of `epoll_wait`, which carries the script out. It must neither touch what is closed, nor leave anything open,
 * allocated or counted, nor let a client wait that has been heard, nor spin.
 */
#define PEERAGE_FUZZ_DOOR /* plays them, so it has its own */
#include "faults.h"

#include "allocations.h"
#include "harness.h"
#include "loop.h"
#include "shards.h"

enum {
    FIRST_FD = 1 << 20, /* no descriptor of this process: a call that is not played fails */
    FDS = 64,
    CLIENTS = 16,
    PACKETS_MOST = 8,
    PACKET = 512,
    RECEIVED_MOST = 1 << 16,
    TURNS_MOST = 20000,
    TICK_MS = 200,
    REPEATS = 64
};

enum { ROOT = 7, INODE = 77, CHANGED = 5 }; /* of the folder of stored files, and of these */
enum fd_kind { CLOSED, EPOLL, EVENT, LISTENER, DATAGRAM, STREAM, STORED };

struct fd {
    enum fd_kind kind;
    bool registered, edge;
    uint32_t events;
    void *data;
    uint64_t counter; /* of an event descriptor; bytes of a stored file */
    struct visitor *client;
};

struct visitor {
    uint8_t *in;
    size_t in_length, in_size, window, taken;
    uint8_t address;
    int fd; /* -1: not accepted yet */
    bool there, closed, fin, reset;
};

struct packet {
    uint8_t bytes[PACKET];
    size_t length;
    uint8_t address;
};

enum step { SCRIPT, DRAIN, PASS_TIME, END };

static struct {
    const uint8_t *at, *end; /* the script */
    struct fd fds[FDS];
    struct visitor clients[CLIENTS];
    unsigned client_count, accepted;
    struct packet packets[PACKETS_MOST];
    unsigned packet_count;
    uint64_t milliseconds;
    size_t window;
    enum step step;
    unsigned turns, ticks_left;
    void *(*run)(void *);
    void *given;
    struct loop *loop;
    int listener, datagram;
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
    if (size != sizeof fd->counter)
        fail("an event is read in part");
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

/* Streams. */

static void sender(uint8_t address, struct sockaddr_in6 *out)
{
    memset(out, 0, sizeof *out);
    out->sin6_family = AF_INET6;
    out->sin6_port = htons(1000);
    out->sin6_addr.s6_addr[0] = address & 16 ? 0x20 : 0;
    if (!(address & 16))
        memset(out->sin6_addr.s6_addr + 10, 0xff, 2);
    out->sin6_addr.s6_addr[12] = address & 8 ? 127 : 9;
    out->sin6_addr.s6_addr[15] = address;
}

static void give(struct visitor *client, const uint8_t *data, size_t length)
{
    if (!length || client->closed || client->fin || client->reset || client->in_length + length > RECEIVED_MOST)
        return;
    if (client->in_length + length > client->in_size) {
        client->in_size = 2 * (client->in_length + length);
        client->in = realloc(client->in, client->in_size);
    }
    memcpy(client->in + client->in_length, data, length);
    client->in_length += length;
    if (client->fd >= 0)
        fd_of(client->fd, STREAM)->edge = true;
}

int fault_accept4(int listener, struct sockaddr *from, socklen_t *length, int flags)
{
    static const int errors[] = {EMFILE, ECONNABORTED, EINTR, ENFILE, ENOBUFS};
    fd_of(listener, LISTENER);
    if (flags != (SOCK_NONBLOCK | SOCK_CLOEXEC))
        fail("a client's socket would block");
    if (world.accepted == world.client_count)
        return refuse(EAGAIN);
    if (call_fails())
        return refuse(errors[faults.count % 5]);
    int number = open_fd(STREAM);
    if (number < 0)
        return number;
    struct visitor *client = &world.clients[world.accepted++];
    struct sockaddr_in6 address;
    client->fd = number;
    world.fds[number - FIRST_FD].client = client;
    sender(client->address, &address);
    memcpy(from, &address, *length < sizeof address ? *length : sizeof address);
    *length = sizeof address;
    return number;
}

ssize_t fault_recv(int number, void *data, size_t size, int flags)
{
    struct visitor *client = fd_of(number, STREAM)->client;
    if (!(flags & MSG_DONTWAIT) || !size)
        fail("a read that could block, or of nothing");
    if (client->reset || (client->in_length && call_fails()))
        return refuse(ECONNRESET);
    if (!client->in_length)
        return client->fin ? 0 : refuse(EAGAIN);
    size_t count = size < client->in_length ? size : client->in_length;
    memcpy(data, client->in, count);
    memmove(client->in, client->in + count, client->in_length -= count);
    return (ssize_t)count;
}

ssize_t fault_send(int number, const void *data, size_t size, int flags)
{
    struct visitor *client = fd_of(number, STREAM)->client;
    if (!(flags & MSG_DONTWAIT) || !(flags & MSG_NOSIGNAL))
        fail("a write that could block, or kill the process");
    if (client->reset || call_fails())
        return refuse(faults.count & 1 ? EPIPE : ECONNRESET);
    if (!client->window)
        return refuse(EAGAIN);
    if (!client->taken && size >= 9 && client->window >= 9 && memcmp(data, "HTTP/1.1 ", 9) != 0)
        fail("an answer that is none");
    size_t count = size < client->window ? size : client->window;
    client->window -= count;
    client->taken += count;
    return (ssize_t)count;
}

ssize_t fault_sendmsg(int number, const struct msghdr *message, int flags)
{
    uint8_t whole[1 << 17];
    size_t length = 0;
    if (message->msg_iovlen != 2)
        fail("an answer in other than two pieces");
    for (size_t at = 0; at < 2; at++) {
        size_t more = message->msg_iov[at].iov_len;
        if (more > sizeof whole - length)
            fail("an answer that is too large");
        if (more)
            memcpy(whole + length, message->msg_iov[at].iov_base, more);
        length += more;
    }
    return fault_send(number, whole, length, flags);
}

/* Stored files. */

long fault_openat2(long call, int root, const char *name, const struct open_how *how, size_t size)
{
    static const int errors[] = {EAGAIN, ENOENT, ELOOP, ENOSYS};
    if (call != SYS_openat2 || root != ROOT || size != sizeof *how || strlen(name) != 53 ||
        !(how->resolve & RESOLVE_CACHED) || !(how->resolve & RESOLVE_NO_SYMLINKS))
        fail("a file is opened in another way");
    if (call_fails())
        return refuse(errors[faults.count % 4]);
    int number = open_fd(STORED);
    if (number >= 0)
        fd_of(number, STORED)->counter = harness_stored((unsigned)(name[1] - '0')) - (faults.count % 8 == 7);
    return number;
}

int fault_fstat(int number, struct stat *found)
{
    memset(found, 0, sizeof *found);
    found->st_mode = S_IFREG;
    found->st_ino = INODE;
    found->st_size = (off_t)fd_of(number, STORED)->counter;
    found->st_mtim.tv_nsec = CHANGED;
    return call_fails() ? refuse(EIO) : 0;
}

ssize_t fault_pread(int number, void *data, size_t size, off_t from)
{
    uint64_t there = fd_of(number, STORED)->counter;
    size_t count = (uint64_t)from < there ? (size_t)(there - (uint64_t)from) : 0;
    if (call_fails())
        return faults.count & 1 ? refuse(EIO) : 0;
    memset(data, '0', count < size ? count : size);
    return (ssize_t)(count < size ? count : size);
}

ssize_t fault_preadv2(int number, const struct iovec *pieces, int count, off_t from, int flags)
{
    static const int errors[] = {EAGAIN, EOPNOTSUPP, EINTR};
    if (count != 1 || flags != RWF_NOWAIT)
        fail("a read that could block");
    if (call_fails())
        return refuse(errors[faults.count % 3]);
    return fault_pread(number, pieces->iov_base, pieces->iov_len, from);
}

ssize_t fault_sendfile(int number, int file, off_t *from, size_t size)
{
    struct visitor *client = fd_of(number, STREAM)->client;
    uint64_t there = fd_of(file, STORED)->counter;
    if ((uint64_t)*from + size > there || !size)
        fail("more of a file is sent than there is, or nothing");
    if (client->reset || call_fails())
        return faults.count & 1 ? refuse(EPIPE) : 0;
    if (!client->window)
        return refuse(EAGAIN);
    size_t count = size < client->window ? size : client->window;
    client->window -= count;
    client->taken += count;
    *from += (off_t)count;
    return (ssize_t)count;
}

/* Packets. */

int fault_recvmmsg(int number, struct mmsghdr *messages, unsigned count, int flags, struct timespec *timeout)
{
    fd_of(number, DATAGRAM);
    if (!(flags & MSG_DONTWAIT) || timeout)
        fail("a read of packets that could block");
    if (!world.packet_count || call_fails())
        return refuse(world.packet_count ? EINTR : EAGAIN);
    unsigned received = world.packet_count < count ? world.packet_count : count;
    for (unsigned at = 0; at < received; at++) {
        struct msghdr *head = &messages[at].msg_hdr;
        struct packet *packet = &world.packets[at];
        size_t fits = packet->length < head->msg_iov->iov_len ? packet->length : head->msg_iov->iov_len;
        memcpy(head->msg_iov->iov_base, packet->bytes, fits);
        sender(packet->address, head->msg_name);
        head->msg_namelen = sizeof(struct sockaddr_in6);
        messages[at].msg_len = (unsigned)fits;
    }
    world.packet_count = 0;
    return (int)received;
}

int fault_sendmmsg(int number, struct mmsghdr *messages, unsigned count, int flags)
{
    static const int errors[] = {EINTR, EPERM, ENOBUFS, EAGAIN};
    fd_of(number, DATAGRAM);
    if (!(flags & MSG_DONTWAIT) || !count)
        fail("a write of packets that could block, or of none");
    if (call_fails())
        return refuse(errors[faults.count % 4]);
    for (unsigned at = 0; at < count; at++)
        if (messages[at].msg_hdr.msg_iov->iov_len > UDP_REPLY_MOST || !messages[at].msg_hdr.msg_iov->iov_len)
            fail("a packet of a wrong size");
    return count > 2 && faults.count & 1 ? 2 : (int)count;
}

/* epoll. */

int fault_epoll_create1(int flags)
{
    (void)flags;
    return call_fails() ? refuse(EMFILE) : open_fd(EPOLL);
}

static bool readable(const struct fd *fd)
{
    if (fd->kind == EVENT)
        return fd->counter > 0;
    if (fd->kind == LISTENER)
        return world.accepted < world.client_count;
    if (fd->kind == DATAGRAM)
        return world.packet_count > 0;
    return fd->client->in_length || fd->client->fin || fd->client->reset;
}

int fault_epoll_ctl(int epoll, int operation, int number, struct epoll_event *event)
{
    fd_of(epoll, EPOLL);
    if (number < FIRST_FD || number >= FIRST_FD + FDS || world.fds[number - FIRST_FD].kind == CLOSED)
        fail("epoll is told of a closed descriptor");
    struct fd *fd = &world.fds[number - FIRST_FD];
    if (operation == EPOLL_CTL_DEL) {
        if (!fd->registered)
            return refuse(ENOENT);
        fd->registered = false;
        return 0;
    }
    if (call_fails())
        return refuse(ENOMEM);
    if (fd->registered != (operation == EPOLL_CTL_MOD))
        return refuse(fd->registered ? EEXIST : ENOENT);
    if (operation == EPOLL_CTL_MOD && fd->events & EPOLLEXCLUSIVE)
        fail("an exclusive registration is changed");
    *fd = (struct fd){fd->kind, true, true, event->events, event->data.ptr, fd->counter, fd->client};
    return 0;
}

/* What has happened on a descriptor since it was asked last, as epoll tells it. */
static uint32_t happened(const struct fd *fd)
{
    uint32_t found = 0;
    if (fd->kind == STREAM) {
        const struct visitor *client = fd->client;
        found |= client->reset ? (uint32_t)(EPOLLHUP | EPOLLERR) : 0;
        found |= client->fin ? fd->events & EPOLLRDHUP : 0;
        found |= client->window || client->reset ? fd->events & EPOLLOUT : 0;
    }
    found |= readable(fd) ? fd->events & EPOLLIN : 0;
    return fd->events & EPOLLET && !fd->edge ? 0 : found;
}

static int collect(struct epoll_event *events, int most)
{
    int count = 0;
    for (int at = 0; at < FDS && count < most; at++) {
        struct fd *fd = &world.fds[at];
        uint32_t found = fd->kind != CLOSED && fd->registered ? happened(fd) : 0;
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
static size_t next_text(const uint8_t **text)
{
    const uint8_t *stop = world.at < world.end ? memchr(world.at, 255, (size_t)(world.end - world.at)) : NULL;
    size_t length = stop ? (size_t)(stop - world.at) : (size_t)(world.end - world.at);
    *text = world.at;
    world.at += length + (stop != NULL);
    return length;
}

static void connect_client(uint8_t address)
{
    if (world.client_count == CLIENTS)
        return;
    struct visitor *client = &world.clients[world.client_count++];
    const uint8_t *text;
    size_t length = next_text(&text);
    *client = (struct visitor){.there = true, .fd = -1, .address = address, .window = world.window};
    give(client, text, length);
}

static void say(struct visitor *client, bool often)
{
    const uint8_t *text;
    size_t length = next_text(&text);
    for (int left = often ? REPEATS : 1; left; left--)
        give(client, text, length);
}

static void post_packet(uint8_t address)
{
    static struct handler handler; /* only to make connection ids */
    static const uint8_t connect[16] = {0, 0, 0x04, 0x17, 0x27, 0x10, 0x19, 0x80};
    size_t length = next_byte();
    uint8_t out[UDP_REPLY_MOST];
    if (world.packet_count == PACKETS_MOST)
        return;
    struct packet *packet = &world.packets[world.packet_count++];
    length = length < (size_t)(world.end - world.at) ? length : (size_t)(world.end - world.at);
    memset(packet, 0, sizeof *packet);
    memcpy(packet->bytes, world.at, length);
    world.at += length;
    packet->length = length;
    packet->address = address;
    if (address & 1 && length >= 16) {
        struct sockaddr_in6 from;
        struct address of;
        const int64_t clock[2] = {1800000000, 5000 + (int64_t)(world.milliseconds / 1000)};
        sender(address, &from);
        if (address & 16)
            address_of(from.sin6_addr.s6_addr, 16, &of);
        else
            address_of(from.sin6_addr.s6_addr + 12, 4, &of);
        handler.rules = &rules;
        handler_read_clock(&handler, clock);
        if (handler_answer_udp(&handler, connect, sizeof connect, &of, out) == 16)
            memcpy(packet->bytes, out + 8, 8); /* what follows a connection id that holds is what matters */
    }
}

/* What Python does meanwhile: files are dropped and kept again, and connections that are handed over are taken. */
static void take_over(uint8_t operand)
{
    uint8_t infohash[INFOHASH];
    harness_infohash(1 + operand % HARNESS_FILES, infohash);
    if (operand & 4)
        file_table_drop(rules.files, infohash);
    if (operand & 8)
        harness_keep(rules.files, 1 + operand % HARNESS_FILES, operand & 16);
    for (struct handover *each = loop_take(world.loop); each;) {
        struct handover *next = each->next;
        fault_close(each->fd);
        loop_leave(world.loop, &each->address);
        fault_free(each);
        each = next;
    }
}

static void tell(struct visitor *client)
{
    if (client->fd >= 0 && !client->closed)
        fd_of(client->fd, STREAM)->edge = true;
}

static void mark(struct visitor *client, bool *what)
{
    *what = true;
    tell(client);
}

/* Room for more of an answer is news, as bytes are. */
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
    switch (code & 7) {
    case 0:
        connect_client(operand);
        return false;
    case 5:
        world.milliseconds += (uint64_t)TICK_MS * (1 + operand);
        return true;
    case 6:
        post_packet(operand);
        return false;
    case 7:
        take_over(operand);
        return false;
    default:
        break;
    }
    if (!client->there || client->closed)
        return false;
    if ((code & 7) == 1)
        say(client, operand & 16);
    else if ((code & 7) == 2)
        mark(client, &client->fin);
    else if ((code & 7) == 3)
        mark(client, &client->reset);
    else
        widen(client, client->window + 16u * next_byte());
    return false;
}

/* Nothing fails any more, and every client takes what it gets: then all that was sent is heard. */
static void begin_drain(void)
{
    world.step = DRAIN;
    faults.armed = false;
    for (unsigned at = 0; at < world.client_count; at++)
        widen(&world.clients[at], SIZE_MAX / 2);
}

static void check_heard(void)
{
    for (unsigned at = 0; at < world.accepted; at++)
        if (world.clients[at].in_length && world.fds[world.clients[at].fd - FIRST_FD].registered)
            fail("a client is not heard any more");
}

int fault_epoll_wait(int epoll, struct epoll_event *events, int most, int timeout)
{
    fd_of(epoll, EPOLL);
    for (;;) {
        if (++world.turns > TURNS_MOST)
            fail("the thread spins");
        if (call_fails())
            return refuse(EINTR);
        int count = collect(events, most);
        if (count)
            return count;
        if (world.step == SCRIPT && world.at >= world.end) {
            begin_drain();
        } else if (world.step == SCRIPT) {
            if (carry_out() && timeout >= 0)
                return 0;
        } else if (world.step == DRAIN) {
            check_heard();
            world.step = PASS_TIME;
            world.ticks_left = 3;
        } else if (world.step == PASS_TIME && world.ticks_left) {
            world.ticks_left--;
            world.milliseconds += TICK_MS;
            if (timeout >= 0)
                return 0;
        } else {
            if (world.accepted < world.client_count)
                fail("new clients are not accepted any more");
            world.step = END;
            for (int at = 0; at < FDS; at++) /* the loop's own event to stop: the only one with epoll */
                if (world.fds[at].kind == EVENT && world.fds[at].registered)
                    world.fds[at].counter = 1;
        }
    }
}

/* The thread: run by the harness, once the loop has started. */

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

static void settle(struct loop_settings *settings, const uint8_t *head)
{
    static const struct network exempt[] = {{{4, {127}}, 8, true}};
    faults.alloc_period = faults.alloc_left = head[0];
    faults.call_period = faults.call_left = head[1];
    world.window = head[3] & 1 ? 8u * head[3] : SIZE_MAX / 2;
    *settings = (struct loop_settings){.rules = &rules, .listeners = 1, .datagrams = 1, .threads = 1};
    settings->listener[0] = world.listener = open_fd(LISTENER);
    settings->datagram[0] = world.datagram = open_fd(DATAGRAM);
    settings->header_ms = settings->write_ms = 600;
    settings->keep_alive_ms = 1000;
    settings->max_connections = head[2] & 1 ? 4 : 100;
    settings->per_address = head[2] & 2 ? 2 : 0;
    settings->exempt = (struct networks){1, exempt};
    settings->seed[0] = 7;
    settings->too_late = SLICE("HTTP/1.1 408 Request Timeout\r\n\r\n");
}

static void check_left(void)
{
    for (int at = 0; at < FDS; at++)
        if (world.fds[at].kind != CLOSED)
            fail("a descriptor is left open");
    if (faults.live)
        fail("an allocation is left");
}

static void serve(struct loop_settings *settings)
{
    struct loop_numbers numbers;
    world.loop = loop_start(settings);
    if (!world.loop)
        return;
    world.run(world.given);
    loop_stop(world.loop);
    take_over(0);
    loop_read(world.loop, &numbers);
    if (numbers.open)
        fail("a connection is counted that is gone");
    loop_free(world.loop);
}

int LLVMFuzzerTestOneInput(const uint8_t *given, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *given, size_t length)
{
    struct loop_settings settings;
    if (length < 4)
        return 0;
    memset(&world, 0, sizeof world);
    memset(&faults, 0, sizeof faults);
    world.at = given + 4;
    world.end = given + length;
    if (!rules.interval)
        harness_rules(&rules);
    settle(&settings, given);
    settings.store = harness_store();
    for (int at = 1; at <= HARNESS_STORED; at++)
        harness_stamps[at] = (struct file_stamp){INODE, CHANGED};
    rules.files = harness_files(ROOT);
    faults.armed = true;
    serve(&settings);
    faults.armed = false;
    store_free(settings.store);
    struct file_numbers files;
    file_table_clear(rules.files);
    file_table_read(rules.files, &files);
    if (files.bytes)
        fail("a file is referred to that nobody is sent");
    file_table_free(rules.files);
    fault_close(world.listener);
    fault_close(world.datagram);
    for (unsigned at = 0; at < world.client_count; at++)
        free(world.clients[at].in);
    check_left();
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
