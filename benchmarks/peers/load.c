/* load: the client of the stream scenarios, one epoll loop.
 *
 *   load echo PORT PID CONNECTIONS MESSAGES WARM SIZE CYCLES BATCH HOLD
 *   load pull PORT PID BYTES       receive BYTES bytes of the pattern on one connection
 *   load push PORT PID BYTES       send BYTES bytes of the pattern, half-close, wait for the receiver's count
 *
 * `echo` opens CONNECTIONS, echoes WARM + MESSAGES messages of SIZE bytes one after the other on each of them, all
 * connections at once, closes them, CYCLES times, and compares every byte.  Time is taken for each phase by itself:
 * open, warm, echo, close.  PID (0 = none) is the server, whose CPU time is taken for each phase too.  With BATCH > 0
 * connections are opened BATCH at a time and the server's accepting is waited for, so that its CPU is told apart by
 * phases and no backlog overflows.  With HOLD the open and echoed-on connections are held until a byte comes. */

#include "common.h"

#define PHASES 4
static const char *phase_names[PHASES] = {"open", "warm", "echo", "close"};
static double walls[PHASES], cpus[PHASES], phase_wall, phase_cpu;
static int phase = -1;
static pid_t server;

static void enter(int next) { /* ends the phase before, begins this one */
    double wall = now(), cpu = cpu_of(server);
    if (phase >= 0) walls[phase] += wall - phase_wall, cpus[phase] += cpu - phase_cpu;
    phase = next, phase_wall = now(), phase_cpu = cpu;
}

static void settle(void) { /* gives the running phase the CPU of what it left behind, but not the waiting */
    double wall = now();
    wait_until_quiet(server);
    phase_wall += now() - wall;
}

struct link {
    int fd, sent, got; /* messages sent; bytes of the current reply */
    double start;
};

static struct link *links;
static struct sockaddr_in target;
static int poll_fd, connections, messages, warm, size, cycles, batch, hold;
static double *latencies;
static long latency_count;

static void fill(unsigned char *message, int link, int number) {
    uint32_t head[2] = {htole32(link), htole32(number)};
    memcpy(message, head, size < 8 ? size : 8);
    for (int k = 8; k < size; k++) message[k] = (link + number + k) % 251;
}

static void send_next(struct link *l) {
    unsigned char message[65536];
    fill(message, l - links, l->sent);
    l->start = now();
    if (write(l->fd, message, size) != size) die("send");
    l->sent++, l->got = 0;
}

/* Reads what is there; 1 when the whole reply has come. */
static int read_reply(struct link *l) {
    unsigned char reply[65536], expected[65536];
    ssize_t n = read(l->fd, reply, size - l->got);
    if (n <= 0) die("receive");
    fill(expected, l - links, l->sent - 1);
    if (memcmp(reply, expected + l->got, n)) errno = 0, die("echo");
    return (l->got += n) == size;
}

static void open_all(void) {
    struct epoll_event events[512];
    for (int first = 0; first < connections;) {
        int last = batch && first + batch < connections ? first + batch : connections, waiting = 0;
        for (int i = first; i < last; i++) {
            int fd = links[i].fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
            if (fd < 0) die("socket");
            links[i].sent = links[i].got = 0;
            no_delay(fd);
            struct epoll_event e = {.events = EPOLLOUT, .data.u32 = i};
            if (connect(fd, (struct sockaddr *)&target, sizeof target) && errno != EINPROGRESS) die("connect");
            if (epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &e)) die("epoll_ctl");
            waiting++;
        }
        while (waiting) {
            int n = epoll_wait(poll_fd, events, 512, -1);
            for (int i = 0; i < n; i++) {
                int error = 0;
                socklen_t length = sizeof error;
                struct epoll_event e = {.events = EPOLLIN, .data = events[i].data};
                int fd = links[e.data.u32].fd;
                getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length);
                if (error) errno = error, die("connect");
                epoll_ctl(poll_fd, EPOLL_CTL_MOD, fd, &e);
                waiting--;
            }
        }
        if (batch) settle();
        first = last;
    }
}

static void echo_all(int count, int keep) {
    struct epoll_event events[512];
    if (!count) return;
    for (int i = 0; i < connections; i++) send_next(&links[i]);
    for (int waiting = connections, until = links[0].sent - 1 + count; waiting;) {
        int n = epoll_wait(poll_fd, events, 512, -1);
        for (int i = 0; i < n; i++) {
            struct link *l = &links[events[i].data.u32];
            if (!read_reply(l)) continue;
            if (keep) latencies[latency_count++] = now() - l->start;
            if (l->sent < until) send_next(l);
            else waiting--;
        }
    }
}

