/* Stands between a process and its disk (LD_PRELOAD): every call on a file below one folder is numbered, written to a
 * log with its data, and the n-th one fails, tears, waits, flips a bit or is forgotten.
 *
 * A process under test calls faults_begin, faults_arm, faults_calls and faults_end itself; one that knows nothing of
 * this is told by FAULTS_ROOT, FAULTS_LOG and, for a fault, FAULTS_AT, FAULTS_ACT and FAULTS_ERRNO; with FAULTS_WHILE
 * the fault is there as long as a file of that name is. SQLite's shared memory (-shm) is no part of the disk: it does
 * not outlive the machine.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum call { OPEN = 1, CREATE, WRITE, TRUNCATE, SYNC, RENAME, UNLINK, LINK, MKDIR, CLOSE, READ, RMDIR, SYNC_ALL };
enum act { NOTHING, FAIL, SHORT, TEAR, WAIT, FLIP, FORGET, KILL, FULL, UNSYNCED };
enum needs { NO_ROOM, ROOM, SYNCED };

enum { FILES = 65536, SECTOR = 512, PAUSE_US = 2000 };

/* One entry of the log; `first` and `second` bytes follow it: data, or names. */
struct record {
    uint32_t call;
    int32_t result;
    uint64_t inode, other, offset;
    uint32_t first, second, fault, unused;
};

struct file {
    int tracked, append;
    uint64_t inode;
};

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static struct file files[FILES];
static char root[PATH_MAX];
static size_t root_size;
static int log_file = -1;
static uint64_t calls, at;
static int act, act_errno;
static const char *only_while;

