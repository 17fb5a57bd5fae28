/* datagrams: the other side of the UDP scenarios.
 *
 *   datagrams flood PORT SIZE MERGE   send to 127.0.0.1:PORT as fast as the kernel takes it, until standard input ends;
 *                                     with MERGE the kernel cuts the datagrams out of larger blocks (GSO)
 *   datagrams answer SIZE MERGE       wait for one datagram, then flood its sender
 *   datagrams sink GRO                count what comes until standard input ends
 *   datagrams receive COUNT           as a contender: be ready, receive COUNT datagrams by recvmmsg, report
 *   datagrams send PORT COUNT SIZE    as a contender: send COUNT datagrams (or a few more) with GSO, report
 *
 * A datagram begins with its number (8 bytes, little-endian); the rest is 'x'. */

#include "common.h"
#include <netinet/udp.h>
#include <poll.h>

#define BATCH 64
#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

static unsigned char space[BATCH][65536];
static struct iovec vectors[BATCH];
static struct mmsghdr headers[BATCH];
static char controls[BATCH][64];

static void prepare(size_t size) {
    for (int i = 0; i < BATCH; i++) {
        memset(space[i], 'x', size);
        vectors[i] = (struct iovec){space[i], size};
        headers[i].msg_hdr = (struct msghdr){.msg_iov = &vectors[i], .msg_iovlen = 1};
    }
}

static int stopped(void) {
    struct pollfd p = {.fd = 0, .events = POLLIN};
    return poll(&p, 1, 0) > 0;
}

static void ready(int fd) {
    printf("{\"event\": \"ready\", \"port\": %d}\n", port_of(fd));
    fflush(stdout);
}

static void big_buffer(int fd) {
    int size = 4 << 20;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
}

/* One system call: a batch of single datagrams, or one block that the kernel cuts into datagrams. */
static int send_batch(int fd, uint64_t number, size_t size, int merge) {
    int most = merge ? (int)(65507 / size < 64 ? 65507 / size : 64) : BATCH;
    for (int i = 0; i < most; i++) {
        uint64_t head = htole64(number + i);
        memcpy(merge ? space[0] + i * size : space[i], &head, sizeof head);
    }
    int sent = merge ? (send(fd, space[0], most * size, 0) < 0 ? -1 : most) : sendmmsg(fd, headers, BATCH, 0);
    if (sent < 0 && errno != ECONNREFUSED && errno != ENOBUFS && errno != EAGAIN) die("send");
    return sent < 0 ? 0 : sent;
}

static void segment(int fd, int size) {
    if (setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof size)) die("UDP_SEGMENT");
    memset(space[0], 'x', sizeof space[0]);
}

static void flood(int fd, struct sockaddr_in to, size_t size, int merge) {
    uint64_t number = 0;
    prepare(size);
    fcntl(fd, F_SETFL, 0);
    if (connect(fd, (struct sockaddr *)&to, sizeof to)) die("connect"); /* saves the kernel a route for each */
    if (merge) segment(fd, size);
    double wall = now();
    for (long turn = 0; turn % 64 || !stopped(); turn++) number += send_batch(fd, number, size, merge);
    printf("{\"event\": \"result\", \"datagrams\": %lu, \"wall\": %.9f}\n", (unsigned long)number, now() - wall);
}

static void answer(size_t size, int merge) {
    struct sockaddr_in from;
    socklen_t length = sizeof from;
    int fd = bound(SOCK_DGRAM, "127.0.0.1", 0);
    ready(fd);
    struct pollfd both[2] = {{.fd = fd, .events = POLLIN}, {.fd = 0, .events = POLLIN}};
    poll(both, 2, -1);
    if (recvfrom(fd, space[0], sizeof space[0], 0, (struct sockaddr *)&from, &length) >= 0)
        flood(fd, from, size, merge);
}

/* How many datagrams a message holds: one, or what GRO has merged. */
static long merged(struct msghdr *m, size_t got) {
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c))
        if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO) {
            int size;
            memcpy(&size, CMSG_DATA(c), sizeof size);
            return (got + size - 1) / size;
        }
    return 1;
}

