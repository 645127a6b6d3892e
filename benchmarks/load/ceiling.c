/* The ceiling: any HTTP request and any UDP packet gets a prepared reply, the least work a tracker can do.
 *
 * One thread, one epoll, HTTP and UDP on one port. No tracker on the same sockets is faster, so its speed is the ceiling
 * of a machine and of a load program. Not a tracker, and written for the load programs here alone: a reply that does
 * not leave in one piece ends its connection, and only "Connection: close" spelled so is known.
 */
#define _GNU_SOURCE
#include <getopt.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "arguments.h"

#define CONNECTIONS_MOST 8192
#define REQUEST_BYTES 4096
#define REPLY_BYTES 2048
#define PACKET_BYTES 2048
#define BATCH 64
#define PEERS_MOST 200

struct connection {
    size_t received;
    char request[REQUEST_BYTES];
};

struct canned {
    size_t length;
    uint8_t bytes[REPLY_BYTES];
};

struct ceiling {
    struct in_addr address;
    uint16_t port;
    uint32_t peers;
    uint64_t seconds;
    int epoll, tcp, udp;
    struct canned kept, closed;
    struct connection *connections[CONNECTIONS_MOST]; /* by file descriptor */
};

/* Packets on their way in and out; a reply never outgrows PACKET_BYTES. */
struct batch {
    struct mmsghdr in[BATCH], out[BATCH];
    struct iovec in_parts[BATCH], out_parts[BATCH];
    struct sockaddr_in sources[BATCH];
    uint8_t packets[BATCH][PACKET_BYTES], replies[BATCH][PACKET_BYTES];
};

static void can_reply(struct canned *canned, uint32_t peers, const char *connection)
{
    char body[REPLY_BYTES / 2 + 6 * PEERS_MOST];
    char head[256];
    int length = snprintf(body, sizeof body,
                          "d8:completei30e10:downloadedi0e10:incompletei30e8:intervali1800e12:min intervali900e5:peers%u:",
                          6 * peers);
    memset(body + length, 7, (size_t)6 * peers);
    length += (int)(6 * peers);
    body[length++] = 'e';
    int before = snprintf(head, sizeof head,
                          "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: %s\r\n\r\n",
                          length, connection);
    canned->length = (size_t)before + (size_t)length;
    if (canned->length > REPLY_BYTES)
        refuse("--peers", "the reply outgrows its buffer");
    memcpy(canned->bytes, head, (size_t)before);
    memcpy(canned->bytes + before, body, (size_t)length);
}

static void end_connection(struct ceiling *ceiling, int fd)
{
    free(ceiling->connections[fd]);
    ceiling->connections[fd] = NULL;
    close(fd);
}

/* Answers the whole requests in the buffer; false when the connection is over. */
static bool answer_requests(struct ceiling *ceiling, int fd, struct connection *connection)
{
    char *start = connection->request;
    char *end = start + connection->received;
    for (char *found; (found = memmem(start, (size_t)(end - start), "\r\n\r\n", 4)); start = found + 4) {
        bool closes = memmem(start, (size_t)(found - start), "\r\nConnection: close", 19) != NULL;
        const struct canned *canned = closes ? &ceiling->closed : &ceiling->kept;
        if (send(fd, canned->bytes, canned->length, MSG_NOSIGNAL) != (ssize_t)canned->length || closes)
            return false;
    }
    connection->received = (size_t)(end - start);
    memmove(connection->request, start, connection->received);
    return connection->received < REQUEST_BYTES;
}

static void receive(struct ceiling *ceiling, int fd)
{
    struct connection *connection = ceiling->connections[fd];
    ssize_t got = recv(fd, connection->request + connection->received, REQUEST_BYTES - connection->received, 0);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return;
    connection->received += got > 0 ? (size_t)got : 0;
    if (got <= 0 || !answer_requests(ceiling, fd, connection))
        end_connection(ceiling, fd);
}

static void watch(struct ceiling *ceiling, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (epoll_ctl(ceiling->epoll, EPOLL_CTL_ADD, fd, &event))
        broken("epoll_ctl");
}

