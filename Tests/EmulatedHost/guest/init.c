// PID 1 of the emulated host: makes the caller's machine, runs one command in it, carries its streams and its status.
#define _GNU_SOURCE
#include "command.h"
#include "probe.h"
#include "stream.h"
#include "system.h"
#include "wire.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { BEAT_MILLISECONDS = 5000 };

static struct command command = { .input = -1, .output = -1, .error = -1 };
static struct stream input = { .from = -1, .to = -1, .limit = UINT64_MAX };
static struct stream output = { .from = -1, .to = -1, .limit = UINT64_MAX };
static struct stream error = { .from = -1, .to = -1, .limit = UINT64_MAX };
static char **shares, *modules;                       // shares: "tag\npath"
static bool run_was_said;
static pid_t syncer;                                  // 0 when it has ended
static int status = -1;                               // of the command, as a shell reports it; -1 while it runs

static void handle_frame(enum frame type, const uint8_t *payload, size_t length) {
    char text[4096] = "";
    memcpy(text, payload, length < sizeof text ? length : sizeof text - 1);
    switch (type) {
    case FRAME_SHARE: add_string(&shares, payload, length); break;
    case FRAME_MODULES: modules = strdup(text); break;
    case FRAME_DIRECTORY: command.directory = strdup(text); break;
    case FRAME_VARIABLE: add_string(&command.variables, payload, length); break;
    case FRAME_ARGUMENT: add_string(&command.arguments, payload, length); break;
    case FRAME_RUN: run_was_said = true; break;
    case FRAME_STDIN_END: if (length == 8) input.limit = read64(payload); break;
    case FRAME_TERMINAL: command.terminal = true;     // and its size
    // fall through
    case FRAME_WINDOW:
        if (length != 4) break;
        command.rows = read16(payload), command.columns = read16(payload + 2);
        if (command.pid > 0) resize_terminal(&command);
        break;
    default: fail("frame of unknown type %d", type);
    }
}

static void reap(int signals) {
    struct signalfd_siginfo ignored;
    while (read(signals, &ignored, sizeof ignored) > 0) {}
    int raw;
    for (pid_t pid; (pid = waitpid(-1, &raw, WNOHANG)) > 0;)
        if (probe_reap(pid, raw)) continue;
        else if (pid == syncer) syncer = 0;
        else if (pid == command.pid) status = WIFEXITED(raw) ? WEXITSTATUS(raw) : 128 + WTERMSIG(raw);
}

static void end_input(void) {
    if (!command.terminal && input.to >= 0) close(input.to);
    if (command.terminal && input.to >= 0) write(input.to, "\004", 1);
    input.from = input.to = -1;
}

// Says that the host is well, or what is wrong with it, when it is time to; returns the milliseconds until the next time.
static int beat(void) {
    static int64_t next;
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    int64_t now = time.tv_sec * 1000LL + time.tv_nsec / 1000000;
    if (next == 0) next = now + BEAT_MILLISECONDS;
    if (now < next) return (int)(next - now);
    next = now + BEAT_MILLISECONDS;
    const char *text;
    enum probe result = probe_result(&text);
    if (result == PROBE_FAILED) send_frame(FRAME_ASTRAY, text, strlen(text));
    else send_frame(FRAME_BEAT, "", 0);
    if (result == PROBE_PASSED) probe_start();
    return BEAT_MILLISECONDS;
}

static struct pollfd interest(const struct stream *s, bool reading) {
    if (reading) return (struct pollfd){ .fd = stream_wants_read(s) ? s->from : -1, .events = POLLIN };
    return (struct pollfd){ .fd = stream_wants_write(s) ? s->to : -1, .events = POLLOUT };
}

// Carries bytes until the command has ended and what it wrote is delivered. What its background children still write
// after that is lost: they end with the machine.
static void carry(int signals) {
    while (status < 0 || !output.dry || !error.dry || stream_wants_write(&output) || stream_wants_write(&error)) {
        struct pollfd fds[] = {
            { .fd = control, .events = POLLIN }, { .fd = signals, .events = POLLIN },
            interest(&input, true), interest(&input, false), interest(&output, true),
            interest(&output, false), interest(&error, true), interest(&error, false),
        };
        bool draining = status >= 0 && !stream_wants_write(&output) && !stream_wants_write(&error);
        int left = beat();
        poll(fds, 8, draining ? 0 : left);
        if (fds[0].revents) receive_frames(handle_frame);
        if (fds[1].revents) reap(signals);
        stream_advance(&input);
        if (stream_ended(&input) || (input.to < 0 && input.from >= 0)) end_input();
        stream_advance(&output);
        stream_advance(&error);
        if (output.from < 0) output.dry = true;
        if (error.from < 0) error.dry = true;
    }
}

// Writes the pages of the shares that were written through mappings; the host's disk may take its time.
static void synchronize(int signals) {
    syncer = fork();
    if (syncer == 0) sync(), _exit(0);
    if (syncer < 0) sync();
    while (syncer > 0) {
        struct pollfd fd = { .fd = signals, .events = POLLIN };
        poll(&fd, 1, beat());
        reap(signals);
    }
}

static void report(void) {
    uint8_t payload[20] = { (uint8_t)status };
    for (int i = 0; i < 8; i++) {
        payload[4 + i] = (uint8_t)(output.moved >> 8 * i);
        payload[12 + i] = (uint8_t)(error.moved >> 8 * i);
    }
    send_frame(FRAME_EXIT, payload, sizeof payload);
}

int main(void) {
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, NULL);
    signal(SIGPIPE, SIG_IGN);
    int signals = signalfd(-1, &child, SFD_NONBLOCK | SFD_CLOEXEC);
    mount_kernel_filesystems();
    load_modules("/modules/early");
    control = open_port(PORT_CONTROL);
    send_frame(FRAME_HELLO, "", 0);
    pid_t loader = fork();                            // KVM's modules take as long as the mounts
    if (loader == 0) load_modules("/modules/late"), _exit(0);
    enter_root();
    while (!run_was_said) {
        wait_ready(control, POLLIN);
        receive_frames(handle_frame);
    }
    if (modules != NULL) bind_modules(modules);       // before settle, as the cache may lie in /tmp
    settle();
    mount_shares(shares);
    int raw;
    if (waitpid(loader, &raw, 0) != loader || raw != 0) fail("the modules of KVM did not load");
    input.from = open_port(PORT_STDIN), output.to = open_port(PORT_STDOUT), error.to = open_port(PORT_STDERR);
    start_command(&command);
    send_frame(FRAME_STARTED, "", 0);
    input.to = command.input, output.from = command.output, error.from = command.error;
    carry(signals);
    synchronize(signals);
    report();
    for (;;) pause();                                 // the launcher ends the machine
}
