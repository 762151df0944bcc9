/* Lets the Nth write, sync, rename, cut or removal of a file under one folder fail, or end the process there.
   Preloaded; armed by fault_arm(). Counts from 1; mode 0 counts only, 1 is ENOSPC, 2 is EIO, 3 is _exit. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static char under[4096];
static long at, seen;
static int mode;

void fault_arm(const char *folder, long n, int how) {
    snprintf(under, sizeof under, "%s", folder);
    at = n; seen = 0; mode = how;
}
long fault_seen(void) { return seen; }

static int hit(const char *path) {
    if (!under[0] || !path || strncmp(path, under, strlen(under)) != 0) return 0;
    if (++seen != at || mode == 0) return 0;
    if (mode == 3) _exit(99);
    errno = mode == 1 ? ENOSPC : EIO;
    return 1;
}
static int hit_fd(int fd) {
    char link[64], path[4096];
    int error = errno;
    if (!under[0]) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    errno = error;
    if (n < 0) return 0;
    path[n] = 0;
    return hit(path);
}
#define REAL(name) static __typeof__(&name) real; if (!real) real = (__typeof__(&name)) dlsym(RTLD_NEXT, #name)

ssize_t write(int fd, const void *b, size_t n) { REAL(write); return hit_fd(fd) ? -1 : real(fd, b, n); }
ssize_t pwrite(int fd, const void *b, size_t n, off_t o) { REAL(pwrite); return hit_fd(fd) ? -1 : real(fd, b, n, o); }
ssize_t pwrite64(int fd, const void *b, size_t n, off64_t o) { REAL(pwrite64); return hit_fd(fd) ? -1 : real(fd, b, n, o); }
int fsync(int fd) { REAL(fsync); return hit_fd(fd) ? -1 : real(fd); }
int fdatasync(int fd) { REAL(fdatasync); return hit_fd(fd) ? -1 : real(fd); }
int ftruncate(int fd, off_t n) { REAL(ftruncate); return hit_fd(fd) ? -1 : real(fd, n); }
int ftruncate64(int fd, off64_t n) { REAL(ftruncate64); return hit_fd(fd) ? -1 : real(fd, n); }
int rename(const char *a, const char *b) { REAL(rename); return hit(b) ? -1 : real(a, b); }
int link(const char *a, const char *b) { REAL(link); return hit(b) ? -1 : real(a, b); }
int unlink(const char *a) { REAL(unlink); return hit(a) ? -1 : real(a); }
