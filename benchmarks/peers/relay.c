/* relay PORT MICROSECONDS: a link with a delay.  What comes from either side goes on to the other so much later, the
 * end too; half of a round trip each way.  Serves 127.0.0.1 until standard input ends; connects to PORT. */

#include "common.h"

struct piece {
    struct piece *next;
    double due;
    long size, sent; /* size 0: the end */
    unsigned char data[];
};

struct side {
    int fd, watching;
    struct side *other;
    struct piece *first, *last; /* what is on its way to this side */
};

static int poll_fd;
static double delay;
static long relayed;
static struct side *sides[4096];

static void watch(struct side *s, int wanted) {
    if (s->watching == wanted) return;
    struct epoll_event e = {.events = wanted, .data.fd = s->fd};
    if (epoll_ctl(poll_fd, s->watching < 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, s->fd, &e)) die("epoll_ctl");
    s->watching = wanted;
}

static struct side *new_side(int fd) {
    struct side *s = calloc(1, sizeof *s);
    if (!s || fd >= 4096) die("too many connections");
    s->fd = fd, s->watching = -1;
    no_delay(fd);
    return sides[fd] = s;
}

static void drop(struct side *s) {
    struct side *both[2] = {s, s->other};
    for (int i = 0; i < 2; i++) {
        for (struct piece *p = both[i]->first, *next; p; p = next) next = p->next, free(p);
        sides[both[i]->fd] = NULL;
        close(both[i]->fd);
        free(both[i]);
    }
}

static void accept_one(int listener, int port) {
    struct sockaddr_in target = address("127.0.0.1", port);
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    int to = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || to < 0 || connect(to, (struct sockaddr *)&target, sizeof target)) die("connect");
    fcntl(to, F_SETFL, O_NONBLOCK);
    struct side *a = new_side(fd), *b = new_side(to);
    a->other = b, b->other = a;
    watch(a, EPOLLIN), watch(b, EPOLLIN);
}

static void take(struct side *s) {
    static unsigned char buffer[BLOCK];
    ssize_t n = read(s->fd, buffer, sizeof buffer);
    if (n < 0) {
        if (errno != EAGAIN) drop(s);
        return;
    }
    struct piece *p = malloc(sizeof *p + n);
    if (!p) die("malloc");
    *p = (struct piece){.due = now() + delay, .size = n};
    memcpy(p->data, buffer, n);
    struct side *to = s->other;
    if (to->last) to->last->next = p;
    else to->first = p;
    to->last = p;
    relayed += n;
    if (!n) watch(s, s->watching & ~EPOLLIN);
}

/* Sends what is due; returns 0 when the connection is over. */
static int give(struct side *s) {
    for (struct piece *p; (p = s->first) && p->due <= now();) {
        if (p->size) {
            ssize_t n = write(s->fd, p->data + p->sent, p->size - p->sent);
            if (n < 0 && errno == EAGAIN) return watch(s, s->watching | EPOLLOUT), 1;
            if (n < 0) return drop(s), 0;
            if ((p->sent += n) < p->size) continue;
        } else {
            shutdown(s->fd, SHUT_WR);
            if (!(s->watching & EPOLLIN) && !s->other->first) return drop(s), 0;
        }
        if (!(s->first = p->next)) s->last = NULL;
        free(p);
    }
    watch(s, s->watching & ~EPOLLOUT);
    return 1;
}

int main(int argc, char **argv) {
    if (argc < 3) die("relay PORT MICROSECONDS");
    int port = atoi(argv[1]), listener = bound(SOCK_STREAM, "127.0.0.1", 0);
    delay = atof(argv[2]) / 1e6;
    if (listen(listener, 4096)) die("listen");
    poll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event events[512], in = {.events = EPOLLIN, .data.fd = listener};
    epoll_ctl(poll_fd, EPOLL_CTL_ADD, listener, &in);
    in.data.fd = 0;
    epoll_ctl(poll_fd, EPOLL_CTL_ADD, 0, &in);
    printf("{\"event\": \"ready\", \"port\": %d}\n", port_of(listener));
    fflush(stdout);
    for (;;) {
        double due = -1;
        for (int i = 0; i < 4096; i++)
            if (sides[i] && sides[i]->first && !(sides[i]->watching & EPOLLOUT) && (due < 0 || sides[i]->first->due < due))
                due = sides[i]->first->due;
        double left = due < 0 ? 3600 : due - now() > 0 ? due - now() : 0;
        struct timespec wait = {(long)left, (long)((left - (long)left) * 1e9)};
        int n = epoll_pwait2(poll_fd, events, 512, &wait, NULL);
        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;
            if (fd == listener) accept_one(listener, port);
            else if (fd == 0) {
                printf("{\"event\": \"result\", \"bytes\": %ld}\n", relayed);
                return 0;
            } else if (sides[fd] && events[i].events & EPOLLOUT && !give(sides[fd])) continue;
            else if (sides[fd] && events[i].events & ~EPOLLOUT) take(sides[fd]);
        }
        for (int i = 0; i < 4096; i++)
            if (sides[i] && sides[i]->first) give(sides[i]);
    }
}