static int receive_batch(int fd, long *datagrams, long *bytes) {
    for (int i = 0; i < BATCH; i++) {
        vectors[i].iov_len = sizeof space[i];
        headers[i].msg_hdr.msg_control = controls[i];
        headers[i].msg_hdr.msg_controllen = sizeof controls[i];
    }
    int n = recvmmsg(fd, headers, BATCH, MSG_DONTWAIT, NULL);
    for (int i = 0; i < n; i++) {
        *datagrams += merged(&headers[i].msg_hdr, headers[i].msg_len);
        *bytes += headers[i].msg_len;
    }
    return n;
}

/* How many the kernel had no room for (blocks of several that stay together count once). */
static unsigned dropped(int fd) {
    uint32_t numbers[9] = {0}; /* SK_MEMINFO_DROPS is the ninth */
    socklen_t size = sizeof numbers;
    if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, numbers, &size)) die("SO_MEMINFO");
    return numbers[8];
}

static void sink(int gro) {
    long datagrams = 0, bytes = 0;
    double first = 0, last = 0;
    int fd = bound(SOCK_DGRAM, "127.0.0.1", 0);
    prepare(sizeof space[0]);
    big_buffer(fd);
    if (gro && setsockopt(fd, IPPROTO_UDP, UDP_GRO, &gro, sizeof gro)) die("UDP_GRO");
    ready(fd);
    struct pollfd both[2] = {{.fd = fd, .events = POLLIN}, {.fd = 0, .events = POLLIN}};
    for (;;) {
        poll(both, 2, -1);
        while (receive_batch(fd, &datagrams, &bytes) > 0) {
            last = now();
            first = first ? first : last;
        }
        if (both[1].revents) break;
    }
    printf("{\"event\": \"result\", \"datagrams\": %ld, \"bytes\": %ld, \"dropped\": %u, \"wall\": %.9f}\n", datagrams,
           bytes, dropped(fd), last - first);
}

static void report(const char *phase, double wall, double cpu, long count, long bytes) {
    printf("{\"event\": \"result\", \"datagrams\": %ld, \"bytes\": %ld, \"peak_kib\": %ld, "
           "\"phases\": {\"%s\": {\"wall\": %.9f, \"cpu\": %.9f}}}\n", count, bytes, peak_kib(), phase, wall, cpu);
    fflush(stdout);
}

static void receive(long count) {
    long datagrams = 0, bytes = 0;
    double wall = 0, cpu = 0;
    int fd = bound(SOCK_DGRAM, "127.0.0.1", 0);
    prepare(sizeof space[0]);
    ready(fd);
    struct pollfd p = {.fd = fd, .events = POLLIN};
    while (datagrams < count) {
        poll(&p, 1, -1);
        while (datagrams < count && receive_batch(fd, &datagrams, &bytes) > 0)
            if (!wall) wall = now(), cpu = clock_of(CLOCK_PROCESS_CPUTIME_ID), datagrams = bytes = 0;
    }
    report("receive", now() - wall, clock_of(CLOCK_PROCESS_CPUTIME_ID) - cpu, datagrams, bytes);
}

static void send_all(int port, long count, int size) {
    struct sockaddr_in to = address("127.0.0.1", port);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    long number = 0;
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to)) die("connect");
    segment(fd, size);
    double wall = now(), cpu = clock_of(CLOCK_PROCESS_CPUTIME_ID);
    while (number < count) number += send_batch(fd, number, size, 1);
    report("send", now() - wall, clock_of(CLOCK_PROCESS_CPUTIME_ID) - cpu, number, number * size);
}

int main(int argc, char **argv) {
    const char *mode = argc > 2 ? argv[1] : "";
    if (!strcmp(mode, "flood") && argc == 5)
        flood(bound(SOCK_DGRAM, "127.0.0.1", 0), address("127.0.0.1", atoi(argv[2])), atol(argv[3]), atoi(argv[4]));
    else if (!strcmp(mode, "answer") && argc == 4) answer(atol(argv[2]), atoi(argv[3]));
    else if (!strcmp(mode, "sink")) sink(atoi(argv[2]));
    else if (!strcmp(mode, "receive")) receive(atol(argv[2]));
    else if (!strcmp(mode, "send") && argc == 5) send_all(atoi(argv[2]), atol(argv[3]), atoi(argv[4]));
    else die("flood | answer | sink | receive | send");
    return 0;
}