#define REAL(result, name, ...)                                \
    static result (*real_##name)(__VA_ARGS__);                 \
    static void find_##name(void) __attribute__((constructor(101))); \
    static void find_##name(void) { *(void **)&real_##name = dlsym(RTLD_NEXT, #name); }

REAL(int, openat64, int, const char *, int, ...)
REAL(int, close, int)
REAL(ssize_t, read, int, void *, size_t)
REAL(ssize_t, pread64, int, void *, size_t, off64_t)
REAL(ssize_t, write, int, const void *, size_t)
REAL(ssize_t, pwrite64, int, const void *, size_t, off64_t)
REAL(int, ftruncate64, int, off64_t)
REAL(int, fsync, int)
REAL(int, fdatasync, int)
REAL(int, syncfs, int)
REAL(int, renameat, int, const char *, int, const char *)
REAL(int, unlinkat, int, const char *, int)
REAL(int, linkat, int, const char *, int, const char *, int)
REAL(int, mkdirat, int, const char *, mode_t)
REAL(ssize_t, sendfile64, int, int, off64_t *, size_t)
REAL(ssize_t, copy_file_range, int, off64_t *, int, off64_t *, size_t, unsigned)

static void put(const void *data, size_t size) {
    const char *left = data;
    while (size > 0) {
        ssize_t done = real_write(log_file, left, size);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            abort();
        left += done, size -= (size_t)done;
    }
}

static void note(struct record record, const void *first, const void *second) {
    int kept = errno;
    if (log_file < 0)
        return; /* it ended while this call waited for its turn */
    calls++;
    put(&record, sizeof record);
    put(first, record.first);
    put(second, record.second);
    errno = kept;
}

/* ---- what is told from outside ---- */

void faults_begin(const char *folder, const char *path) {
    pthread_mutex_lock(&turn);
    if (realpath(folder, root) == NULL)
        abort();
    root_size = strlen(root);
    log_file = real_openat64(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    calls = at = 0;
    act = NOTHING;
    memset(files, 0, sizeof files);
    pthread_mutex_unlock(&turn);
}

void faults_end(void) {
    pthread_mutex_lock(&turn);
    root_size = calls = 0;
    act = NOTHING;
    memset(files, 0, sizeof files);
    if (log_file >= 0)
        real_close(log_file);
    log_file = -1;
    pthread_mutex_unlock(&turn);
}

/* The call of that number, from 0, gets the fault. */
void faults_arm(uint64_t number, int what, int error) {
    pthread_mutex_lock(&turn);
    at = number, act = what, act_errno = error;
    pthread_mutex_unlock(&turn);
}

uint64_t faults_calls(void) {
    pthread_mutex_lock(&turn);
    uint64_t now = calls;
    pthread_mutex_unlock(&turn);
    return now;
}

static void begin_by_environment(void) __attribute__((constructor(102)));
static void begin_by_environment(void) {
    const char *folder = getenv("FAULTS_ROOT"), *path = getenv("FAULTS_LOG"), *number = getenv("FAULTS_AT");
    if (folder == NULL || path == NULL)
        return;
    faults_begin(folder, path);
    only_while = getenv("FAULTS_WHILE");
    if (number != NULL)
        faults_arm(strtoull(number, NULL, 10), atoi(getenv("FAULTS_ACT")), atoi(getenv("FAULTS_ERRNO")));
}

/* ---- whose turn it is ---- */

/* The fault of the call that is about to be made. */
static int due(enum needs needs) {
    if (only_while != NULL && access(only_while, F_OK) != 0)
        return NOTHING;
    if (act == FULL)
        return calls >= at && needs == ROOM ? FAIL : NOTHING;
    if (act == UNSYNCED)
        return calls >= at && needs == SYNCED ? FAIL : NOTHING;
    if (act == NOTHING || calls != at)
        return NOTHING;
    if (act == KILL)
        raise(SIGKILL);
    if (act == WAIT)
        usleep(PAUSE_US);
    return act;
}

static int fails(int fault) {
    if (fault != FAIL)
        return 0;
    errno = act == FULL ? ENOSPC : act_errno;
    return 1;
}

static int tracked(int fd) { return root_size > 0 && fd >= 0 && fd < FILES && files[fd].tracked; }

static int ends_with(const char *text, const char *end) {
    size_t size = strlen(text), most = strlen(end);
    return size >= most && strcmp(text + size - most, end) == 0;
}

/* Write the whole path if it lies below the root. */
static int below(int folder, const char *path, char whole[PATH_MAX]) {
    if (root_size == 0 || path == NULL)
        return 0;
    if (path[0] == '/') {
        if (strncmp(path, root, root_size) != 0 || strlen(path) >= PATH_MAX)
            return 0;
        strcpy(whole, path);
    } else {
        char link[64], base[PATH_MAX];
        if (!tracked(folder))
            return 0;
        snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
        ssize_t size = readlink(link, base, sizeof base - 1);
        if (size < 0)
            return 0;
        base[size] = '\0';
        if (snprintf(whole, PATH_MAX, "%s/%s", base, path) >= PATH_MAX)
            return 0;
    }
    return (whole[root_size] == '/' || whole[root_size] == '\0') && !ends_with(whole, "-shm");
}

static uint64_t inode_of(const char *path) {
    struct stat64 found;
    return fstatat64(AT_FDCWD, path, &found, AT_SYMLINK_NOFOLLOW) == 0 ? found.st_ino : 0;
}

/* The inode of the folder of a path, and its last name. */
static uint64_t parent_of(const char *path, const char **name) {
    char folder[PATH_MAX];
    strcpy(folder, path);
    char *slash = strrchr(folder, '/');
    *name = path + (slash - folder) + 1;
    *slash = '\0';
    return inode_of(folder);
}

/* ---- opening and closing ---- */

static int open_file(int folder, const char *path, int flags, mode_t mode) {
    char whole[PATH_MAX];
    pthread_mutex_lock(&turn);
    if (!below(folder, path, whole)) {
        pthread_mutex_unlock(&turn);
        int fd = real_openat64(folder, path, flags, mode);
        if (fd >= 0 && fd < FILES)
            files[fd].tracked = 0;
        return fd;
    }
    uint64_t before = inode_of(whole);
    int makes = before == 0 && (flags & O_CREAT);
    int fault = due(makes ? ROOM : NO_ROOM);
    int fd = fails(fault) ? -1 : real_openat64(folder, path, flags, mode);
    struct record record = {.call = OPEN, .result = fd, .fault = (uint32_t)fault};
    const char *name = "";
    if (fd >= 0) {
        struct stat64 found;
        fstat64(fd, &found);
        record.inode = found.st_ino;
        record.offset = (flags & O_TRUNC) && !makes;
        if (fd < FILES)
            files[fd] = (struct file){1, flags & O_APPEND, found.st_ino};
        if (makes) {
            record.call = CREATE;
            record.other = parent_of(whole, &name);
            record.first = (uint32_t)strlen(name);
        }
    } else if (makes) {
        record.call = CREATE;
    }
    note(record, name, "");
    pthread_mutex_unlock(&turn);
    return fd;
}

#define MODE(flags)                            \
    mode_t mode = 0;                           \
    if ((flags) & (O_CREAT | O_TMPFILE)) {     \
        va_list rest;                          \
        va_start(rest, flags);                 \
        mode = va_arg(rest, mode_t);           \
        va_end(rest);                          \
    }

int open(const char *path, int flags, ...) { MODE(flags) return open_file(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags) return open_file(AT_FDCWD, path, flags, mode); }
int openat(int folder, const char *path, int flags, ...) { MODE(flags) return open_file(folder, path, flags, mode); }
int openat64(int folder, const char *path, int flags, ...) { MODE(flags) return open_file(folder, path, flags, mode); }
int creat(const char *path, mode_t mode) { return open_file(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, mode); }

int close(int fd) {
    if (!tracked(fd))
        return real_close(fd);
    pthread_mutex_lock(&turn);
    int fault = due(NO_ROOM);
    struct record record = {.call = CLOSE, .inode = files[fd].inode, .fault = (uint32_t)fault};
    files[fd].tracked = 0;
    record.result = real_close(fd);
    if (fails(fault))
        record.result = -1;
    note(record, "", "");
    pthread_mutex_unlock(&turn);
    return record.result;
}

/* ---- reading and writing ---- */

static ssize_t read_file(int fd, void *data, size_t size, off64_t offset) {
    pthread_mutex_lock(&turn);
    int fault = due(NO_ROOM);
    size_t wanted = (fault == SHORT || fault == TEAR) && size > 1 ? size / 2 : size;
    ssize_t done = -1;
    if (!fails(fault))
        done = offset < 0 ? real_read(fd, data, wanted) : real_pread64(fd, data, wanted, offset);
    if (fault == FLIP && done > 0)
        ((unsigned char *)data)[done / 2] ^= 1;
    if (fault == FORGET && done > 0)
        memset(data, 0, (size_t)done);
    struct record record = {.call = READ, .result = (int32_t)done, .inode = files[fd].inode, .fault = (uint32_t)fault};
    note(record, "", "");
    pthread_mutex_unlock(&turn);
    return done;
}

ssize_t read(int fd, void *data, size_t size) { return tracked(fd) ? read_file(fd, data, size, -1) : real_read(fd, data, size); }
ssize_t pread64(int fd, void *data, size_t size, off64_t offset) {
    return tracked(fd) ? read_file(fd, data, size, offset) : real_pread64(fd, data, size, offset);
}
ssize_t pread(int fd, void *data, size_t size, off_t offset) { return pread64(fd, data, size, offset); }

static off64_t end_of(int fd) {
    struct stat64 found;
    return fstat64(fd, &found) == 0 ? found.st_size : 0;
}

/* What part of a write is made at all. */
static size_t part(int fault, size_t size) {
    if (fault == SHORT && size > 1)
        return size / 2;
    if (fault == TEAR)
        return size > SECTOR ? size / 2 / SECTOR * SECTOR : size / 2;
    return fault == FORGET || fault == FAIL ? 0 : size;
}

static ssize_t write_file(int fd, const void *data, size_t size, off64_t offset) {
    pthread_mutex_lock(&turn);
    int fault = due(ROOM), moves = offset < 0;
    off64_t where = !moves ? offset : files[fd].append ? end_of(fd) : lseek64(fd, 0, SEEK_CUR);
    size_t wanted = part(fault, size);
    unsigned char *flipped = NULL;
    if (fault == FLIP && size > 0) {
        flipped = malloc(size);
        memcpy(flipped, data, size);
        flipped[size / 2] ^= 1;
        data = flipped;
    }
    ssize_t done = wanted == 0 ? 0 : moves ? real_write(fd, data, wanted) : real_pwrite64(fd, data, wanted, offset);
    struct record record = {
        .call = WRITE, .inode = files[fd].inode, .offset = (uint64_t)where, .fault = (uint32_t)fault};
    record.first = done > 0 ? (uint32_t)done : 0;
    record.result = (int32_t)done;
    if (fault == FORGET) {
        record.result = (int32_t)size;
        if (moves)
            lseek64(fd, (off64_t)size, SEEK_CUR);
    } else if (fails(fault)) {
        record.result = -1;
    } else if (fault == TEAR) {
        record.result = -1;
        errno = EIO;
    }
    note(record, data, "");
    free(flipped);
    pthread_mutex_unlock(&turn);
    return record.result;
}

ssize_t write(int fd, const void *data, size_t size) {
    return tracked(fd) ? write_file(fd, data, size, -1) : real_write(fd, data, size);
}
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset) {
    return tracked(fd) ? write_file(fd, data, size, offset) : real_pwrite64(fd, data, size, offset);
}
ssize_t pwrite(int fd, const void *data, size_t size, off_t offset) { return pwrite64(fd, data, size, offset); }

/* A write of several parts may be short, so writing the first is a right answer. */
ssize_t writev(int fd, const struct iovec *parts, int count) {
    static ssize_t (*real)(int, const struct iovec *, int);
    if (tracked(fd) && count > 0)
        return write_file(fd, parts[0].iov_base, parts[0].iov_len, -1);
    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "writev");
    return real(fd, parts, count);
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset) {
    static ssize_t (*real)(int, const struct iovec *, int, off64_t);
    if (tracked(fd) && count > 0)
        return write_file(fd, parts[0].iov_base, parts[0].iov_len, offset);
    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "pwritev64");
    return real(fd, parts, count, offset);
}
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) { return pwritev64(fd, parts, count, offset); }

