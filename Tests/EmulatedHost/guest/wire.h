// The frames between the launcher and the emulated host's init, and the ports they and the streams travel on.
// A frame is one type byte, a little-endian 32-bit length and the payload. launcher/wire.py is the other side.
#pragma once
#include <stddef.h>
#include <stdint.h>

enum port { PORT_CONTROL = 1, PORT_STDIN, PORT_STDOUT, PORT_STDERR };   // virtio-serial port numbers

enum frame {
    // launcher to init
    FRAME_SHARE = 's',       // tag, newline, path: mount that virtio-fs share there, read-write
    FRAME_MODULES = 'm',     // directory to be bound at /lib/modules
    FRAME_DIRECTORY = 'd',   // working directory
    FRAME_VARIABLE = 'e',    // NAME=VALUE
    FRAME_ARGUMENT = 'a',    // the next argument of the command
    FRAME_TERMINAL = 't',    // rows, columns (16 bits each): the command gets a terminal
    FRAME_RUN = 'r',         // all is said: start
    FRAME_WINDOW = 'w',      // rows, columns: the terminal's new size
    FRAME_STDIN_END = 'z',   // 64 bits: stdin ends after so many bytes
    // init to launcher
    FRAME_HELLO = 'h',       // init is up
    FRAME_STARTED = 'g',     // the root is mounted, the command starts
    FRAME_BEAT = 'b',        // every few seconds: still well
    FRAME_ASTRAY = 'q',      // text, instead of a beat: what the host cannot do any more
    FRAME_FAILURE = 'f',     // text: the host could not be set up
    FRAME_EXIT = 'x',        // 32-bit status, 64-bit byte counts of stdout and stderr
};

enum { FRAME_HEADER = 5, FRAME_LIMIT = 4 << 20 };

int open_port(enum port port);                        // descriptor; ends the host where there is none
void wait_ready(int fd, short events);
void send_frame(enum frame type, const void *payload, size_t length);
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

// Calls `handle` for each frame that is complete; reads what there is without blocking.
void receive_frames(void (*handle)(enum frame type, const uint8_t *payload, size_t length));
extern int control;                                   // descriptor of PORT_CONTROL

static inline uint16_t read16(const uint8_t *p) { return (uint16_t)(p[0] | p[1] << 8); }
static inline uint32_t read32(const uint8_t *p) { return read16(p) | (uint32_t)read16(p + 2) << 16; }
static inline uint64_t read64(const uint8_t *p) { return read32(p) | (uint64_t)read32(p + 4) << 32; }
