/* Command-line arguments of a load program: numbers within bounds and loopback addresses; and when to stop. */
#ifndef ARGUMENTS_H
#define ARGUMENTS_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define SECOND UINT64_C(1000000000)
#define MILLISECOND UINT64_C(1000000)

static inline void refuse(const char *subject, const char *why)
{
    fprintf(stderr, "%s: %s\n", subject, why);
    exit(2);
}

static inline void broken(const char *call)
{
    fprintf(stderr, "%s: %s\n", call, strerror(errno));
    exit(1);
}

/* A decimal number between low and high, or the end of the program. */
static inline uint64_t number(const char *name, const char *text, uint64_t low, uint64_t high)
{
    char *end = NULL;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno || end == text || *end || text[0] == '-' || value < low || value > high)
        refuse(name, "not a number within its bounds");
    return value;
}

/* An IPv4 address of 127.0.0.0/8, or the end of the program: load is for this machine alone. */
static inline struct in_addr loopback(const char *text)
{
    struct in_addr address = {0};
    if (inet_pton(AF_INET, text, &address) != 1)
        refuse(text, "not an IPv4 address");
    if (ntohl(address.s_addr) >> 24 != 127)
        refuse(text, "not a loopback address (127.0.0.0/8)");
    return address;
}

static inline struct sockaddr_in endpoint(struct in_addr address, uint16_t port)
{
    struct sockaddr_in end = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = address};
    return end;
}

/* The source of connection i: 127.0.0.1, 127.0.0.2, ... */
static inline struct sockaddr_in source_endpoint(uint32_t index)
{
    struct in_addr address = {.s_addr = htonl(UINT32_C(0x7f000001) + index)};
    return endpoint(address, 0);
}

static volatile sig_atomic_t stopping;

static inline void note_signal(int number_of_signal)
{
    (void)number_of_signal;
    stopping = 1;
}

/* SIGINT and SIGTERM set `stopping`, so that a program ends with its result printed and its memory freed. */
static inline void stop_by_signals(void)
{
    struct sigaction action = {.sa_handler = note_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static inline uint64_t now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * SECOND + (uint64_t)time.tv_nsec;
}

static inline double cpu_seconds(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
           + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

#endif
