/* Fetches files from an HTTP server on this machine and prints one JSON line of what came back.
 *
 * A closed loop: each connection has one request under way, for a path that is drawn from a list. --close opens a
 * connection for every request; --once asks for each path once, in order. Every reply is read whole: 200, and as many
 * bytes as its Content-Length says.
 */
#define _GNU_SOURCE
#include <getopt.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "arguments.h"
#include "histogram.h"
#include "http_reply.h"

#define HEAD_BYTES 4096
#define PIECE_BYTES (256 << 10)
#define PATH_BYTES 128
#define PATHS_MOST 1000000
#define CONNECTIONS_MOST 4096
#define BATCH 256

struct connection {
    int fd; /* -1: not open */
    bool ends;
    uint64_t asked;
    size_t received; /* of the head */
    size_t left;     /* of the body */
    bool in_body;
    char head[HEAD_BYTES];
};

struct load {
    struct in_addr address;
    uint16_t port;
    uint64_t seconds, random, next;
    uint32_t connections, paths, finished;
    bool close, once;
    const char *file, *encoding;
    char (*path)[PATH_BYTES];
    struct connection *all;
    struct histogram latency;
    uint64_t replies, bytes, body_bytes, failures, opened, now;
    int epoll;
};

static char piece[PIECE_BYTES];

static void read_paths(struct load *load)
{
    FILE *file = fopen(load->file, "r");
    load->path = calloc(PATHS_MOST, PATH_BYTES);
    if (!file || !load->path)
        broken(load->file);
    while (load->paths < PATHS_MOST && fgets(load->path[load->paths], PATH_BYTES, file)) {
        load->path[load->paths][strcspn(load->path[load->paths], "\n")] = 0;
        load->paths++;
    }
    fclose(file);
    if (!load->paths)
        refuse("--paths", "a file without paths");
}

/* The next path; NULL where each was asked for. */
static const char *next_path(struct load *load)
{
    if (load->once)
        return load->next < load->paths ? load->path[load->next++] : NULL;
    load->random = load->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return load->path[((load->random >> 32) * load->paths) >> 32];
}

static void end_connection(struct connection *connection)
{
    if (connection->fd >= 0)
        close(connection->fd);
    connection->fd = -1;
}

static void fail(struct load *load, struct connection *connection)
{
    load->failures++;
    end_connection(connection);
}

static void ask(struct load *load, struct connection *connection)
{
    char request[512];
    const char *path = next_path(load);
    if (!path) {
        end_connection(connection);
        load->finished++;
        connection->asked = UINT64_MAX;
        return;
    }
    int length = snprintf(request, sizeof request,
                          "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nUser-Agent: load/1.0\r\nAccept-Encoding: %s\r\n"
                          "Connection: %s\r\n\r\n",
                          path, load->port, load->encoding, load->close ? "close" : "keep-alive");
    connection->asked = load->now;
    connection->received = 0;
    connection->in_body = false;
    if (send(connection->fd, request, (size_t)length, MSG_NOSIGNAL) != length)
        fail(load, connection);
}

static void open_connection(struct load *load, struct connection *connection)
{
    int yes = 1;
    struct sockaddr_in server = endpoint(load->address, load->port);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection->fd < 0)
        broken("socket");
    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (connect(connection->fd, (struct sockaddr *)&server, sizeof server) ||
        epoll_ctl(load->epoll, EPOLL_CTL_ADD, connection->fd, &event)) {
        fail(load, connection);
        return;
    }
    load->opened++;
    ask(load, connection);
}

static void finish(struct load *load, struct connection *connection)
{
    load->replies++;
    histogram_add(&load->latency, load->now - connection->asked);
    if (load->close || connection->ends) {
        end_connection(connection);
        open_connection(load, connection);
    } else {
        ask(load, connection);
    }
}

/* Look whether the head has come; what of the body came with it is counted. */
static void take_head(struct load *load, struct connection *connection)
{
    struct head head;
    if (!read_head(connection->head, connection->received, &head)) {
        if (connection->received == HEAD_BYTES)
            fail(load, connection);
        return;
    }
    size_t body = connection->received - head.length;
    if (head.status != 200 || head.body_length < 0 || body > (size_t)head.body_length) {
        fail(load, connection);
        return;
    }
    connection->ends = head.ends;
    connection->left = (size_t)head.body_length - body;
    connection->in_body = true;
    load->bytes += head.length + (size_t)head.body_length;
    load->body_bytes += (size_t)head.body_length;
}

