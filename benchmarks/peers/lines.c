/* lines smtp|pop3|nntp COUNT: a server of a line protocol, one epoll loop, until standard input ends.
 *
 *   smtp  takes messages; each has a line "X-Number: N", 0 <= N < COUNT; counts them and the different numbers
 *   pop3  has COUNT messages of 20 KiB, for anybody
 *   nntp  has COUNT articles of 20 KiB in the group bench.test, with the ids <N@bench.test>
 *
 * All take any number of commands at once, as far as their protocols allow it. */

#include "common.h"
#include <stdarg.h>

#define BODY_LINES 260
#define LINE 78

struct peer {
    char *in, *out;
    long in_size, in_room, out_size, out_sent, out_room;
    int in_data, closing; /* smtp: between DATA and the final dot */
};

static struct peer **peers;
static int peers_size, poll_fd, mode;
static long count, connections, commands, messages, distinct, served;
static unsigned char *seen;
static char body[BODY_LINES * LINE + 64];
static long body_size;

static void watch(int fd, int operation, uint32_t events) {
    struct epoll_event e = {.events = events, .data.fd = fd};
    if (epoll_ctl(poll_fd, operation, fd, &e)) die("epoll_ctl");
}

static void drop(int fd) {
    free(peers[fd]->in), free(peers[fd]->out), free(peers[fd]);
    peers[fd] = NULL;
    close(fd);
}

static void put(struct peer *p, const char *data, long size) {
    if (p->out_size + size > p->out_room) {
        p->out_room = (p->out_size + size) * 2;
        if (!(p->out = realloc(p->out, p->out_room))) die("realloc");
    }
    memcpy(p->out + p->out_size, data, size);
    p->out_size += size;
}

static void say(struct peer *p, const char *format, ...) {
    char line[512];
    va_list values;
    va_start(values, format);
    put(p, line, vsnprintf(line, sizeof line, format, values));
    va_end(values);
}

/* Body: lines of 78 octets, the last but one begins with a dot that is doubled on the way. */
static void make_body(void) {
    for (int i = 0; i < BODY_LINES; i++) {
        memset(body + body_size, 'x', LINE - 2);
        body[body_size + sprintf(body + body_size, "line %d ", i)] = 'x';
        memcpy(body + body_size + LINE - 2, "\r\n", 2);
        body_size += LINE;
    }
    body_size += sprintf(body + body_size, "..dot\r\nend\r\n.\r\n");
}

#define HEAD "From: sender@bench.test\r\nTo: someone@bench.test\r\nNewsgroups: bench.test\r\nSubject: message %ld\r\n" \
             "Message-ID: <%ld@bench.test>\r\nDate: Thu, 01 Jan 2026 00:00:00 +0000\r\n\r\n"

static long message_size(long number) { /* without the doubled dot and the terminator */
    return snprintf(NULL, 0, HEAD, number, number) + body_size - 4;
}

static void put_message(struct peer *p, long number, int with_body) {
    say(p, HEAD, number, number);
    if (with_body) put(p, body, body_size);
    else say(p, ".\r\n");
    served++;
}

static int is(const char *line, const char *word) { return !strncasecmp(line, word, strlen(word)); }

static void smtp(struct peer *p, const char *line) {
    if (is(line, "EHLO"))
        say(p, "250-bench.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 SIZE 52428800\r\n");
    else if (is(line, "DATA")) p->in_data = 1, say(p, "354 go on\r\n");
    else if (is(line, "QUIT")) p->closing = 1, say(p, "221 bye\r\n");
    else say(p, "250 ok\r\n");
}

static void smtp_message(struct peer *p, char *data, long size) {
    char *found = memmem(data, size, "X-Number: ", 10);
    long number = found ? atol(found + 10) : -1;
    messages++;
    if (number >= 0 && number < count && !seen[number]) seen[number] = 1, distinct++;
    say(p, "250 ok, taken\r\n");
}

static void pop3(struct peer *p, const char *line) {
    long size = 0, number = strchr(line, ' ') ? atol(strchr(line, ' ')) : 0;
    if (is(line, "CAPA")) say(p, "+OK\r\nUSER\r\nUIDL\r\nTOP\r\nPIPELINING\r\nRESP-CODES\r\n.\r\n");
    else if (is(line, "STAT")) {
        for (long i = 1; i <= count; i++) size += message_size(i);
        say(p, "+OK %ld %ld\r\n", count, size);
    }
    else if (is(line, "LIST") || is(line, "UIDL")) {
        say(p, "+OK\r\n");
        for (long i = 1; i <= count; i++)
            if (is(line, "LIST")) say(p, "%ld %ld\r\n", i, message_size(i));
            else say(p, "%ld u%ld\r\n", i, i);
        say(p, ".\r\n");
    } else if ((is(line, "RETR") || is(line, "TOP")) && number >= 1 && number <= count) {
        say(p, "+OK\r\n");
        put_message(p, number, is(line, "RETR"));
    } else if (is(line, "RETR") || is(line, "TOP") || is(line, "AUTH") || is(line, "STLS")) say(p, "-ERR no\r\n");
    else p->closing = is(line, "QUIT"), say(p, "+OK\r\n");
}