/* Copies within the kernel are refused, so that the caller reads and writes. */
ssize_t sendfile64(int out, int in, off64_t *offset, size_t size) {
    if (!tracked(out))
        return real_sendfile64(out, in, offset, size);
    errno = EINVAL;
    return -1;
}
ssize_t sendfile(int out, int in, off_t *offset, size_t size) { return sendfile64(out, in, offset, size); }
ssize_t copy_file_range(int in, off64_t *from, int out, off64_t *to, size_t size, unsigned flags) {
    if (!tracked(out))
        return real_copy_file_range(in, from, out, to, size, flags);
    errno = EXDEV;
    return -1;
}

/* ---- what changes a file or a folder as a whole ---- */

int ftruncate64(int fd, off64_t size) {
    if (!tracked(fd))
        return real_ftruncate64(fd, size);
    pthread_mutex_lock(&turn);
    int fault = due(ROOM), result = fails(fault) ? -1 : fault == FORGET ? 0 : real_ftruncate64(fd, size);
    struct record record = {.call = fault == FORGET ? READ : TRUNCATE, .result = result, .inode = files[fd].inode,
        .offset = (uint64_t)size, .fault = (uint32_t)fault};
    note(record, "", "");
    pthread_mutex_unlock(&turn);
    return result;
}
int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }

static int sync_file(int fd, int (*real)(int), enum call call) {
    pthread_mutex_lock(&turn);
    int fault = due(SYNCED), result = fails(fault) ? -1 : fault == FORGET ? 0 : real(fd);
    struct record record = {
        .call = fault == FORGET ? READ : call, .result = result < 0 ? -errno : 0, .inode = files[fd].inode, .fault = (uint32_t)fault};
    note(record, "", "");
    pthread_mutex_unlock(&turn);
    return result;
}
int fsync(int fd) { return tracked(fd) ? sync_file(fd, real_fsync, SYNC) : real_fsync(fd); }
int fdatasync(int fd) { return tracked(fd) ? sync_file(fd, real_fdatasync, SYNC) : real_fdatasync(fd); }
int syncfs(int fd) { return tracked(fd) ? sync_file(fd, real_syncfs, SYNC_ALL) : real_syncfs(fd); }

int renameat(int folder, const char *path, int to, const char *target) {
    char whole[PATH_MAX], other[PATH_MAX];
    pthread_mutex_lock(&turn);
    if (!below(folder, path, whole) || !below(to, target, other)) {
        pthread_mutex_unlock(&turn);
        return real_renameat(folder, path, to, target);
    }
    const char *name, *new_name;
    int fault = due(ROOM);
    struct record record = {.call = fault == FORGET ? READ : RENAME, .fault = (uint32_t)fault, .offset = inode_of(whole)};
    record.inode = parent_of(whole, &name), record.other = parent_of(other, &new_name);
    record.first = (uint32_t)strlen(name), record.second = (uint32_t)strlen(new_name);
    record.result = fails(fault) ? -1 : fault == FORGET ? 0 : real_renameat(folder, path, to, target);
    note(record, name, new_name);
    pthread_mutex_unlock(&turn);
    return record.result;
}
int rename(const char *path, const char *target) { return renameat(AT_FDCWD, path, AT_FDCWD, target); }