/* Takes every waiting connection; most bring their request with them, and one that closes needs no epoll. */
static void accept_all(struct ceiling *ceiling)
{
    for (int fd; (fd = accept4(ceiling->tcp, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
        int yes = 1;
        if (fd >= CONNECTIONS_MOST || !(ceiling->connections[fd] = calloc(1, sizeof(struct connection)))) {
            close(fd);
            continue;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        receive(ceiling, fd);
        if (ceiling->connections[fd])
            watch(ceiling, fd);
    }
}

/* Writes the reply to a BEP 15 packet; 0 when it gets none. The transaction is the request's. */
static size_t answer_packet(const struct ceiling *ceiling, const uint8_t *packet, size_t length, uint8_t *reply)
{
    size_t size;
    if (length < 16)
        return 0;
    memset(reply, 0, 20);
    memcpy(reply, packet + 8, 8);
    switch (packet[11]) {
    case 0:
        memcpy(reply + 8, "ceiling!", 8);
        return 16;
    case 1:
        reply[11] = 60;
        size = 20 + (size_t)6 * ceiling->peers;
        memset(reply + 20, 7, size - 20);
        return size;
    case 2:
        size = 8 + 12 * ((length - 16) / 20);
        if (size > PACKET_BYTES)
            return 0;
        memset(reply + 8, 0, size - 8);
        return size;
    default:
        return 0;
    }
}

static void prepare_batch(struct batch *batch)
{
    for (int index = 0; index < BATCH; index++) {
        batch->in_parts[index] = (struct iovec){batch->packets[index], PACKET_BYTES};
        batch->in[index].msg_hdr = (struct msghdr){.msg_name = &batch->sources[index],
                                                   .msg_namelen = sizeof batch->sources[index],
                                                   .msg_iov = &batch->in_parts[index], .msg_iovlen = 1};
    }
}

static void answer_packets(const struct ceiling *ceiling, struct batch *batch)
{
    int got = recvmmsg(ceiling->udp, batch->in, BATCH, MSG_DONTWAIT, NULL);
    int ready = 0;
    for (int index = 0; index < got; index++) {
        size_t length = answer_packet(ceiling, batch->packets[index], batch->in[index].msg_len, batch->replies[ready]);
        if (!length)
            continue;
        batch->out_parts[ready] = (struct iovec){batch->replies[ready], length};
        batch->out[ready].msg_hdr = (struct msghdr){.msg_name = &batch->sources[index],
                                                    .msg_namelen = sizeof batch->sources[index],
                                                    .msg_iov = &batch->out_parts[ready], .msg_iovlen = 1};
        ready++;
    }
    if (ready)
        sendmmsg(ceiling->udp, batch->out, (unsigned)ready, 0);
}

static void run(struct ceiling *ceiling)
{
    static struct batch batch;
    struct epoll_event events[BATCH];
    uint64_t end = now_ns() + ceiling->seconds * SECOND;
    prepare_batch(&batch);
    while (!stopping && now_ns() < end) {
        int ready = epoll_wait(ceiling->epoll, events, BATCH, 200);
        for (int index = 0; index < ready; index++) {
            int fd = events[index].data.fd;
            if (fd == ceiling->tcp)
                accept_all(ceiling);
            else if (fd == ceiling->udp)
                answer_packets(ceiling, &batch);
            else if (ceiling->connections[fd])
                receive(ceiling, fd);
        }
    }
}

static int open_socket(const struct ceiling *ceiling, int kind, uint16_t port)
{
    int yes = 1;
    int room = 4 << 20;
    struct sockaddr_in own = endpoint(ceiling->address, port);
    int fd = socket(AF_INET, kind | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        broken("socket");
    if (kind == SOCK_STREAM)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    else
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    if (bind(fd, (struct sockaddr *)&own, sizeof own) || (kind == SOCK_STREAM && listen(fd, 4096)))
        broken("bind");
    return fd;
}

/* Opens both sockets on one port; port 0 is whatever the system gives. */
static void open_ceiling(struct ceiling *ceiling)
{
    struct sockaddr_in own;
    socklen_t size = sizeof own;
    stop_by_signals();
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    can_reply(&ceiling->kept, ceiling->peers, "keep-alive");
    can_reply(&ceiling->closed, ceiling->peers, "close");
    ceiling->tcp = open_socket(ceiling, SOCK_STREAM, ceiling->port);
    if (getsockname(ceiling->tcp, (struct sockaddr *)&own, &size))
        broken("getsockname");
    ceiling->port = ntohs(own.sin_port);
    ceiling->udp = open_socket(ceiling, SOCK_DGRAM, ceiling->port);
    ceiling->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (ceiling->epoll < 0)
        broken("epoll_create1");
    watch(ceiling, ceiling->tcp);
    watch(ceiling, ceiling->udp);
}

static void close_ceiling(struct ceiling *ceiling)
{
    for (int fd = 0; fd < CONNECTIONS_MOST; fd++)
        if (ceiling->connections[fd])
            end_connection(ceiling, fd);
    close(ceiling->tcp);
    close(ceiling->udp);
    close(ceiling->epoll);
}

static const char usage[] = "[--port 0] [--address 127.0.0.1] [--peers 50] [--seconds 600]";

static const struct option names[] = {
    {"address", required_argument, NULL, 'a'}, {"port", required_argument, NULL, 'p'},
    {"peers", required_argument, NULL, 'P'},   {"seconds", required_argument, NULL, 'S'},
    {NULL, 0, NULL, 0},
};

static void read_options(struct ceiling *ceiling, int count, char **arguments)
{
    ceiling->address = loopback("127.0.0.1");
    ceiling->peers = 50;
    ceiling->seconds = 600;
    for (int name; (name = getopt_long(count, arguments, "", names, NULL)) != -1;) {
        switch (name) {
        case 'a': ceiling->address = loopback(optarg); break;
        case 'p': ceiling->port = (uint16_t)number("--port", optarg, 0, 65535); break;
        case 'P': ceiling->peers = (uint32_t)number("--peers", optarg, 0, PEERS_MOST); break;
        case 'S': ceiling->seconds = number("--seconds", optarg, 1, 7200); break;
        default: refuse("ceiling", usage);
        }
    }
    if (optind != count)
        refuse("ceiling", usage);
}

int main(int count, char **arguments)
{
    static struct ceiling ceiling;
    read_options(&ceiling, count, arguments);
    open_ceiling(&ceiling);
    printf("{\"port\": %u}\n", ceiling.port);
    fflush(stdout);
    run(&ceiling);
    close_ceiling(&ceiling);
    return 0;
}
