/* Announces to an HTTP tracker on this machine and prints one JSON line of what came back.
 *
 * A closed loop: each connection has one request under way. --close opens a connection for every announce and waits
 * for the server to end it; otherwise connections are kept, and opened again where a server ends them all the same.
 * Every reply is read whole and checked. Bounded by --seconds and --requests, whichever ends first.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "arguments.h"
#include "bencoded.h"
#include "histogram.h"
#include "http_reply.h"
#include "options.h"
#include "population.h"

#define REQUEST_BYTES 512
#define REPLY_BYTES 32768
#define ESCAPED_BYTES (3 * HASH_BYTES)
#define CONNECTIONS_MOST 4096
#define BATCH 256

enum state { IDLE, SENDING, READING, DRAINING, FINISHED };

struct connection {
    int fd;
    enum state state;
    uint32_t source;
    uint64_t asked;    /* when the announce began: with the connection, if it has one to itself */
    uint64_t deadline; /* when the server has taken too long */
    size_t request_length;
    size_t sent;
    size_t received;
    char request[REQUEST_BYTES];
    uint8_t reply[REPLY_BYTES];
};

struct options {
    struct task task;
    uint32_t connections;
    bool close;
};

struct tally {
    uint64_t replies, bytes, body_bytes, peers;
    uint64_t unconnected, cut, timeouts, status, malformed, refused;
    uint64_t opened, ended;
};

struct load {
    struct options options;
    struct population population;
    struct tally tally;
    struct histogram latency;
    struct connection *connections;
    char (*escaped)[ESCAPED_BYTES];
    int epoll;
    uint64_t now;
    uint32_t finished;
};

static void escape_hashes(struct load *load)
{
    static const char digits[] = "0123456789ABCDEF";
    load->escaped = calloc(load->population.torrents, ESCAPED_BYTES);
    if (!load->escaped)
        broken("calloc");
    for (uint32_t index = 0; index < load->population.torrents; index++)
        for (size_t at = 0; at < HASH_BYTES; at++) {
            uint8_t byte = load->population.hashes[index][at];
            load->escaped[index][3 * at] = '%';
            load->escaped[index][3 * at + 1] = digits[byte >> 4];
            load->escaped[index][3 * at + 2] = digits[byte & 15];
        }
}

/* Writes the next announce of this connection's address; false when there is none left. */
static bool write_request(struct load *load, struct connection *connection)
{
    static const char *const events[] = {"", "&event=completed", "&event=started", "&event=stopped"};
    struct announce announce;
    if (!population_next(&load->population, connection->source, &announce))
        return false;
    int length = snprintf(connection->request, REQUEST_BYTES,
                          "GET /announce?info_hash=%.*s&peer_id=-PB0100-benchmark%03u&port=%u&uploaded=0&downloaded=0"
                          "&left=%u%s&compact=1&numwant=%u HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n"
                          "User-Agent: load/1.0\r\nConnection: %s\r\n\r\n",
                          ESCAPED_BYTES, load->escaped[announce.torrent], announce.port % 1000U, announce.port,
                          announce.seeder ? 0 : 1048576, events[announce.event], load->options.task.numwant,
                          load->options.task.port, load->options.close ? "close" : "keep-alive");
    if (length <= 0 || length >= REQUEST_BYTES)
        refuse("request", "longer than its buffer");
    connection->request_length = (size_t)length;
    connection->sent = 0;
    connection->received = 0;
    connection->asked = load->now;
    connection->deadline = load->now + load->options.task.patience;
    return true;
}

static void watch(struct load *load, struct connection *connection, int action, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = connection};
    if (epoll_ctl(load->epoll, action, connection->fd, &event))
        broken("epoll_ctl");
}

/* Ends a connection; the next sweep, or the caller, opens it again. */
static void end_connection(struct connection *connection, enum state next)
{
    if (connection->fd >= 0)
        close(connection->fd);
    connection->fd = -1;
    connection->state = next;
}

static void give_up(struct connection *connection, uint64_t *cause)
{
    ++*cause;
    end_connection(connection, IDLE);
}

