/* Preloaded into a command by the tests: writes down, or fails, the calls that change files below a folder.
 *
 * FAULTS_BELOW   the folder (absolute, as the command is given it)
 * FAULTS_LOG     where each call is written down with its bytes
 * FAULTS_AT      the how-manieth call fails, from 1
 * FAULTS_ERRNO   with which error
 * FAULTS_ON      if set, all calls after it fail too
 * FAULTS_HOLD    the end of a path: the first call that opens such a file to write makes the file FAULTS_GATE, and waits
 *                until that is gone
 *
 * A record is a line of fields between spaces: kind, place or size, path; W is followed by its bytes.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FDS 4096

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char *paths[FDS];
static const char *below, *held, *gate;
static long at, calls;
static int error, on, log_fd = -1;

__attribute__((constructor)) static void start(void) {
    below = getenv("FAULTS_BELOW");
    at = getenv("FAULTS_AT") ? atol(getenv("FAULTS_AT")) : 0;
    error = getenv("FAULTS_ERRNO") ? atoi(getenv("FAULTS_ERRNO")) : EIO;
    on = getenv("FAULTS_ON") != NULL;
    held = getenv("FAULTS_HOLD");
    gate = getenv("FAULTS_GATE");
    if (getenv("FAULTS_LOG"))
        log_fd = syscall(SYS_openat, AT_FDCWD, getenv("FAULTS_LOG"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static int watched(const char *path) {
    return below && path && !strncmp(path, below, strlen(below));
}

static const char *path_of(int fd) {
    return fd >= 0 && fd < FDS ? paths[fd] : NULL;
}

/* Counts a call, and says whether it is to fail. */
static int fails(void) {
    long call = ++calls;
    if (at && (call == at || (on && call > at))) {
        errno = error;
        return 1;
    }
    return 0;
}

static void all(const void *bytes, size_t size) {
    const char *next = bytes;
    while (size > 0) {
        long wrote = syscall(SYS_write, log_fd, next, size);
        if (wrote <= 0) return;
        next += wrote;
        size -= wrote;
    }
}

static void record(char kind, long number, const char *path, const void *bytes, size_t size) {
    int saved = errno;
    if (log_fd >= 0) {
        char line[8192];
        int length = snprintf(line, sizeof line, "%c %ld %zu %s\n", kind, number, size, path);
        all(line, length);
        all(bytes, size);
    }
    errno = saved;
}

/* How many calls there were. */
__attribute__((destructor)) static void end(void) {
    if (below) record('N', calls, below, "", 0);
}

static int opened(int fd, const char *path, int flags, int was_there) {
    if (fd >= 0 && fd < FDS) {
        free(paths[fd]);
        paths[fd] = strdup(path);
        if (!was_there) record('C', 0, path, "", 0);
        else if (flags & O_TRUNC) record('T', 0, path, "", 0);
    }
    return fd;
}

/* Whether this call is to wait; no other does then. */
static int is_held(const char *path, int flags) {
    size_t length = strlen(path), end = held ? strlen(held) : 0;
    if (!held || !(flags & (O_WRONLY | O_RDWR)) || length < end || strcmp(path + length - end, held)) return 0;
    held = NULL;
    return 1;
}

static void wait_at_gate(void) {
    syscall(SYS_close, syscall(SYS_openat, AT_FDCWD, gate, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    while (syscall(SYS_faccessat, AT_FDCWD, gate, F_OK) == 0) usleep(1000);
}

static int open_any(int dir, const char *path, int flags, mode_t mode) {
    if (!watched(path)) return syscall(SYS_openat, dir, path, flags, mode);
    pthread_mutex_lock(&lock);
    int was_there = syscall(SYS_faccessat, AT_FDCWD, path, F_OK) == 0;
    int fd = (flags & (O_WRONLY | O_RDWR | O_CREAT)) && fails() ? -1 : syscall(SYS_openat, dir, path, flags, mode);
    opened(fd, path, flags, was_there);
    int waits = fd >= 0 && is_held(path, flags);
    pthread_mutex_unlock(&lock);
    if (waits) wait_at_gate();
    return fd;
}

#define OPEN(name)                                     \
    int name(const char *path, int flags, ...) {       \
        va_list rest;                                  \
        va_start(rest, flags);                         \
        mode_t mode = va_arg(rest, mode_t);            \
        va_end(rest);                                  \
        return open_any(AT_FDCWD, path, flags, mode);  \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                       \
    int name(int dir, const char *path, int flags, ...) {  \
        va_list rest;                                      \
        va_start(rest, flags);                             \
        mode_t mode = va_arg(rest, mode_t);                \
        va_end(rest);                                      \
        return open_any(dir, path, flags, mode);           \
    }
OPENAT(openat)
OPENAT(openat64)

int close(int fd) {
    pthread_mutex_lock(&lock);
    if (fd >= 0 && fd < FDS && paths[fd]) {
        free(paths[fd]);
        paths[fd] = NULL;
    }
    int result = syscall(SYS_close, fd);
    pthread_mutex_unlock(&lock);
    return result;
}

ssize_t write(int fd, const void *bytes, size_t size) {
    const char *path = path_of(fd);
    if (fd == 2 && log_fd >= 0) {
        pthread_mutex_lock(&lock);
        record('A', 0, "stderr", bytes, size);
        pthread_mutex_unlock(&lock);
    }
    if (!path) return syscall(SYS_write, fd, bytes, size);
    pthread_mutex_lock(&lock);
    long place = lseek(fd, 0, SEEK_CUR);
    ssize_t wrote = fails() ? -1 : syscall(SYS_write, fd, bytes, size);
    if (wrote > 0) record('W', place, path, bytes, wrote);
    pthread_mutex_unlock(&lock);
    return wrote;
}

static ssize_t pwrite_any(int fd, const void *bytes, size_t size, off64_t place) {
    const char *path = path_of(fd);
    if (!path) return syscall(SYS_pwrite64, fd, bytes, size, place);
    pthread_mutex_lock(&lock);
    ssize_t wrote = fails() ? -1 : syscall(SYS_pwrite64, fd, bytes, size, place);
    if (wrote > 0) record('W', place, path, bytes, wrote);
    pthread_mutex_unlock(&lock);
    return wrote;
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t place) { return pwrite_any(fd, bytes, size, place); }
ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t place) { return pwrite_any(fd, bytes, size, place); }

/* What the system copies from one file to another is written all the same. */
static void record_copy(int from, long there, const char *path, long here, ssize_t copied) {
    char *bytes = malloc(copied);
    ssize_t n = 0, read = 1;
    while (n < copied && read > 0) {
        read = syscall(SYS_pread64, from, bytes + n, copied - n, there + n);
        n += read > 0 ? read : 0;
    }
    record('W', here, path, bytes, n);
    free(bytes);
}

ssize_t copy_file_range(int from, off64_t *at, int to, off64_t *place, size_t size, unsigned flags) {
    const char *path = path_of(to);
    if (!path || at || place) return syscall(SYS_copy_file_range, from, at, to, place, size, flags);
    pthread_mutex_lock(&lock);
    long there = lseek(from, 0, SEEK_CUR), here = lseek(to, 0, SEEK_CUR);
    ssize_t copied = fails() ? -1 : syscall(SYS_copy_file_range, from, at, to, place, size, flags);
    if (copied > 0) record_copy(from, there, path, here, copied);
    pthread_mutex_unlock(&lock);
    return copied;
}

static int truncate_any(int fd, off64_t size) {
    const char *path = path_of(fd);
    if (!path) return syscall(SYS_ftruncate, fd, size);
    pthread_mutex_lock(&lock);
    int result = fails() ? -1 : syscall(SYS_ftruncate, fd, size);
    if (result == 0) record('T', size, path, "", 0);
    pthread_mutex_unlock(&lock);
    return result;
}

int ftruncate(int fd, off_t size) { return truncate_any(fd, size); }
int ftruncate64(int fd, off64_t size) { return truncate_any(fd, size); }

static int sync_any(int fd, long call) {
    const char *path = path_of(fd);
    if (!path) return syscall(call, fd);
    pthread_mutex_lock(&lock);
    int result = fails() ? -1 : syscall(call, fd);
    if (result == 0) record('S', 0, path, "", 0);
    pthread_mutex_unlock(&lock);
    return result;
}

int fsync(int fd) { return sync_any(fd, SYS_fsync); }
int fdatasync(int fd) { return sync_any(fd, SYS_fdatasync); }

int rename(const char *from, const char *to) {
    if (!watched(from)) return syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
    pthread_mutex_lock(&lock);
    int result = fails() ? -1 : syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
    if (result == 0) record('R', 0, from, to, strlen(to));
    pthread_mutex_unlock(&lock);
    return result;
}

int unlink(const char *path) {
    if (!watched(path)) return syscall(SYS_unlinkat, AT_FDCWD, path, 0);
    pthread_mutex_lock(&lock);
    int result = fails() ? -1 : syscall(SYS_unlinkat, AT_FDCWD, path, 0);
    if (result == 0) record('U', 0, path, "", 0);
    pthread_mutex_unlock(&lock);
    return result;
}

int mkdir(const char *path, mode_t mode) {
    if (!watched(path)) return syscall(SYS_mkdirat, AT_FDCWD, path, mode);
    pthread_mutex_lock(&lock);
    int result = fails() ? -1 : syscall(SYS_mkdirat, AT_FDCWD, path, mode);
    if (result == 0) record('M', 0, path, "", 0);
    pthread_mutex_unlock(&lock);
    return result;
}