static void receive(struct load *load, struct connection *connection)
{
    char *place = connection->in_body ? piece : connection->head + connection->received;
    size_t most = connection->in_body ? sizeof piece : HEAD_BYTES - connection->received;
    if (connection->in_body && connection->left < most)
        most = connection->left;
    ssize_t got = recv(connection->fd, place, most, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0) {
        fail(load, connection);
        return;
    }
    if (connection->in_body) {
        connection->left -= (size_t)got;
    } else {
        connection->received += (size_t)got;
        take_head(load, connection);
    }
    if (connection->fd >= 0 && connection->in_body && connection->left == 0)
        finish(load, connection);
}

static void run(struct load *load)
{
    struct epoll_event events[BATCH];
    uint64_t end = now_ns() + load->seconds * SECOND, swept = 0;
    while (!stopping && load->finished < load->connections && (load->now = now_ns()) < end) {
        for (uint32_t at = 0; load->now - swept > 50 * MILLISECOND && at < load->connections; at++)
            if (load->all[at].fd < 0 && load->all[at].asked != UINT64_MAX)
                open_connection(load, &load->all[at]);
        if (load->now - swept > 50 * MILLISECOND)
            swept = load->now;
        int ready = epoll_wait(load->epoll, events, BATCH, 20);
        load->now = now_ns();
        for (int at = 0; at < ready; at++)
            receive(load, events[at].data.ptr);
    }
}

static void print_result(const struct load *load, double seconds)
{
    double replies = load->replies ? (double)load->replies : 1;
    printf("{\"requests\": %lu, \"failures\": %lu, \"opened\": %lu, \"seconds\": %.4f, \"rps\": %.1f, \"p50_us\": %.1f, "
           "\"p99_us\": %.1f, \"bytes_per_reply\": %.1f, \"body_per_reply\": %.1f, \"peers_per_reply\": 0, "
           "\"cpu_seconds\": %.4f}\n",
           load->replies, load->failures, load->opened, seconds, (double)load->replies / seconds,
           histogram_us(&load->latency, 0.50), histogram_us(&load->latency, 0.99), (double)load->bytes / replies,
           (double)load->body_bytes / replies, cpu_seconds());
}

static const char usage[] = "--port N --paths FILE [--connections 64] [--close] [--once] [--encoding gzip] [--seconds 3] [--seed 1]";

static void read_options(struct load *load, int count, char **arguments)
{
    static const struct option names[] = {
        {"port", required_argument, NULL, 'p'},    {"paths", required_argument, NULL, 'f'},
        {"connections", required_argument, NULL, 'c'}, {"close", no_argument, NULL, 'C'},
        {"once", no_argument, NULL, 'o'},          {"encoding", required_argument, NULL, 'e'},
        {"seconds", required_argument, NULL, 's'}, {"seed", required_argument, NULL, 'r'},
        {NULL, 0, NULL, 0},
    };
    *load = (struct load){.address = loopback("127.0.0.1"), .seconds = 3, .random = 1, .connections = 64, .encoding = "gzip"};
    for (int name; (name = getopt_long(count, arguments, "", names, NULL)) != -1;) {
        switch (name) {
        case 'p': load->port = (uint16_t)number("--port", optarg, 1, 65535); break;
        case 'f': load->file = optarg; break;
        case 'c': load->connections = (uint32_t)number("--connections", optarg, 1, CONNECTIONS_MOST); break;
        case 'C': load->close = true; break;
        case 'o': load->once = true; break;
        case 'e': load->encoding = optarg; break;
        case 's': load->seconds = number("--seconds", optarg, 1, 600); break;
        case 'r': load->random = number("--seed", optarg, 0, UINT64_MAX); break;
        default: refuse("file_load", usage);
        }
    }
    if (optind != count || !load->port || !load->file)
        refuse("file_load", usage);
}

int main(int count, char **arguments)
{
    static struct load load;
    read_options(&load, count, arguments);
    stop_by_signals();
    read_paths(&load);
    load.epoll = epoll_create1(EPOLL_CLOEXEC);
    load.all = calloc(load.connections, sizeof *load.all);
    if (load.epoll < 0 || !load.all)
        broken("file_load");
    for (uint32_t at = 0; at < load.connections; at++)
        load.all[at].fd = -1;
    uint64_t start = now_ns();
    run(&load);
    print_result(&load, (double)(now_ns() - start) / 1e9);
    return 0;
}
