/* Preloaded into a command by the tests: a file system without locks, or of another kind.
 *
 * SURROUNDINGS_ERRNO        every call that locks a file, or asks for a lock, fails with this error
 * SURROUNDINGS_FILE_SYSTEM  the magic number that every file system says it has
 * SURROUNDINGS_FREE         the bytes that every file system says are free
 * SURROUNDINGS_SLOW         microseconds that it takes to open a table, as on a file system far away
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

static int no_locks;
static long kind, room = -1, slow;

__attribute__((constructor)) static void start(void) {
    const char *error = getenv("SURROUNDINGS_ERRNO"), *magic = getenv("SURROUNDINGS_FILE_SYSTEM");
    const char *bytes = getenv("SURROUNDINGS_FREE");
    no_locks = error ? atoi(error) : 0;
    room = bytes ? atol(bytes) : -1;
    kind = magic ? strtol(magic, NULL, 0) : 0;
    slow = getenv("SURROUNDINGS_SLOW") ? atol(getenv("SURROUNDINGS_SLOW")) : 0;
}

int open64(const char *path, int flags, ...) {
    size_t length = strlen(path);
    va_list rest;
    va_start(rest, flags);
    int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, int) : 0;
    va_end(rest);
    if (slow && length > 4 && !strcmp(path + length - 4, ".tsv")) usleep(slow);
    return syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int flock(int fd, int operation) {
    if (no_locks) {
        errno = no_locks;
        return -1;
    }
    return syscall(SYS_flock, fd, operation);
}

static int fcntl_any(int fd, int command, void *argument) {
    switch (command) {
    case F_GETLK:
    case F_SETLK:
    case F_SETLKW:
    case F_OFD_GETLK:
    case F_OFD_SETLK:
    case F_OFD_SETLKW:
        if (no_locks) {
            errno = no_locks;
            return -1;
        }
    }
    return syscall(SYS_fcntl, fd, command, argument);
}

#define FCNTL(name)                                \
    int name(int fd, int command, ...) {           \
        va_list rest;                              \
        va_start(rest, command);                   \
        void *argument = va_arg(rest, void *);     \
        va_end(rest);                              \
        return fcntl_any(fd, command, argument);   \
    }
FCNTL(fcntl)
FCNTL(fcntl64)

static int statfs_any(long result, struct statfs *found) {
    if (result == 0 && kind) found->f_type = kind;
    return result;
}

int statfs(const char *path, struct statfs *found) { return statfs_any(syscall(SYS_statfs, path, found), found); }
int fstatfs(int fd, struct statfs *found) { return statfs_any(syscall(SYS_fstatfs, fd, found), found); }
int statfs64(const char *path, struct statfs64 *found) { return statfs(path, (struct statfs *)found); }
int fstatfs64(int fd, struct statfs64 *found) { return fstatfs(fd, (struct statfs *)found); }

int statvfs(const char *path, struct statvfs *found) {
    struct statfs plain;
    if (syscall(SYS_statfs, path, &plain)) return -1;
    *found = (struct statvfs){.f_bsize = plain.f_bsize, .f_frsize = plain.f_frsize, .f_bavail = plain.f_bavail};
    if (room >= 0) {
        found->f_frsize = 1;
        found->f_bavail = room;
    }
    return 0;
}
int statvfs64(const char *path, struct statvfs64 *found) { return statvfs(path, (struct statvfs *)found); }