static void send_request(struct load *load, struct connection *connection)
{
    ssize_t sent = send(connection->fd, connection->request + connection->sent,
                        connection->request_length - connection->sent, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != ENOTCONN) {
        give_up(connection, &load->tally.unconnected);
        return;
    }
    connection->sent += sent > 0 ? (size_t)sent : 0;
    if (connection->sent == connection->request_length) {
        if (connection->state == SENDING)
            watch(load, connection, EPOLL_CTL_MOD, EPOLLIN);
        connection->state = READING;
    } else if (connection->state != SENDING) {
        connection->state = SENDING;
        watch(load, connection, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
    }
}

static int open_socket(struct load *load, const struct connection *connection)
{
    int yes = 1;
    struct sockaddr_in source = source_endpoint(connection->source);
    struct sockaddr_in server = endpoint(load->options.task.address, load->options.task.port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        broken("socket");
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes);
    if (!load->options.close)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (bind(fd, (struct sockaddr *)&source, sizeof source)
        || (connect(fd, (struct sockaddr *)&server, sizeof server) && errno != EINPROGRESS)) {
        close(fd);
        return -1;
    }
    return fd;
}

/* Opens a connection with its first request, which on loopback usually leaves at once. */
static void open_connection(struct load *load, struct connection *connection)
{
    if (!write_request(load, connection)) {
        connection->state = FINISHED;
        load->finished++;
        return;
    }
    connection->fd = open_socket(load, connection);
    if (connection->fd < 0) {
        give_up(connection, &load->tally.unconnected);
        return;
    }
    load->tally.opened++;
    connection->state = IDLE;
    watch(load, connection, EPOLL_CTL_ADD, EPOLLIN);
    send_request(load, connection);
}

static void next_request(struct load *load, struct connection *connection)
{
    if (write_request(load, connection)) {
        send_request(load, connection);
        return;
    }
    end_connection(connection, FINISHED);
    load->finished++;
}

/* Counts a reply that has come whole; false when the connection is not to be used again. */
static bool judge(struct load *load, const struct connection *connection, const struct head *head, size_t body_length)
{
    struct reply_facts facts;
    bool whole = read_announce_reply(connection->reply + head->length, body_length, &facts);
    if (head->status != 200)
        load->tally.status++;
    else if (!whole || (!facts.has_peers && !facts.failed))
        load->tally.malformed++;
    else if (facts.failed)
        load->tally.refused++;
    else {
        load->tally.replies++;
        load->tally.bytes += head->length + body_length;
        load->tally.body_bytes += body_length;
        load->tally.peers += facts.peers;
        histogram_add(&load->latency, load->now - connection->asked);
    }
    return head->status == 200 && whole;
}

/* A reply has come whole: on to the next request, here or on a connection of its own. */
static void settle(struct load *load, struct connection *connection, const struct head *head, size_t body_length)
{
    if (!judge(load, connection, head, body_length)) {
        end_connection(connection, IDLE);
        return;
    }
    if (!load->options.close && !head->ends) {
        next_request(load, connection);
        return;
    }
    load->tally.ended++;
    connection->state = DRAINING;
}

static void take_reply(struct load *load, struct connection *connection, bool ended)
{
    struct head head;
    size_t body;
    if (!read_head((const char *)connection->reply, connection->received, &head)) {
        if (ended || connection->received == REPLY_BYTES)
            give_up(connection, &load->tally.cut);
        return;
    }
    body = connection->received - head.length;
    if (head.body_length < 0 ? ended : body == (size_t)head.body_length)
        settle(load, connection, &head, body);
    else if (ended || connection->received == REPLY_BYTES || (head.body_length >= 0 && body > (size_t)head.body_length))
        give_up(connection, &load->tally.cut);
}

static void receive(struct load *load, struct connection *connection)
{
    ssize_t got = recv(connection->fd, connection->reply + connection->received, REPLY_BYTES - connection->received, 0);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return;
    if (got < 0) {
        give_up(connection, connection->sent ? &load->tally.cut : &load->tally.unconnected);
        return;
    }
    connection->received += (size_t)got;
    take_reply(load, connection, got == 0);
    if (got == 0 && connection->state == DRAINING) {
        end_connection(connection, IDLE);
        open_connection(load, connection);
    }
}

/* After the reply only the end of the connection is awaited. */
static void drain(struct load *load, struct connection *connection)
{
    uint8_t ignored[256];
    ssize_t got = recv(connection->fd, ignored, sizeof ignored, 0);
    if (got > 0) {
        give_up(connection, &load->tally.cut);
    } else if (got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK)) {
        end_connection(connection, IDLE);
        open_connection(load, connection);
    }
}

