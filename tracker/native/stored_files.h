/* Stored files, opened and read by a thread that has others to serve: only where the kernel has all of it at hand. */
#ifndef PEERAGE_STORED_FILES_H
#define PEERAGE_STORED_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "constants.h"

enum { STORED_SMALL = 12288 }; /* bytes up to which a file is read, and sent with its head; a larger one goes by sendfile */

/* What is another when a file was changed; `inode` 0: not known. */
struct file_stamp {
    uint64_t inode;
    int64_t changed; /* nanoseconds */
};

/* What is to be sent of a stored file: `ahead` of its bytes are the last of the answer in front of it, and from `offset`
 * on `left` are still in the file. */
struct stored_body {
    int fd; /* -1: there is none */
    size_t ahead, offset, left;
};

/* Open the file of a torrent in the folder `root`; -1 where it is not the one of that size and stamp, and where the
 * kernel would have to read for that. Links are not followed. */
int stored_file_open(int root, const uint8_t infohash[INFOHASH], size_t size, const struct file_stamp *stamp);

/* Read all of a file that is so large; false where the kernel would have to wait. */
bool stored_file_read(int fd, uint8_t *out, size_t size);

/* Whether the kernel has both ends of a file at hand: what it reads in one go it keeps and drops in one go. */
bool stored_file_at_hand(int fd, size_t size);

/* Send some of what is left, at most so much, to a socket that does not block; false where either is gone. */
bool stored_body_send(int socket, struct stored_body *body, size_t most);

/* Take those bytes back that are in an answer of which so many were not sent; returns how many these are. */
size_t stored_body_take_back(struct stored_body *body, size_t unsent);

#endif
