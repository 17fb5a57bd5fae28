/* web HOSTS DEAD: an HTTP/1.1 server, one epoll loop, until standard input ends.
 *
 * One host is 127.0.0.1; several are 127.0.1.1 and so on, all on the same port, the last DEAD of which accept nobody:
 * their queue is full, so that connecting to them hangs.
 *
 *   /page/N     a page of 1 KiB with the title N
 *   /image/N    a PNG of one pixel, with N behind it, 4 KiB in all
 *   /big/N      N bytes of the pattern
 *   /stall/N    nothing, ever */

#include "common.h"

#define HEAD 4096

struct peer {
    char *head; /* the request so far; kept for the next one */
    int head_size, closing;
    char out[5120]; /* head of the answer and a small body */
    long out_size, out_sent, big_size, big_sent;
};

static struct peer **peers;
static int peers_size, poll_fd;
static long accepted, requests, body_bytes;
static unsigned char *pattern;
static const unsigned char png[67] = {
    0x89, 'P', 'N', 'G', 13, 10, 26, 10, 0, 0, 0, 13, 'I', 'H', 'D', 'R', 0, 0, 0, 1, 0, 0, 0, 1, 8, 0, 0, 0, 0, 0x3a,
    0x7e, 0x9b, 0x55, 0, 0, 0, 10, 'I', 'D', 'A', 'T', 0x78, 0x9c, 0x63, 0x60, 0, 0, 0, 2, 0, 1, 0x48, 0xaf, 0xa4, 0x71,
    0, 0, 0, 0, 'I', 'E', 'N', 'D', 0xae, 0x42, 0x60, 0x82};

static void watch(int fd, int operation, uint32_t events) {
    struct epoll_event e = {.events = events, .data.fd = fd};
    if (epoll_ctl(poll_fd, operation, fd, &e)) die("epoll_ctl");
}

static void drop(int fd) {
    free(peers[fd]->head);
    free(peers[fd]);
    peers[fd] = NULL;
    close(fd);
}

static void accept_all(int listener) {
    for (int fd; (fd = accept_next(listener)) >= 0;) {
        peers = with_room_for(fd, peers, &peers_size, sizeof *peers);
        if (!(peers[fd] = calloc(1, sizeof **peers)) || !(peers[fd]->head = malloc(HEAD + 1))) die("malloc");
        accepted++;
        watch(fd, EPOLL_CTL_ADD, EPOLLIN);
    }
}

/* Puts the answer to the path into the peer; 0 when there is to be none. */
static int answer(struct peer *p, const char *path) {
    char body[4096], *type = "text/html; charset=utf-8", *slash = strchr(path + 1, '/');
    long number = slash ? atol(slash + 1) : 0, size = 0;
    memset(body, 'x', sizeof body);
    if (!strncmp(path, "/stall/", 7)) return 0;
    if (!strncmp(path, "/image/", 7)) {
        type = "image/png", size = 4096;
        memcpy(body, png, sizeof png);
        body[sizeof png + sprintf(body + sizeof png, "%ld", number)] = 'x';
    } else if (!strncmp(path, "/page/", 6)) {
        size = 1024;
        body[sprintf(body, "<!doctype html><html><head><title>%ld</title></head><body>", number)] = 'x';
    } else if (!strncmp(path, "/big/", 5)) {
        type = "application/octet-stream", p->big_size = number, p->big_sent = 0;
    }
    p->out_size = sprintf(p->out, "HTTP/1.1 %s\r\nServer: benchmarks\r\nContent-Type: %s\r\nContent-Length: %ld\r\n%s\r\n",
                          size || p->big_size ? "200 OK" : "404 Not Found", type, size + p->big_size,
                          p->closing ? "Connection: close\r\n" : "");
    memcpy(p->out + p->out_size, body, size);
    p->out_size += size, p->out_sent = 0;
    body_bytes += size + p->big_size;
    return 1;
}

/* Sends what can be sent; 1 when all of it is gone. */
static int flush_out(int fd) {
    struct peer *p = peers[fd];
    while (p->out_sent < p->out_size || p->big_sent < p->big_size) {
        int small = p->out_sent < p->out_size;
        long left = small ? p->out_size - p->out_sent : p->big_size - p->big_sent;
        const void *from = small ? (void *)(p->out + p->out_sent) : (void *)(pattern + p->big_sent % PATTERN_PERIOD);
        ssize_t n = write(fd, from, left < BLOCK ? left : BLOCK);
        if (n < 0) {
            if (errno == EAGAIN) return watch(fd, EPOLL_CTL_MOD, EPOLLOUT), 0;
            return drop(fd), 0;
        }
        *(small ? &p->out_sent : &p->big_sent) += n;
    }
    if (p->big_size) watch(fd, EPOLL_CTL_MOD, EPOLLIN);
    p->big_size = p->big_sent = 0;
    if (p->closing) return drop(fd), 0;
    return 1;
}

static void serve(int fd, uint32_t events) {
    struct peer *p = peers[fd];
    if (events & EPOLLOUT) {
        flush_out(fd);
        return;
    }
    ssize_t n = read(fd, p->head + p->head_size, HEAD - p->head_size);
    if (n <= 0) {
        if (n == 0 || errno != EAGAIN) drop(fd);
        return;
    }
    p->head_size += n;
    p->head[p->head_size] = 0;
    char *end = strstr(p->head, "\r\n\r\n");
    if (!end) {
        if (p->head_size == HEAD) drop(fd);
        return;
    }
    char path[256] = "/";
    requests++;
    p->closing = strcasestr(p->head, "\r\nconnection: close") != NULL;
    if (sscanf(p->head, "GET %255s", path) != 1) return drop(fd);
    p->head_size = 0;
    if (answer(p, path)) flush_out(fd);
}

static int listen_at(const char *host, int *port, int dead) {
    int fd = bound(SOCK_STREAM, host, *port);
    *port = port_of(fd);
    if (listen(fd, dead ? 0 : 4096)) die("listen");
    if (dead) /* fills the queue: a connection more than its length is accepted by the kernel, no other ever is */
        for (int i = 0; i < 2; i++) {
            struct sockaddr_in a = address(host, *port);
            int filler = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
            if (connect(filler, (struct sockaddr *)&a, sizeof a) && errno != EINPROGRESS) die("connect");
        }
    else watch(fd, EPOLL_CTL_ADD, EPOLLIN);
    return fd;
}

int main(int argc, char **argv) {
    if (argc < 3) die("web HOSTS DEAD");
    int hosts = atoi(argv[1]), dead = atoi(argv[2]), port = 0, listeners[256] = {0};
    if (hosts > 254) die("hosts");
    pattern = make_pattern();
    poll_fd = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < hosts; i++) {
        char host[32] = "127.0.0.1";
        if (hosts > 1) sprintf(host, "127.0.1.%d", i + 1);
        listeners[i] = listen_at(host, &port, i >= hosts - dead);
    }
    watch(0, EPOLL_CTL_ADD, EPOLLIN);
    printf("{\"event\": \"ready\", \"port\": %d}\n", port);
    fflush(stdout);
    struct epoll_event events[512];
    for (;;) {
        int n = epoll_wait(poll_fd, events, 512, -1);
        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;
            if (fd >= listeners[0] && fd <= listeners[hosts - 1] && !(fd < peers_size && peers[fd])) accept_all(fd);
            else if (fd == 0) {
                printf("{\"event\": \"result\", \"connections\": %ld, \"requests\": %ld, \"bytes\": %ld}\n", accepted,
                       requests, body_bytes);
                return 0;
            } else serve(fd, events[i].events);
        }
    }
}