static void close_all(void) { /* half-closes each and waits for the server's end, so that its part is in the time */
    struct epoll_event events[512];
    char byte;
    for (int i = 0; i < connections; i++) shutdown(links[i].fd, SHUT_WR);
    for (int waiting = connections; waiting;) {
        int n = epoll_wait(poll_fd, events, 512, -1);
        for (int i = 0; i < n; i++) {
            int fd = links[events[i].data.u32].fd;
            if (read(fd, &byte, 1) > 0) errno = 0, die("bytes after the end");
            close(fd);
            waiting--;
        }
    }
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void run_echo(void) {
    links = calloc(connections, sizeof *links);
    latencies = calloc((long)connections * messages * cycles + 1, sizeof *latencies);
    if (!links || !latencies) die("calloc");
    for (int cycle = 0; cycle < cycles; cycle++) {
        enter(0), open_all();
        enter(1), echo_all(warm, 0);
        enter(2), echo_all(messages, 1);
        if (batch) settle();
        if (hold) {
            enter(-1);
            printf("{\"event\": \"held\"}\n");
            fflush(stdout);
            char byte;
            if (read(0, &byte, 1) != 1) die("hold");
        }
        enter(3), close_all(), settle();
        enter(-1);
    }
    qsort(latencies, latency_count, sizeof *latencies, ascending);
    printf("{\"event\": \"result\", \"connections\": %ld, \"bytes\": %ld, \"peak_kib\": %ld", (long)connections * cycles,
           (long)connections * (messages + warm) * cycles * size, peak_kib());
    if (latency_count)
        printf(", \"p50\": %.9f, \"p99\": %.9f", latencies[latency_count / 2], latencies[latency_count * 99 / 100]);
    printf(", \"phases\": {");
    for (int i = 0; i < PHASES; i++)
        printf("%s\"%s\": {\"wall\": %.9f, \"cpu\": %.9f}", i ? ", " : "", phase_names[i], walls[i], cpus[i]);
    printf("}}\n");
}

static int connected(void) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&target, sizeof target)) die("connect");
    no_delay(fd);
    return fd;
}

static void print_bulk(double wall, double cpu, long bytes) {
    printf("{\"event\": \"result\", \"connections\": 1, \"bytes\": %ld, \"peak_kib\": %ld, "
           "\"phases\": {\"bulk\": {\"wall\": %.9f, \"cpu\": %.9f}}}\n", bytes, peak_kib(), wall, cpu);
}

static void run_pull(long bytes) {
    static unsigned char buffer[BLOCK];
    unsigned char *pattern = make_pattern();
    int fd = connected();
    double wall = now(), cpu = cpu_of(server);
    long total = 0;
    ssize_t n, last = 0;
    while ((n = read(fd, buffer, BLOCK)) > 0) total += last = n;
    wall = now() - wall;
    wait_until_quiet(server);
    cpu = cpu_of(server) - cpu;
    if (total != bytes || memcmp(buffer, pattern + (total - last) % PATTERN_PERIOD, last)) errno = 0, die("pattern");
    print_bulk(wall, cpu, total);
}

static void run_push(long bytes) {
    unsigned char *pattern = make_pattern();
    int fd = connected();
    wait_until_quiet(server);
    double wall = now(), cpu = cpu_of(server);
    for (long sent = 0; sent < bytes;) {
        ssize_t n = write(fd, pattern + sent % PATTERN_PERIOD, bytes - sent < BLOCK ? bytes - sent : BLOCK);
        if (n < 0) die("send");
        sent += n;
    }
    shutdown(fd, SHUT_WR);
    int64_t count = 0;
    if (recv(fd, &count, sizeof count, MSG_WAITALL) != sizeof count) die("count");
    wall = now() - wall;
    wait_until_quiet(server);
    cpu = cpu_of(server) - cpu;
    if ((long)le64toh(count) != bytes) errno = 0, die("count");
    print_bulk(wall, cpu, bytes);
}

int main(int argc, char **argv) {
    if (argc < 4) die("load MODE PORT ...");
    target = address("127.0.0.1", atoi(argv[2]));
    poll_fd = epoll_create1(EPOLL_CLOEXEC);
    server = atoi(argv[3]);
    if (!strcmp(argv[1], "pull") && argc == 5) return run_pull(atol(argv[4])), 0;
    if (!strcmp(argv[1], "push") && argc == 5) return run_push(atol(argv[4])), 0;
    if (argc != 11) die("load echo PORT PID CONNECTIONS MESSAGES WARM SIZE CYCLES BATCH HOLD");
    connections = atoi(argv[4]), messages = atoi(argv[5]), warm = atoi(argv[6]), size = atoi(argv[7]);
    cycles = atoi(argv[8]), batch = atoi(argv[9]), hold = atoi(argv[10]);
    run_echo();
    return 0;
}
