#include "wire.h"
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int control = -1;

int open_port(enum port port) {
    char pattern[32];
    snprintf(pattern, sizeof pattern, "/dev/vport*p%d", port);   // the first number is the virtio device's index
    for (int tries = 0; tries < 5000; tries++) {                 // ports are announced after the driver is bound
        glob_t found;
        if (glob(pattern, 0, NULL, &found) == 0) {
            int fd = open(found.gl_pathv[0], O_RDWR | O_NONBLOCK | O_CLOEXEC);
            globfree(&found);
            if (fd >= 0) return fd;
        }
        usleep(2000);
    }
    fail("no virtio-serial port %d", port);
}

void wait_ready(int fd, short events) {
    struct pollfd poll_fd = { .fd = fd, .events = events };
    while (poll(&poll_fd, 1, -1) < 0 && errno == EINTR) {}
}

static void write_fully(int fd, const uint8_t *bytes, size_t length) {
    while (length > 0) {
        ssize_t n = write(fd, bytes, length);
        if (n < 0 && errno == EAGAIN) wait_ready(fd, POLLOUT);
        else if (n < 0 && errno != EINTR) return;     // the launcher is gone, and with it this machine
        else if (n > 0) bytes += n, length -= (size_t)n;
    }
}

void send_frame(enum frame type, const void *payload, size_t length) {
    uint8_t frame[FRAME_HEADER + 1024] = { type, (uint8_t)length, (uint8_t)(length >> 8), 0, 0 };
    if (length > 1024) length = 1024;
    memcpy(frame + FRAME_HEADER, payload, length);
    if (control >= 0) write_fully(control, frame, FRAME_HEADER + length);
}

_Noreturn void fail(const char *format, ...) {
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fprintf(stderr, "emulated-host init: %s\n", text);           // on the console, should the port not work
    send_frame(FRAME_FAILURE, text, n < (int)sizeof text ? (size_t)n : sizeof text - 1);
    for (;;) pause();                                            // the launcher ends the machine
}

void receive_frames(void (*handle)(enum frame, const uint8_t *, size_t)) {
    static uint8_t *buffer;
    static size_t filled, capacity;
    for (;;) {
        if (capacity - filled < 65536) {
            capacity += 65536;
            buffer = realloc(buffer, capacity);
            if (buffer == NULL) fail("out of memory for a frame");
        }
        ssize_t n = read(control, buffer + filled, capacity - filled);
        if (n <= 0) return;
        filled += (size_t)n;
        size_t used = 0;
        while (filled - used >= FRAME_HEADER) {
            size_t length = read32(buffer + used + 1);
            if (length > FRAME_LIMIT) fail("frame of %zu bytes, at most %d expected", length, FRAME_LIMIT);
            if (filled - used - FRAME_HEADER < length) break;
            handle((enum frame)buffer[used], buffer + used + FRAME_HEADER, length);
            used += FRAME_HEADER + length;
        }
        memmove(buffer, buffer + used, filled - used);
        filled -= used;
    }
}