static void nntp(struct peer *p, const char *line) {
    const char *id = strchr(line, '<'), *space = strchr(line, ' ');
    long number = id ? atol(id + 1) : space ? atol(space) : 0;
    if (is(line, "CAPABILITIES")) say(p, "101 here\r\nVERSION 2\r\nREADER\r\nOVER\r\n.\r\n");
    else if (is(line, "MODE")) say(p, "201 no posting\r\n");
    else if (is(line, "GROUP")) say(p, "211 %ld 1 %ld bench.test\r\n", count, count);
    else if (is(line, "ARTICLE") && number >= 1 && number <= count) {
        say(p, "220 %ld <%ld@bench.test>\r\n", id ? 0 : number, number);
        put_message(p, number, 1);
    } else if (is(line, "ARTICLE")) say(p, "430 no such article\r\n");
    else if (is(line, "QUIT")) p->closing = 1, say(p, "205 bye\r\n");
    else say(p, "500 what?\r\n");
}

static void take_input(struct peer *p) {
    long at = 0;
    while (at < p->in_size) {
        char *start = p->in + at, *end;
        if (p->in_data) {
            /* The dot may be the first thing: an empty message. */
            end = p->in_size - at >= 3 && !memcmp(start, ".\r\n", 3) ? start - 2 : memmem(start, p->in_size - at, "\r\n.\r\n", 5);
            if (!end) break;
            smtp_message(p, start, end > start ? end - start : 0);
            p->in_data = 0;
            at = end + 5 - p->in;
            continue;
        }
        if (!(end = memchr(start, '\n', p->in_size - at))) break;
        *end = 0;
        commands++;
        (mode == 's' ? smtp : mode == 'p' ? pop3 : nntp)(p, start);
        at = end + 1 - p->in;
    }
    memmove(p->in, p->in + at, p->in_size -= at);
}

static void flush_out(int fd) {
    struct peer *p = peers[fd];
    while (p->out_sent < p->out_size) {
        ssize_t n = write(fd, p->out + p->out_sent, p->out_size - p->out_sent);
        if (n < 0 && errno == EAGAIN) return watch(fd, EPOLL_CTL_MOD, EPOLLOUT);
        if (n < 0) return drop(fd);
        p->out_sent += n;
    }
    p->out_size = p->out_sent = 0;
    if (p->closing) return drop(fd);
    watch(fd, EPOLL_CTL_MOD, EPOLLIN);
}

static void serve(int fd, uint32_t events) {
    struct peer *p = peers[fd];
    if (events & EPOLLOUT) return flush_out(fd);
    if (p->in_size + BLOCK > p->in_room && !(p->in = realloc(p->in, p->in_room = p->in_size * 2 + BLOCK))) die("realloc");
    ssize_t n = read(fd, p->in + p->in_size, p->in_room - p->in_size);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) return drop(fd);
    p->in_size += n;
    take_input(p);
    flush_out(fd);
}

static void accept_all(int listener) {
    for (int fd; (fd = accept_next(listener)) >= 0;) {
        peers = with_room_for(fd, peers, &peers_size, sizeof *peers);
        if (!(peers[fd] = calloc(1, sizeof **peers))) die("calloc");
        connections++;
        watch(fd, EPOLL_CTL_ADD, EPOLLIN);
        say(peers[fd], "%s", mode == 's' ? "220 bench.test ESMTP\r\n" : mode == 'p' ? "+OK here\r\n" : "201 here\r\n");
        flush_out(fd);
    }
}

int main(int argc, char **argv) {
    if (argc < 3) die("lines smtp|pop3|nntp COUNT");
    mode = argv[1][0], count = atol(argv[2]);
    if (!(seen = calloc(count + 1, 1))) die("calloc");
    make_body();
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
                printf("{\"event\": \"result\", \"connections\": %ld, \"commands\": %ld, \"messages\": %ld, "
                       "\"distinct\": %ld, \"served\": %ld}\n", connections, commands, messages, distinct, served);
                return 0;
            } else serve(fd, events[i].events);
        }
    }
}
