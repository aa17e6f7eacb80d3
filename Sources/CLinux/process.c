#define _GNU_SOURCE 1
#include "clinux_process.h"
#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define RESULT(call) ({ __typeof__(call) r = (call); r < 0 ? -errno : r; })

// Decimal digits without stdio, which a child that shares its parent's memory must not enter.
static void write_identity(int fd, pid_t pid) {
    char digits[24];
    int position = sizeof(digits);
    digits[--position] = '\n';
    for (pid_t rest = pid; rest > 0; rest /= 10) digits[--position] = (char)('0' + rest % 10);
    if (ftruncate(fd, 0) == 0) (void)!pwrite(fd, digits + position, sizeof(digits) - (size_t)position, 0);
}

// What parent and child share until the child's execve(2).
struct beginning {
    const struct clinux_launch *launch;
    // The child's id as its parent knows it; the kernel writes it before the child runs.
    pid_t child;
    int failure;
};

// Runs in the child, which shares its parent's memory until execve: it only makes system calls.
static int become(const struct beginning *beginning) {
    const struct clinux_launch *launch = beginning->launch;
    // Handlers are reset by execve; ignored and blocked signals are not.
    signal(SIGPIPE, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    for (size_t i = 0; i < launch->group_count; i++) {
        if (write(launch->groups[i], "0", 1) < 0) return errno;
    }
    if (launch->detached && (setsid() < 0 || chdir("/") < 0)) return errno;
    if (dup2(launch->input, 0) < 0 || dup2(launch->output, 1) < 0 || dup2(launch->error, 2) < 0) return errno;
    // Whatever this process has itself inherited must not go on to one that may live for months.
    if (syscall(SYS_close_range, 3, ~0U, CLOSE_RANGE_CLOEXEC) < 0) return errno;
    for (size_t i = 0; i < launch->kept_count; i++) {
        if (fcntl(launch->kept[i], F_SETFD, 0) < 0) return errno;
    }
    if (launch->identity >= 0) write_identity(launch->identity, beginning->child);
    execve(launch->program, launch->arguments, launch->environment);
    return errno;
}

static int begin(void *argument) {
    struct beginning *beginning = argument;
    beginning->failure = become(beginning);
    _exit(127);
}

#define LAUNCH_STACK (64 << 10)

int clinux_launch(const struct clinux_launch *launch) {
    // A signal before the execve would run the parent's handler on memory that both share.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    struct beginning beginning = {.launch = launch};
    char stack[LAUNCH_STACK] __attribute__((aligned(64)));
    int flags = CLONE_VM | CLONE_VFORK | CLONE_PARENT_SETTID | SIGCHLD | (launch->own_processes ? CLONE_NEWPID : 0);
    pid_t child = clone(begin, stack + sizeof(stack), flags, &beginning, &beginning.child);
    int error = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (child < 0) return -error;
    int failure = *(volatile int *)&beginning.failure;
    if (failure == 0) return child;
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {}
    return -failure;
}

int clinux_flock(int fd, int operation) {
    while (flock(fd, operation) < 0) {
        if (errno != EINTR) return -errno;
    }
    return 0;
}

int clinux_rename_to_free_name(const char *from, const char *to) {
    return RESULT(renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE));
}

int clinux_signal_process(int process, int signal) {
    return (int)RESULT(syscall(SYS_pidfd_send_signal, process, signal, NULL, 0));
}
int clinux_process_descriptor(int32_t pid) { return (int)RESULT(syscall(SYS_pidfd_open, pid, 0)); }
int clinux_socket_pair(int *ends) { return RESULT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends)); }

// A path that does not fit into an address is reached through its directory's descriptor.
static int with_address(const char *path, int (*call)(int, const struct sockaddr *, socklen_t), int socket) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int directory = -1;
    if (strlen(path) < sizeof(address.sun_path)) {
        strcpy(address.sun_path, path);
    } else {
        char copy[PATH_MAX];
        if (strlen(path) >= sizeof(copy)) return -ENAMETOOLONG;
        strcpy(copy, path);
        char *slash = strrchr(copy, '/');
        if (slash == NULL || strlen(slash) > 64) return -ENAMETOOLONG;
        *slash = 0;
        directory = open(copy, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (directory < 0) return -errno;
        snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s", directory, slash + 1);
    }
    int result = RESULT(call(socket, (const struct sockaddr *)&address, sizeof(address)));
    if (directory >= 0) close(directory);
    return result;
}

static int bound(int socket, const struct sockaddr *address, socklen_t length) { return bind(socket, address, length); }
static int connected(int socket, const struct sockaddr *address, socklen_t length) {
    int result;
    do result = connect(socket, address, length);
    while (result < 0 && errno == EINTR);
    return result;
}

int clinux_listen(const char *path, int backlog) {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    int result = with_address(path, bound, fd);
    if (result == 0) result = RESULT(listen(fd, backlog));
    if (result == 0) return fd;
    close(fd);
    return result;
}

int clinux_connect(const char *path, int timeout_ms) {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    // Bounds connect(2), where the listener's queue is full, and every send(2): unix(7), socket(7).
    struct timeval limit = {.tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000};
    if (timeout_ms > 0) setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    int result = with_address(path, connected, fd);
    if (result == 0) return fd;
    close(fd);
    return result;
}

int clinux_terminal_size(int fd, uint16_t *rows, uint16_t *columns) {
    struct winsize size;
    if (ioctl(fd, TIOCGWINSZ, &size) < 0) return -errno;
    *rows = size.ws_row;
    *columns = size.ws_col;
    return 0;
}

int clinux_set_terminal_size(int fd, uint16_t rows, uint16_t columns) {
    struct winsize size = {.ws_row = rows, .ws_col = columns};
    return RESULT(ioctl(fd, TIOCSWINSZ, &size));
}

int clinux_processor_count(void) {
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : -errno;
}

int clinux_get_processors(struct clinux_processors *processors) {
    return RESULT(sched_getaffinity(0, sizeof processors->bits, (cpu_set_t *)processors->bits));
}

int clinux_set_processors(const struct clinux_processors *processors) {
    return RESULT(sched_setaffinity(0, sizeof processors->bits, (const cpu_set_t *)processors->bits));
}

int clinux_physical_address_bits(void) {
    unsigned eax, ebx, ecx, edx;
    // Intel's total memory encryption, AMD's secure one.
    if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) && ecx & 1U << 13) return 0;
    if (__get_cpuid(0x8000001F, &eax, &ebx, &ecx, &edx) && eax & 1) return 0;
    return __get_cpuid(0x80000008, &eax, &ebx, &ecx, &edx) ? (int)(eax & 0xFF) : 0;
}
