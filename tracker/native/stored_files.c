/* Stored files, opened and read by a thread that has others to serve: only where the kernel has all of it at hand. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "stored_files.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#if __has_include(<linux/openat2.h>) && defined SYS_openat2
#include <linux/openat2.h>
#endif

#define SUFFIX ".torrent.gz"

enum { NAME_SIZE = 2 * INFOHASH + 2 + sizeof SUFFIX };

/* AA/BB/REST.torrent.gz */
static void write_name(const uint8_t infohash[INFOHASH], char out[NAME_SIZE])
{
    static const char digits[] = "0123456789ABCDEF";
    for (int at = 0; at < INFOHASH; at++) {
        *out++ = digits[infohash[at] >> 4];
        *out++ = digits[infohash[at] & 15];
        if (at < 2)
            *out++ = '/';
    }
    for (size_t at = 0; at < sizeof SUFFIX; at++)
        out[at] = SUFFIX[at];
}

static int open_at_hand(int root, const char *name)
{
#ifdef RESOLVE_CACHED
    struct open_how how = {.flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
                           .resolve = RESOLVE_CACHED | RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH};
    return (int)syscall(SYS_openat2, root, name, &how, sizeof how);
#else
    (void)root;
    (void)name;
    errno = ENOSYS;
    return -1;
#endif
}

int stored_file_open(int root, const uint8_t infohash[INFOHASH], size_t size, const struct file_stamp *stamp)
{
    char name[NAME_SIZE];
    struct stat found;
    write_name(infohash, name);
    int fd = root < 0 ? -1 : open_at_hand(root, name);
    if (fd < 0)
        return -1;
    if (fstat(fd, &found) == 0 && S_ISREG(found.st_mode) && (uint64_t)found.st_ino == stamp->inode &&
        found.st_size >= 0 && (uint64_t)found.st_size == size &&
        (int64_t)found.st_mtim.tv_sec * 1000000000 + found.st_mtim.tv_nsec == stamp->changed)
        return fd;
    close(fd);
    return -1;
}

static ssize_t read_at_hand(int fd, uint8_t *out, size_t size, size_t from)
{
    struct iovec piece = {out, size};
    ssize_t got = preadv2(fd, &piece, 1, (off_t)from, RWF_NOWAIT);
    if (got < 0 && errno == EOPNOTSUPP) /* of a file system in memory, as a rule */
        got = pread(fd, out, size, (off_t)from);
    return got;
}

bool stored_file_read(int fd, uint8_t *out, size_t size)
{
    return read_at_hand(fd, out, size, 0) == (ssize_t)size;
}

bool stored_file_at_hand(int fd, size_t size)
{
    uint8_t byte;
    return size > 0 && read_at_hand(fd, &byte, 1, 0) == 1 && read_at_hand(fd, &byte, 1, size - 1) == 1;
}

bool stored_body_send(int socket, struct stored_body *body, size_t most)
{
    off_t offset = (off_t)body->offset;
    ssize_t sent = sendfile(socket, body->fd, &offset, body->left < most ? body->left : most);
    if (sent < 0)
        return errno == EAGAIN || errno == EINTR;
    body->offset += (size_t)sent;
    body->left -= (size_t)sent;
    return sent > 0; /* else the file was cut off meanwhile */
}

size_t stored_body_take_back(struct stored_body *body, size_t unsent)
{
    size_t taken = unsent < body->ahead ? unsent : body->ahead;
    body->offset -= taken;
    body->left += taken;
    body->ahead = 0;
    return taken;
}
