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
#include <signal.h>
#include <stdbool.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "arguments.h"
#include "bencoded.h"
#include "histogram.h"
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
    struct in_addr address;
    uint16_t port;
    uint32_t connections;
    bool close;
    uint32_t numwant;
    uint64_t seconds;
    uint64_t requests;
    uint64_t patience; /* ns without a whole reply before a connection is given up */
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

/* What the head of a reply says; body_length is -1 where only the end of the connection tells. */
struct head {
    size_t length;
    int status;
    long body_length;
    bool ends;
};

static volatile sig_atomic_t stopping;

static void stop(int number_of_signal)
{
    (void)number_of_signal;
    stopping = 1;
}

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
                          announce.seeder ? 0 : 1048576, events[announce.event], load->options.numwant,
                          load->options.port, load->options.close ? "close" : "keep-alive");
    if (length <= 0 || length >= REQUEST_BYTES)
        refuse("request", "longer than its buffer");
    connection->request_length = (size_t)length;
    connection->sent = 0;
    connection->received = 0;
    connection->asked = load->now;
    connection->deadline = load->now + load->options.patience;
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
    struct sockaddr_in server = endpoint(load->options.address, load->options.port);
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

/* The number in a header line after some spaces; -1 if it has none or too long a one. */
static long decimal(const char *text, size_t length)
{
    long value = -1;
    size_t at = 0;
    while (at < length && text[at] == ' ')
        at++;
    for (size_t first = at; at < length && text[at] >= '0' && text[at] <= '9'; at++) {
        if (at - first == 9)
            return -1;
        value = (value < 0 ? 0 : value * 10) + (text[at] - '0');
    }
    return value;
}

static void read_header(const char *line, size_t length, struct head *head)
{
    static const char size_name[] = "content-length:";
    static const char ends_name[] = "connection:";
    if (length >= sizeof size_name && !strncasecmp(line, size_name, sizeof size_name - 1))
        head->body_length = decimal(line + sizeof size_name - 1, length - (sizeof size_name - 1));
    if (length >= sizeof ends_name && !strncasecmp(line, ends_name, sizeof ends_name - 1))
        head->ends = memmem(line, length, "lose", 4) != NULL;
}

/* Reads the head of a reply; false while it has not come whole. */
static bool read_head(const struct connection *connection, struct head *head)
{
    const char *reply = (const char *)connection->reply;
    const char *end = memmem(reply, connection->received, "\r\n\r\n", 4);
    if (!end)
        return false;
    *head = (struct head){.length = (size_t)(end - reply) + 4, .body_length = -1};
    if (head->length >= 16 && !memcmp(reply, "HTTP/1.", 7) && reply[8] == ' ') {
        head->status = (int)decimal(reply + 9, 3);
        head->ends = reply[7] == '0';
    }
    for (const char *line = memchr(reply, '\n', head->length); line && ++line < end;
         line = memchr(line, '\n', (size_t)(end + 4 - line))) {
        const char *next = memchr(line, '\r', (size_t)(end + 4 - line));
        read_header(line, next ? (size_t)(next - line) : 0, head);
    }
    return true;
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
    if (!read_head(connection, &head)) {
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
    uint64_t end = now_ns() + load->options.seconds * SECOND;
    uint64_t next_sweep = 0;
    while (!stopping && load->finished < load->options.connections && load->tally.replies < load->options.requests) {
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

static const char usage[] =
    "--port N [--address 127.0.0.1] [--connections 64] [--close] [--fill] [--torrents 1000] [--peers 60]\n"
    "  [--addresses 16] [--seeders 50 (%)] [--events 10 (%)] [--numwant 50] [--seconds 3] [--requests N]\n"
    "  [--patience-ms 5000] [--seed 1]";

static const struct option names[] = {
    {"address", required_argument, NULL, 'a'},   {"port", required_argument, NULL, 'p'},
    {"connections", required_argument, NULL, 'c'}, {"close", no_argument, NULL, 'C'},
    {"fill", no_argument, NULL, 'F'},            {"torrents", required_argument, NULL, 't'},
    {"peers", required_argument, NULL, 'P'},     {"addresses", required_argument, NULL, 'A'},
    {"seeders", required_argument, NULL, 's'},   {"events", required_argument, NULL, 'e'},
    {"numwant", required_argument, NULL, 'n'},   {"seconds", required_argument, NULL, 'S'},
    {"requests", required_argument, NULL, 'r'},  {"patience-ms", required_argument, NULL, 'w'},
    {"seed", required_argument, NULL, 'R'},      {NULL, 0, NULL, 0},
};

static void read_option(struct load *load, int name, const char *text)
{
    struct options *options = &load->options;
    struct population *population = &load->population;
    switch (name) {
    case 'a': options->address = loopback(text); break;
    case 'p': options->port = (uint16_t)number("--port", text, 1, 65535); break;
    case 'c': options->connections = (uint32_t)number("--connections", text, 1, CONNECTIONS_MOST); break;
    case 'C': options->close = true; break;
    case 'F': population->fill = true; break;
    case 't': population->torrents = (uint32_t)number("--torrents", text, 1, TORRENTS_MOST); break;
    case 'P': population->peers = (uint32_t)number("--peers", text, 1, PEERS_MOST); break;
    case 'A': population->addresses = (uint32_t)number("--addresses", text, 1, ADDRESSES_MOST); break;
    case 's': population->seeders = (uint32_t)number("--seeders", text, 0, 100); break;
    case 'e': population->events = (uint32_t)number("--events", text, 0, 100); break;
    case 'n': options->numwant = (uint32_t)number("--numwant", text, 0, 200); break;
    case 'S': options->seconds = number("--seconds", text, 1, 600); break;
    case 'r': options->requests = number("--requests", text, 1, UINT64_C(1000000000)); break;
    case 'w': options->patience = number("--patience-ms", text, 10, 60000) * MILLISECOND; break;
    case 'R': population->random = number("--seed", text, 0, UINT64_MAX); break;
    default: refuse("http_load", usage);
    }
}

static void read_options(struct load *load, int count, char **arguments)
{
    load->options = (struct options){.connections = 64, .numwant = 50, .seconds = 3, .patience = 5 * SECOND,
                                     .requests = UINT64_C(1000000000), .address = loopback("127.0.0.1")};
    load->population = (struct population){.torrents = 1000, .peers = 60, .addresses = 16, .seeders = 50,
                                           .events = 10, .random = 1};
    for (int name; (name = getopt_long(count, arguments, "", names, NULL)) != -1;)
        read_option(load, name, optarg);
    if (optind != count || !load->options.port)
        refuse("http_load", usage);
}

static void open_load(struct load *load)
{
    struct sigaction action = {.sa_handler = stop};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
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