int linkat(int folder, const char *path, int to, const char *target, int flags) {
    char other[PATH_MAX];
    struct stat64 found;
    pthread_mutex_lock(&turn);
    if (!below(to, target, other) || fstatat64(folder, path, &found, 0) != 0) {
        pthread_mutex_unlock(&turn);
        return real_linkat(folder, path, to, target, flags);
    }
    const char *name;
    int fault = due(ROOM);
    struct record record = {.call = fault == FORGET ? READ : LINK, .fault = (uint32_t)fault, .inode = found.st_ino};
    record.other = parent_of(other, &name);
    record.first = (uint32_t)strlen(name);
    record.result = fails(fault) ? -1 : fault == FORGET ? 0 : real_linkat(folder, path, to, target, flags);
    note(record, name, "");
    pthread_mutex_unlock(&turn);
    return record.result;
}
int link(const char *path, const char *target) { return linkat(AT_FDCWD, path, AT_FDCWD, target, 0); }

int unlinkat(int folder, const char *path, int flags) {
    char whole[PATH_MAX];
    pthread_mutex_lock(&turn);
    if (!below(folder, path, whole)) {
        pthread_mutex_unlock(&turn);
        return real_unlinkat(folder, path, flags);
    }
    const char *name;
    int fault = due(NO_ROOM), call = flags & AT_REMOVEDIR ? RMDIR : UNLINK;
    struct record record = {.call = (uint32_t)(fault == FORGET ? READ : call), .fault = (uint32_t)fault};
    record.inode = inode_of(whole), record.other = parent_of(whole, &name);
    record.first = (uint32_t)strlen(name);
    record.result = fails(fault) ? -1 : fault == FORGET ? 0 : real_unlinkat(folder, path, flags);
    note(record, name, "");
    pthread_mutex_unlock(&turn);
    return record.result;
}
int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }

int mkdirat(int folder, const char *path, mode_t mode) {
    char whole[PATH_MAX];
    pthread_mutex_lock(&turn);
    if (!below(folder, path, whole)) {
        pthread_mutex_unlock(&turn);
        return real_mkdirat(folder, path, mode);
    }
    const char *name;
    int fault = due(ROOM);
    struct record record = {.call = MKDIR, .fault = (uint32_t)fault, .other = parent_of(whole, &name)};
    record.first = (uint32_t)strlen(name);
    record.result = fails(fault) ? -1 : real_mkdirat(folder, path, mode);
    record.inode = record.result == 0 ? inode_of(whole) : 0; /* which sets errno where there is none */
    note(record, name, "");
    pthread_mutex_unlock(&turn);
    return record.result;
}
int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }
