/* Put in front of every source of the door by `-include`: its allocations, system calls and threads become those of
 * `fuzz_door.c`, where the n-th fails. Everything is included first that the sources include.
 */
#ifndef PEERAGE_FAULTS_H
#define PEERAGE_FAULTS_H

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

void *fault_malloc(size_t size);
void *fault_calloc(size_t count, size_t size);
void *fault_realloc(void *old, size_t size);
void *fault_aligned_alloc(size_t alignment, size_t size);
void fault_free(void *block);

int fault_epoll_create1(int flags);
int fault_epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event);
int fault_epoll_wait(int epoll, struct epoll_event *events, int most, int timeout);
int fault_eventfd(unsigned value, int flags);
int fault_accept4(int listener, struct sockaddr *from, socklen_t *length, int flags);
ssize_t fault_recv(int fd, void *data, size_t size, int flags);
ssize_t fault_send(int fd, const void *data, size_t size, int flags);
ssize_t fault_sendmsg(int fd, const struct msghdr *message, int flags);
int fault_recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags, struct timespec *timeout);
int fault_sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags);
ssize_t fault_read(int fd, void *data, size_t size);
ssize_t fault_write(int fd, const void *data, size_t size);
int fault_close(int fd);
int fault_shutdown(int fd, int how);
int fault_clock_gettime(clockid_t clock, struct timespec *now);
long fault_openat2(long call, int root, const char *name, const struct open_how *how, size_t size);
int fault_fstat(int fd, struct stat *found);
ssize_t fault_pread(int fd, void *data, size_t size, off_t from);
ssize_t fault_preadv2(int fd, const struct iovec *pieces, int count, off_t from, int flags);
ssize_t fault_sendfile(int socket, int fd, off_t *from, size_t size);
int fault_thread_create(void *(*run)(void *), void *given);
int fault_thread_join(void);

#ifndef PEERAGE_FUZZ_DOOR
#define malloc(size) fault_malloc(size)
#define calloc(count, size) fault_calloc(count, size)
#define realloc(old, size) fault_realloc(old, size)
#define aligned_alloc(alignment, size) fault_aligned_alloc(alignment, size)
#define free(block) fault_free(block)
#define epoll_create1(flags) fault_epoll_create1(flags)
#define epoll_ctl(epoll, operation, fd, event) fault_epoll_ctl(epoll, operation, fd, event)
#define epoll_wait(epoll, events, most, timeout) fault_epoll_wait(epoll, events, most, timeout)
#define eventfd(value, flags) fault_eventfd(value, flags)
#define accept4(listener, from, length, flags) fault_accept4(listener, from, length, flags)
#define recv(fd, data, size, flags) fault_recv(fd, data, size, flags)
#define send(fd, data, size, flags) fault_send(fd, data, size, flags)
#define sendmsg(fd, message, flags) fault_sendmsg(fd, message, flags)
#define recvmmsg(fd, messages, count, flags, timeout) fault_recvmmsg(fd, messages, count, flags, timeout)
#define sendmmsg(fd, messages, count, flags) fault_sendmmsg(fd, messages, count, flags)
#define read(fd, data, size) fault_read(fd, data, size)
#define write(fd, data, size) fault_write(fd, data, size)
#define close(fd) fault_close(fd)
#define shutdown(fd, how) fault_shutdown(fd, how)
#define syscall(call, root, name, how, size) fault_openat2(call, root, name, how, size)
#define fstat(fd, found) fault_fstat(fd, found)
#define pread(fd, data, size, from) fault_pread(fd, data, size, from)
#define preadv2(fd, pieces, count, from, flags) fault_preadv2(fd, pieces, count, from, flags)
#define sendfile(socket, fd, from, size) fault_sendfile(socket, fd, from, size)
#define clock_gettime(clock, now) fault_clock_gettime(clock, now)
#define pthread_create(id, attributes, run, given) (*(id) = pthread_self(), fault_thread_create(run, given))
#define pthread_join(id, result) fault_thread_join()
#endif

#endif