static void advance(struct load *load, struct connection *connection, uint32_t events)
{
    if (connection->state == SENDING && events & EPOLLOUT)
        send_request(load, connection);
    if (connection->fd < 0 || !(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
        return;
    if (connection->state == DRAINING)
        drain(load, connection);
    else
        receive(load, connection);
}

/* Opens what is shut and gives up what the server left waiting; every 50 ms, so that a dead server costs little. */
static void sweep(struct load *load)
{
    for (uint32_t index = 0; index < load->options.connections; index++) {
        struct connection *connection = &load->connections[index];
        if (connection->state == IDLE)
            open_connection(load, connection);
        else if (connection->state != FINISHED && load->now > connection->deadline)
            give_up(connection, &load->tally.timeouts);
    }
}

static void run(struct load *load)
{
    struct epoll_event events[BATCH];
    uint64_t end = now_ns() + load->options.task.seconds * SECOND;
    uint64_t next_sweep = 0;
    while (!stopping && load->finished < load->options.connections && load->tally.replies < load->options.task.requests) {
        load->now = now_ns();
        if (load->now >= end)
            return;
        if (load->now >= next_sweep) {
            sweep(load);
            next_sweep = load->now + 50 * MILLISECOND;
        }
        int ready = epoll_wait(load->epoll, events, BATCH, 20);
        load->now = now_ns();
        for (int index = 0; index < ready; index++)
            advance(load, events[index].data.ptr, events[index].events);
    }
}

static void print_result(const struct load *load, double seconds)
{
    const struct tally *tally = &load->tally;
    double replies = tally->replies ? (double)tally->replies : 1;
    printf("{\"requests\": %lu, \"failures\": %lu, \"unconnected\": %lu, \"cut\": %lu, \"timeouts\": %lu, "
           "\"status\": %lu, \"malformed\": %lu, \"refused\": %lu, \"opened\": %lu, \"ended_by_server\": %lu, ",
           tally->replies,
           tally->unconnected + tally->cut + tally->timeouts + tally->status + tally->malformed + tally->refused,
           tally->unconnected, tally->cut, tally->timeouts, tally->status, tally->malformed, tally->refused,
           tally->opened, tally->ended);
    printf("\"seconds\": %.4f, \"rps\": %.1f, \"p50_us\": %.1f, \"p99_us\": %.1f, \"longest_us\": %.1f, "
           "\"bytes_per_reply\": %.1f, \"body_per_reply\": %.1f, \"peers_per_reply\": %.2f, \"cpu_seconds\": %.4f}\n",
           seconds, (double)tally->replies / seconds, histogram_us(&load->latency, 0.50),
           histogram_us(&load->latency, 0.99), (double)load->latency.longest / 1e3, (double)tally->bytes / replies,
           (double)tally->body_bytes / replies, (double)tally->peers / replies, cpu_seconds());
}

static const char usage[] = "--port N [--connections 64] [--close]" TASK_USAGE;

static const struct option names[] = {
    {"connections", required_argument, NULL, 'c'},
    {"close", no_argument, NULL, 'C'},
    TASK_OPTIONS,
};

static void read_options(struct load *load, int count, char **arguments)
{
    struct options *options = &load->options;
    *options = (struct options){.task = default_task(5 * SECOND), .connections = 64};
    load->population = default_population(16);
    for (int name; (name = getopt_long(count, arguments, "", names, NULL)) != -1;) {
        if (name == 'c')
            options->connections = (uint32_t)number("--connections", optarg, 1, CONNECTIONS_MOST);
        else if (name == 'C')
            options->close = true;
        else if (!read_task_option(&options->task, &load->population, name, optarg))
            refuse("http_load", usage);
    }
    if (optind != count || !options->task.port)
        refuse("http_load", usage);
}

static void open_load(struct load *load)
{
    stop_by_signals();
    population_open(&load->population);
    escape_hashes(load);
    load->epoll = epoll_create1(EPOLL_CLOEXEC);
    load->connections = calloc(load->options.connections, sizeof *load->connections);
    if (load->epoll < 0 || !load->connections)
        broken("http_load");
    for (uint32_t index = 0; index < load->options.connections; index++) {
        load->connections[index].fd = -1;
        load->connections[index].source = index % load->population.addresses;
    }
}

static void close_load(struct load *load)
{
    for (uint32_t index = 0; index < load->options.connections; index++)
        if (load->connections[index].fd >= 0)
            close(load->connections[index].fd);
    close(load->epoll);
    free(load->connections);
    free(load->escaped);
    population_close(&load->population);
}

int main(int count, char **arguments)
{
    static struct load load;
    read_options(&load, count, arguments);
    open_load(&load);
    uint64_t start = now_ns();
    run(&load);
    print_result(&load, (double)(now_ns() - start) / 1e9);
    close_load(&load);
    return 0;
}
