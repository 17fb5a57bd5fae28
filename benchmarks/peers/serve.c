/* serve MODE BYTES: one epoll loop that serves TCP on 127.0.0.1 until its standard input ends.
 *
 *   echo    sends back what it gets
 *   source  sends BYTES bytes of the pattern to each peer, then half-closes
 *   sink    counts what it gets, answers the count (8 bytes, little-endian) when BYTES are there */

#include "common.h"

struct peer {
    unsigned char *pending; /* an echo the kernel did not take at once */
    size_t pending_size;
    long count; /* sink: received so far */
};

static struct peer *peers;
static int peers_size, poll_fd, mode;
static long source_bytes, accepted, total;
static unsigned char buffer[BLOCK], *pattern;

static void watch(int fd, int operation, uint32_t events) {
    struct epoll_event e = {.events = events, .data.fd = fd};
    if (epoll_ctl(poll_fd, operation, fd, &e)) die("epoll_ctl");
}

static void drop(int fd) {
    free(peers[fd].pending);
    memset(&peers[fd], 0, sizeof peers[fd]);
    close(fd);
}

static void accept_all(int listener) {
    for (int fd; (fd = accept_next(listener)) >= 0;) {
        peers = with_room_for(fd, peers, &peers_size, sizeof *peers);
        accepted++;
        watch(fd, EPOLL_CTL_ADD, mode == 'o' ? EPOLLIN | EPOLLOUT : EPOLLIN);
    }
}

static void flush_pending(int fd) {
    struct peer *p = &peers[fd];
    ssize_t n = write(fd, p->pending, p->pending_size);
    if (n < 0 && errno != EAGAIN) return drop(fd);
    if (n > 0) memmove(p->pending, p->pending + n, p->pending_size -= n);
    if (!p->pending_size) watch(fd, EPOLL_CTL_MOD, EPOLLIN);
}

static void echo(int fd) {
    ssize_t got = read(fd, buffer, sizeof buffer);
    if (got <= 0) {
        if (got < 0 && errno == EAGAIN) return;
        return drop(fd);
    }
    total += got;
    ssize_t sent = write(fd, buffer, got);
    if (sent == got) return;
    if (sent < 0 && errno != EAGAIN) return drop(fd);
    sent = sent < 0 ? 0 : sent;
    struct peer *p = &peers[fd];
    p->pending_size = got - sent;
    if (!(p->pending = realloc(p->pending, p->pending_size))) die("realloc");
    memcpy(p->pending, buffer + sent, p->pending_size);
    watch(fd, EPOLL_CTL_MOD, EPOLLOUT); /* reads no more until that is gone */
}

static void source(int fd) { /* one peer at a time: blocking writes are what keeps its buffer full */
    fcntl(fd, F_SETFL, 0);
    for (long sent = 0; sent < source_bytes;) {
        long left = source_bytes - sent;
        ssize_t n = write(fd, pattern + sent % PATTERN_PERIOD, left < BLOCK ? left : BLOCK);
        if (n < 0) return drop(fd);
        sent += n;
        total += n;
    }
    shutdown(fd, SHUT_WR);
    while (read(fd, buffer, sizeof buffer) > 0) continue;
    drop(fd);
}

static void sink(int fd) {
    ssize_t got = read(fd, buffer, sizeof buffer);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) return drop(fd);
    peers[fd].count += got;
    total += got;
    if (peers[fd].count < source_bytes) return;
    if (memcmp(buffer, pattern + (peers[fd].count - got) % PATTERN_PERIOD, got)) errno = 0, die("pattern");
    int64_t count = htole64(peers[fd].count);
    if (write(fd, &count, sizeof count) < 0) errno = 0;
}

static void serve(int fd, uint32_t events) {
    if (mode == 'o') source(fd);
    else if (mode == 'e' && events & EPOLLOUT) flush_pending(fd);
    else if (mode == 'e') echo(fd);
    else if (mode == 'i') sink(fd);
}

int main(int argc, char **argv) {
    if (argc < 3) die("serve MODE BYTES");
    mode = !strcmp(argv[1], "echo") ? 'e' : !strcmp(argv[1], "source") ? 'o' : 'i';
    source_bytes = atol(argv[2]);
    if (mode != 'e') pattern = make_pattern();
    poll_fd = epoll_create1(EPOLL_CLOEXEC);
    int listener = bound(SOCK_STREAM, "127.0.0.1", 0);
    if (listen(listener, 4096)) die("listen");
    watch(listener, EPOLL_CTL_ADD, EPOLLIN);
    watch(0, EPOLL_CTL_ADD, EPOLLIN);
    printf("{\"event\": \"ready\", \"port\": %d}\n", port_of(listener));
    fflush(stdout);
    struct epoll_event events[512];
    for (;;) {
        int n = epoll_wait(poll_fd, events, 512, -1);
        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;
            if (fd == listener) accept_all(listener);
            else if (fd == 0) {
                printf("{\"event\": \"result\", \"connections\": %ld, \"bytes\": %ld}\n", accepted, total);
                return 0;
            } else serve(fd, events[i].events);
        }
    }
}
