/* Finished answers to requests for stored files: put by Python, found by any thread without the GIL. */
#ifndef PEERAGE_KEPT_FILES_H
#define PEERAGE_KEPT_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buffer.h"
#include "constants.h"
#include "stored_files.h"

enum { FILE_SHARDS = 16 };

/* The answers of one stored file in one coding. What lies in `bytes` never changes. */
struct kept_file {
    struct kept_file *next;             /* in its bucket */
    struct kept_file *older, *newer;    /* in its shard */
    _Atomic uint32_t references;        /* the table's, and one of each answer that is being sent */
    bool used;                          /* found since it was put, or since it was spared */
    bool apart;                         /* the file is not in `bytes`, but where it is stored */
    struct file_stamp stamp;            /* of the stored file; not known where that is not what is sent */
    uint8_t infohash[INFOHASH], packed; /* packed: gzip as stored */
    int64_t until;                      /* seconds of the clock that does not run backwards */
    size_t size;                        /* of all this */
    size_t head, unchanged, etag, body; /* lengths */
    uint8_t bytes[];
};

/* The parts of an answer: the headers of the whole file and those of 304, from the one behind `date` on, each line
 * with its end; the entity tag with its quotation marks; the file, NULL and its length where that is apart. */
struct file_parts {
    struct slice head, unchanged, etag, body;
};

struct file_numbers {
    uint64_t count, bytes, stored, evicted, expired, refused;
};

struct file_table;

/* Make a table that holds at most so many bytes, those included that are being sent and not kept any more; NULL where
 * there is no memory. `root` is the folder of stored files, which outlives the table, or -1. */
struct file_table *file_table_new(size_t capacity, const uint64_t secret[2], int root);

/* Nothing may refer to its files any more. */
void file_table_free(struct file_table *table);

/* The bytes of the largest file that is kept, its headers included. */
size_t file_table_most(const struct file_table *table);

/* What `put` has to bring, read before it was decided that everybody may have the file. */
uint64_t file_table_generation(struct file_table *table, const uint8_t infohash[INFOHASH]);

/* Keep a file in place of an earlier one, or its heads alone. False where it is too large, where there is no room because
 * of answers that are being sent, and where something was dropped since its generation was read. Of a file with a stamp
 * the heads stay when there is no room for the whole. */
bool file_table_put(struct file_table *table, const uint8_t infohash[INFOHASH], bool packed, uint64_t generation,
                    const struct file_parts *parts, int64_t until, const struct file_stamp *stamp);

/* Find a file and refer to it; NULL where it is not kept. */
struct kept_file *file_table_find(struct file_table *table, const uint8_t infohash[INFOHASH], bool packed, int64_t now);

/* Open the stored file of a file that is apart; -1 where that cannot be had at once, or too many are open. */
int file_table_open(struct file_table *table, const struct kept_file *file);
void file_table_close(struct file_table *table, int fd);

void kept_file_release(struct file_table *table, struct kept_file *file);

/* Drop a file in both codings: once this has returned, nothing finds it, and nothing read before is put. */
void file_table_drop(struct file_table *table, const uint8_t infohash[INFOHASH]);
void file_table_clear(struct file_table *table);

struct file_name {
    uint8_t infohash[INFOHASH], packed;
};

/* Tell up to `most` files of a shard that were asked for since they were put and end before `until`. */
size_t file_table_ending(struct file_table *table, unsigned shard, int64_t until, struct file_name *out, size_t most);

void file_table_read(struct file_table *table, struct file_numbers *out);

static inline struct file_parts kept_file_parts(const struct kept_file *file)
{
    const uint8_t *unchanged = file->bytes + file->head, *etag = unchanged + file->unchanged;
    return (struct file_parts){{file->bytes, file->head},
                               {unchanged, file->unchanged},
                               {etag, file->etag},
                               {file->apart ? NULL : etag + file->etag, file->body}};
}

#endif
