/* names TTL: answers every question for an address from a UDP port of 127.0.0.1, until standard input ends.
 *
 * The address is made of the first number in the name: n258.example.org is 198.18.1.2 and 2001:db8::102.  Names that
 * begin with "hang" get no answer.  Other types than A and AAAA exist for no name.  Reports how many questions came. */

#include "common.h"
#include <poll.h>

#define BATCH 64

static unsigned char questions[BATCH][1500];
static struct sockaddr_in peers[BATCH];
static struct iovec vectors[BATCH];
static struct mmsghdr headers[BATCH];
static long asked, silent;
static uint32_t ttl;

static unsigned number_in(const unsigned char *name, const unsigned char *end) {
    unsigned number = 0;
    for (; name < end && (*name < '0' || *name > '9'); name++) continue;
    for (; name < end && *name >= '0' && *name <= '9'; name++) number = number * 10 + (*name - '0');
    return number;
}

/* Turns a question into its answer where it stands; returns its size, 0 for none. */
static size_t answer(unsigned char *m, size_t size) {
    size_t at = 12;
    if (size < 17 || m[2] & 0x80 || m[4] || m[5] != 1) return 0;
    while (at < size && m[at]) at += m[at] + 1;
    if (at + 5 > size) return 0;
    asked++;
    if (!memcmp(m + 13, "hang", 4)) return silent++, 0;
    unsigned number = number_in(m + 12, m + at), type = m[at + 1] << 8 | m[at + 2];
    int width = type == 1 ? 4 : type == 28 ? 16 : 0;
    m[2] = 0x84 | (m[2] & 1), m[3] = 0x80; /* an authoritative answer of one who recurses */
    m[6] = 0, m[7] = width > 0, m[8] = m[9] = m[10] = m[11] = 0;
    at += 5;
    if (!width) return at;
    unsigned char record[28] = {0xc0, 12, 0, type, 0, 1, ttl >> 24, ttl >> 16, ttl >> 8, ttl, 0, width};
    if (width == 4) record[12] = 198, record[13] = 18;
    else record[12] = 0x20, record[13] = 0x01, record[14] = 0x0d, record[15] = 0xb8;
    record[10 + width] = number >> 8, record[11 + width] = number;
    memcpy(m + at, record, 12 + width);
    return at + 12 + width;
}

static void serve_batch(int fd) {
    for (int i = 0; i < BATCH; i++) {
        vectors[i] = (struct iovec){questions[i], 512};
        headers[i].msg_hdr = (struct msghdr){
            .msg_iov = &vectors[i], .msg_iovlen = 1, .msg_name = &peers[i], .msg_namelen = sizeof peers[i]};
    }
    int n = recvmmsg(fd, headers, BATCH, MSG_DONTWAIT, NULL), ready = 0;
    for (int i = 0; i < n; i++) {
        size_t size = answer(questions[i], headers[i].msg_len);
        if (!size) continue;
        vectors[i].iov_len = size;
        headers[ready++] = headers[i];
    }
    for (int sent = 0, done; sent < ready; sent += done)
        if ((done = sendmmsg(fd, headers + sent, ready - sent, 0)) <= 0) die("sendmmsg");
}

int main(int argc, char **argv) {
    int size = 4 << 20, fd = bound(SOCK_DGRAM, "127.0.0.1", 0);
    ttl = argc > 1 ? atol(argv[1]) : 300;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    printf("{\"event\": \"ready\", \"port\": %d}\n", port_of(fd));
    fflush(stdout);
    struct pollfd both[2] = {{.fd = fd, .events = POLLIN}, {.fd = 0, .events = POLLIN}};
    for (;;) {
        poll(both, 2, -1);
        if (both[0].revents) serve_batch(fd);
        else if (both[1].revents) break;
    }
    printf("{\"event\": \"result\", \"questions\": %ld, \"silent\": %ld}\n", asked, silent);
    return 0;
}
