/* What the small programs share: failing, clocks, addresses, accepting, the pattern of bulk data.
 *
 * Each program prints one JSON object a line: {"event": "ready", ...}, {"event": "held"},
 * {"event": "result", ...}.  The runner reads them; nothing is printed while time is taken. */

#ifndef BENCHMARKS_COMMON_H
#define BENCHMARKS_COMMON_H

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BLOCK (256 * 1024)
/* A prime, so that the pattern never falls into step with anybody's block size. */
#define PATTERN_PERIOD 1048573

/* Before main: whatever this does, it ends with the runner, be that killed, and some time after any deadline. */
__attribute__((constructor)) static void end_with_runner(void) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    alarm(120);
}

static inline void die(const char *what) {
    fprintf(stderr, "%s: %s\n", what, errno ? strerror(errno) : "wrong");
    exit(1);
}

static inline double clock_of(clockid_t id) {
    struct timespec t;
    if (clock_gettime(id, &t)) return -1.0;
    return t.tv_sec + t.tv_nsec / 1e9;
}

static inline double now(void) { return clock_of(CLOCK_MONOTONIC); }

/* CPU seconds of all threads of another process, to the nanosecond; -1 where there is none. */
static inline double cpu_of(pid_t pid) {
    clockid_t id;
    if (pid <= 0 || clock_getcpuclockid(pid, &id)) return -1.0;
    return clock_of(id);
}

/* Whether it waits for something: neither running nor held up behind somebody else's work. */
static inline int asleep(pid_t pid) {
    char path[64], text[512], *end;
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
    if (fd >= 0) close(fd);
    text[n > 0 ? n : 0] = 0;
    return !(end = strrchr(text, ')')) || end[2] == 'S';
}

/* Waits until the process has had nothing to do for some 6 ms; what it still did until then counts as its CPU. */
static inline void wait_until_quiet(pid_t pid) {
    struct timespec pause = {0, 2000000};
    double last = cpu_of(pid);
    for (int quiet = 0, turns = 0; last >= 0 && quiet < 3 && turns < 10000; turns++) {
        nanosleep(&pause, NULL);
        double cpu = cpu_of(pid);
        quiet = (pid == getpid() || asleep(pid)) && cpu - last < 50e-6 ? quiet + 1 : 0;
        last = cpu;
    }
}

static inline long peak_kib(void) {
    char line[256];
    long kib = 0;
    FILE *f = fopen("/proc/self/status", "r");
    if (!f) return 0;
    while (fgets(line, sizeof line, f))
        if (sscanf(line, "VmHWM: %ld", &kib) == 1) break;
    fclose(f);
    return kib;
}

static inline struct sockaddr_in address(const char *host, int port) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    if (inet_pton(AF_INET, host, &a.sin_addr) != 1) die("address");
    return a;
}

static inline int bound(int type, const char *host, int port) {
    struct sockaddr_in a = address(host, port);
    int one = 1, fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) die("socket");
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&a, sizeof a)) die("bind");
    return fd;
}

static inline int port_of(int fd) {
    struct sockaddr_in a;
    socklen_t size = sizeof a;
    if (getsockname(fd, (struct sockaddr *)&a, &size)) die("getsockname");
    return ntohs(a.sin_port);
}

static inline void no_delay(int fd) {
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

/* The next connection that waits to be accepted, -1 when there is none. */
static inline int accept_next(int listener) {
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0 && errno != EAGAIN && errno != ECONNABORTED) die("accept");
    if (fd >= 0) no_delay(fd);
    return fd;
}

/* An array that is indexed by descriptors, with room for this one; what is new in it is zero. */
static inline void *with_room_for(int fd, void *array, int *count, size_t each) {
    if (fd < *count) return array;
    int wanted = fd * 2 + 64;
    if (!(array = realloc(array, wanted * each))) die("realloc");
    memset((char *)array + *count * each, 0, (wanted - *count) * each);
    *count = wanted;
    return array;
}

/* Byte k of a bulk transfer is (k % PERIOD) * 31 % 251; two spare blocks let any slice start anywhere. */
static inline unsigned char *make_pattern(void) {
    unsigned char *p = malloc(PATTERN_PERIOD + 2 * BLOCK);
    if (!p) die("malloc");
    for (long k = 0; k < PATTERN_PERIOD + 2 * BLOCK; k++) p[k] = (k % PATTERN_PERIOD) * 31 % 251;
    return p;
}

#endif
