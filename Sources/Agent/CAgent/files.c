#include "internal.h"
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>

int agent_open_at(int directory, const char *path, int flags, uint32_t mode) {
    return RESULT(openat(directory, path, flags | O_CLOEXEC, mode));
}
struct how { uint64_t flags, mode, resolve; };
int agent_open_within(int directory, const char *path, int flags, uint32_t mode, bool in_root) {
    struct how how = {.flags = (uint64_t)(uint32_t)flags | O_CLOEXEC, .mode = mode,
                      .resolve = 0x02 /* RESOLVE_NO_MAGICLINKS */ | (in_root ? 0x10 /* RESOLVE_IN_ROOT */ : 0)};
    int result = -EAGAIN;
    for (int attempt = 0; attempt < 64 && result == -EAGAIN; attempt++)
        result = (int)RESULT(syscall(SYS_openat2, directory, path, &how, sizeof(how)));
    return result;
}
int agent_close(int fd) { return RESULT(close(fd)); }
int agent_close_range(uint32_t first, uint32_t last) { return (int)RESULT(syscall(SYS_close_range, first, last, 0)); }
long agent_read(int fd, void *bytes, size_t count) { return RETRIED(read(fd, bytes, count)); }
long agent_read_at(int fd, void *bytes, size_t count, uint64_t offset) {
    return RETRIED(pread(fd, bytes, count, (off_t)offset));
}
// Not retried: an alarm is to end a write that takes memory offline.
long agent_write(int fd, const void *bytes, size_t count) { return RESULT(write(fd, bytes, count)); }
int agent_make_directory_at(int directory, const char *path, uint32_t mode) {
    return RESULT(mkdirat(directory, path, mode));
}
int agent_remove_directory_at(int directory, const char *path) { return RESULT(unlinkat(directory, path, AT_REMOVEDIR)); }
int agent_unlink_at(int directory, const char *path) { return RESULT(unlinkat(directory, path, 0)); }
int agent_make_device_at(int directory, const char *path, uint32_t mode, uint32_t major, uint32_t minor) {
    return RESULT(mknodat(directory, path, S_IFCHR | mode, makedev(major, minor)));
}
int agent_link_symbolically_at(const char *target, int directory, const char *path) {
    return RESULT(symlinkat(target, directory, path));
}
long agent_owner(int fd) {
    struct stat status;
    return fstat(fd, &status) < 0 ? -errno : (long)status.st_uid;
}
int agent_is_device(int fd, uint32_t major, uint32_t minor) {
    struct stat status;
    if (fstat(fd, &status) < 0) return -errno;
    return S_ISCHR(status.st_mode) && status.st_rdev == makedev(major, minor);
}
int agent_is_of_file_system(int fd, long type) {
    struct statfs status;
    if (fstatfs(fd, &status) < 0) return -errno;
    return (long)status.f_type == type;
}
int agent_change_mode(int fd, uint32_t mode) { return RESULT(fchmod(fd, mode)); }
int agent_change_owner(int fd, uint32_t user, uint32_t group) { return RESULT(fchown(fd, user, group)); }
int agent_mode(int directory, const char *path) {
    struct stat status;
    int result = RESULT(fstatat(directory, path, &status, *path ? 0 : AT_EMPTY_PATH));
    return result < 0 ? result : (int)status.st_mode;
}
int agent_may_execute(int fd) {
    return (int)RESULT(syscall(SYS_faccessat2, fd, "", X_OK, AT_EACCESS | AT_EMPTY_PATH));
}
int agent_duplicate(int fd) { return RESULT(fcntl(fd, F_DUPFD_CLOEXEC, 3)); }
int agent_duplicate_onto(int fd, int target) { return RESULT(dup2(fd, target)); }
int agent_pipe(int ends[2]) { return RESULT(pipe2(ends, O_CLOEXEC)); }
int agent_set_nonblocking(int fd) { return RESULT(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK)); }
int agent_change_directory(const char *path) { return RESULT(chdir(path)); }
int agent_change_to_descriptor(int fd) { return RESULT(fchdir(fd)); }
int agent_set_root(const char *path) { return RESULT(chroot(path)); }

int agent_make_poll(void) { return RESULT(epoll_create1(EPOLL_CLOEXEC)); }
int agent_change_poll(int poll, int operation, int fd, uint32_t events) {
    struct epoll_event event = {.events = events, .data = {.fd = fd}};
    return RESULT(epoll_ctl(poll, operation, fd, &event));
}
int agent_wait_poll(int poll, struct agent_event *events, int count, int milliseconds) {
    struct epoll_event ready[32];
    int found = epoll_wait(poll, ready, count < 32 ? count : 32, milliseconds);
    if (found < 0) return errno == EINTR ? 0 : -errno;
    for (int i = 0; i < found; i++) events[i] = (struct agent_event){ready[i].events, ready[i].data.fd};
    return found;
}
int agent_poll_pair(int source, int sink) {
    struct pollfd pair[2] = {{.fd = source, .events = POLLIN}, {.fd = sink, .events = POLLOUT}};
    if (poll(pair, 2, 0) < 0) return -errno;
    return (pair[0].revents ? 1 : 0) | (pair[1].revents ? 2 : 0);
}
long agent_splice(int source, int sink, size_t count) {
    return RETRIED(splice(source, NULL, sink, NULL, count, SPLICE_F_NONBLOCK | SPLICE_F_MOVE));
}

int agent_open_terminal(int master) {
    int unlock = 0;
    int result = RESULT(ioctl(master, TIOCSPTLCK, &unlock));
    return result < 0 ? result : RESULT(ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
}
int agent_control_terminal(int fd) { return RESULT(ioctl(fd, TIOCSCTTY, 0)); }
int agent_resize_terminal(int fd, uint16_t rows, uint16_t columns) {
    struct winsize size = {.ws_row = rows, .ws_col = columns};
    return RESULT(ioctl(fd, TIOCSWINSZ, &size));
}
