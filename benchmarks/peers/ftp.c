/* ftp BYTES: an FTP server with one file, /big, of BYTES bytes of the pattern; one client after the other, until
 * standard input ends.  Passive mode only, by EPSV and PASV; anybody may log in. */

#include "common.h"
#include <poll.h>

static int control, passive = -1;
static long total, restart, connections, sent;
static unsigned char *pattern;
static char input[4096];
static size_t input_size;

static void say(const char *text) {
    if (write(control, text, strlen(text)) < 0) errno = 0;
}

static int next_line(char *line, size_t room) {
    char *end;
    while (!(end = memchr(input, '\n', input_size))) {
        ssize_t n = read(control, input + input_size, sizeof input - input_size);
        if (n <= 0) return 0;
        input_size += n;
    }
    size_t size = end + 1 - input;
    snprintf(line, room, "%.*s", (int)size, input);
    line[strcspn(line, "\r\n")] = 0;
    memmove(input, end + 1, input_size -= size);
    return 1;
}

static void listen_for_data(int extended) {
    char text[128];
    if (passive >= 0) close(passive);
    passive = bound(SOCK_STREAM, "127.0.0.1", 0);
    fcntl(passive, F_SETFL, 0);
    if (listen(passive, 1)) die("listen");
    int port = port_of(passive);
    if (extended) snprintf(text, sizeof text, "229 here (|||%d|)\r\n", port);
    else snprintf(text, sizeof text, "227 here (127,0,0,1,%d,%d)\r\n", port >> 8, port & 255);
    say(text);
}

/* Opens the data channel that was announced; -1 when there is none. */
static int data_channel(void) {
    if (passive < 0) return say("425 no data connection\r\n"), -1;
    say("150 coming\r\n");
    int fd = accept4(passive, NULL, NULL, SOCK_CLOEXEC);
    close(passive);
    passive = -1;
    return fd;
}

static void send_file(void) {
    int fd = data_channel();
    if (fd < 0) return;
    long at = restart;
    restart = 0;
    while (at < total) {
        ssize_t n = write(fd, pattern + at % PATTERN_PERIOD, total - at < BLOCK ? total - at : BLOCK);
        if (n < 0) break;
        at += n, sent += n;
    }
    close(fd);
    say(at == total ? "226 done\r\n" : "426 cut\r\n");
}

static void send_list(int facts) {
    char text[256];
    int fd = data_channel();
    if (fd < 0) return;
    int n = snprintf(text, sizeof text, facts ? "type=file;size=%ld;modify=20260101000000; big\r\n"
                                              : "-rw-r--r-- 1 ftp ftp %ld Jan 01 2026 big\r\n", total);
    if (write(fd, text, n) < 0) errno = 0;
    close(fd);
    say("226 done\r\n");
}

static int is(const char *line, const char *word) { return !strncasecmp(line, word, strlen(word)); }

static void serve(void) {
    char line[512], text[128];
    say("220 here\r\n");
    while (next_line(line, sizeof line)) {
        if (is(line, "USER")) say("331 password, please\r\n");
        else if (is(line, "PASS")) say("230 welcome\r\n");
        else if (is(line, "FEAT"))
            say("211-Features:\r\n EPSV\r\n MDTM\r\n MLST type*;size*;modify*;\r\n REST STREAM\r\n SIZE\r\n UTF8\r\n211 End\r\n");
        else if (is(line, "SIZE")) {
            snprintf(text, sizeof text, "213 %ld\r\n", total);
            say(text);
        } else if (is(line, "MLST")) {
            snprintf(text, sizeof text, "250-Here\r\n type=file;size=%ld;modify=20260101000000; /big\r\n250 End\r\n", total);
            say(text);
        }
        else if (is(line, "MDTM")) say("213 20260101000000\r\n");
        else if (is(line, "PWD")) say("257 \"/\"\r\n");
        else if (is(line, "SYST")) say("215 UNIX Type: L8\r\n");
        else if (is(line, "EPSV")) listen_for_data(1);
        else if (is(line, "PASV")) listen_for_data(0);
        else if (is(line, "REST")) restart = atol(line + 4), say("350 ok\r\n");
        else if (is(line, "RETR")) send_file();
        else if (is(line, "MLSD")) send_list(1);
        else if (is(line, "LIST")) send_list(0);
        else if (is(line, "QUIT")) return say("221 bye\r\n");
        else if (is(line, "AUTH") || is(line, "PBSZ") || is(line, "PROT")) say("502 no TLS here\r\n");
        else say("200 ok\r\n");
    }
}

int main(int argc, char **argv) {
    int listener = bound(SOCK_STREAM, "127.0.0.1", 0);
    total = argc > 1 ? atol(argv[1]) : 0;
    pattern = make_pattern();
    if (listen(listener, 16)) die("listen");
    printf("{\"event\": \"ready\", \"port\": %d}\n", port_of(listener));
    fflush(stdout);
    for (;;) {
        struct pollfd both[2] = {{.fd = listener, .events = POLLIN}, {.fd = 0, .events = POLLIN}};
        poll(both, 2, -1);
        if (both[0].revents && (control = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
            connections++;
            no_delay(control);
            input_size = 0;
            serve();
            close(control);
        } else if (both[1].revents) break;
    }
    printf("{\"event\": \"result\", \"connections\": %ld, \"bytes\": %ld}\n", connections, sent);
    return 0;
}
