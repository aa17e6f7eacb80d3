// Process templates: the guest kernel's device for them (Kernel/patches/0018), and what it takes to make a process's
// descriptors anew in another.
#include "internal.h"
#include <dirent.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>

// As include/uapi/linux/process_template.h of the guest's kernel has it.
struct binding { int32_t process; uint32_t refusal, threads, reserved; };
struct adoption { int32_t executable; uint32_t close_from, mapping_count, flags; uint64_t mappings; };
#define TRIAL 1
#define BIND _IOWR(0xC2, 0, struct binding)
#define ADOPT _IOW(0xC2, 1, struct adoption)

int agent_bind_template(int device, int process, uint32_t *refusal, uint32_t *threads) {
    struct binding binding = {.process = process};
    int result = RESULT(ioctl(device, BIND, &binding));
    *refusal = binding.refusal;
    *threads = binding.threads;
    return result;
}
int agent_adopt(int device, int executable, uint32_t close_from, const struct agent_mapping *mappings, size_t count,
                bool is_trial) {
    struct adoption adoption = {.executable = executable, .close_from = close_from, .mapping_count = (uint32_t)count,
                                .flags = is_trial ? TRIAL : 0, .mappings = (uint64_t)(uintptr_t)mappings};
    return RESULT(ioctl(device, ADOPT, &adoption));
}

long agent_read_link(int directory, const char *path, void *bytes, size_t count) {
    return (long)RESULT(readlinkat(directory, path, bytes, count));
}
long agent_list_numbers(const char *path, int32_t *numbers, size_t count) {
    DIR *directory = opendir(path);
    if (!directory) return -errno;
    size_t found = 0;
    struct dirent *entry;
    while ((entry = readdir(directory)) && found < count) {
        if (entry->d_name[0] < '0' || entry->d_name[0] > '9') continue;
        int32_t number = 0;
        for (const char *digit = entry->d_name; *digit >= '0' && *digit <= '9'; digit++) number = number * 10 + (*digit - '0');
        numbers[found++] = number;
    }
    closedir(directory);
    return (long)found;
}
int agent_is_empty_directory(int fd) {
    int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (copy < 0) return -errno;
    DIR *directory = fdopendir(copy);
    if (!directory) { close(copy); return -ENOMEM; }
    int entries = 0;
    while (readdir(directory) && entries < 3) entries++;
    closedir(directory);
    return entries <= 2;
}

int agent_take_descriptor(int process, int fd) { return (int)RESULT(syscall(SYS_pidfd_getfd, process, fd, 0)); }
int agent_duplicate_from(int fd, int lowest) { return RESULT(fcntl(fd, F_DUPFD_CLOEXEC, lowest)); }
int agent_place(int fd, int target, bool closes_on_execution) {
    return RESULT(dup3(fd, target, closes_on_execution ? O_CLOEXEC : 0));
}
int agent_set_status(int fd, int flags) { return RESULT(fcntl(fd, F_SETFL, flags)); }
int64_t agent_seek(int fd, int64_t offset) { return (int64_t)RESULT(lseek(fd, offset, SEEK_SET)); }
int64_t agent_size(int fd) {
    struct stat status;
    return fstat(fd, &status) < 0 ? -errno : (int64_t)status.st_size;
}
int agent_make_event(uint32_t count, bool is_semaphore) {
    return RESULT(eventfd(count, EFD_CLOEXEC | (is_semaphore ? EFD_SEMAPHORE : 0)));
}
int agent_add_to_poll(int poll, int fd, uint32_t events, uint64_t data) {
    struct epoll_event event = {.events = events, .data.u64 = data};
    return RESULT(epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event));
}
int agent_make_timer(int clock, const uint64_t value[2], const uint64_t interval[2]) {
    int timer = RESULT(timerfd_create(clock, TFD_CLOEXEC));
    if (timer < 0) return timer;
    struct itimerspec time = {.it_value = {(time_t)value[0], (long)value[1]}, .it_interval = {(time_t)interval[0], (long)interval[1]}};
    int result = RESULT(timerfd_settime(timer, 0, &time, NULL));
    if (result < 0) { close(timer); return result; }
    return timer;
}
int agent_make_signal_descriptor(uint64_t mask) {
    return (int)RESULT(syscall(SYS_signalfd4, -1, &mask, sizeof(mask), SFD_CLOEXEC));
}
int agent_make_memory_file(uint64_t size) {
    int file = RESULT(memfd_create("shared", MFD_CLOEXEC));
    if (file < 0) return file;
    if (ftruncate(file, (off_t)size) == 0) return file;
    int result = -errno;
    close(file);
    return result;
}
int agent_copy_data(int source, int target, uint64_t size) {
    off_t position = 0;
    while (position < (off_t)size) {
        off_t start = lseek(source, position, SEEK_DATA);
        if (start < 0) return errno == ENXIO ? 0 : -errno;
        off_t end = lseek(source, start, SEEK_HOLE);
        if (end < 0) return -errno;
        if (end > (off_t)size) end = (off_t)size;
        if (lseek(target, start, SEEK_SET) < 0) return -errno;
        while (start < end) {
            ssize_t sent = sendfile(target, source, &start, (size_t)(end - start));
            if (sent < 0) return -errno;
            if (sent == 0) break;
        }
        position = end;
    }
    return 0;
}

// MARK: sockets

static int option(int fd, int level, int name) {
    int value = 0;
    socklen_t size = sizeof(value);
    return getsockopt(fd, level, name, &value, &size) < 0 ? -errno : value;
}
int agent_describe_socket(int fd, struct agent_socket *socket) {
    struct stat status;
    if (fstat(fd, &status) < 0) return -errno;
    memset(socket, 0, sizeof(*socket));
    socket->inode = status.st_ino;
    socket->family = option(fd, SOL_SOCKET, SO_DOMAIN);
    socket->type = option(fd, SOL_SOCKET, SO_TYPE);
    socket->protocol = option(fd, SOL_SOCKET, SO_PROTOCOL);
    socket->listens = option(fd, SOL_SOCKET, SO_ACCEPTCONN) == 1;
    socket->reuses_address = option(fd, SOL_SOCKET, SO_REUSEADDR) == 1;
    socket->reuses_port = option(fd, SOL_SOCKET, SO_REUSEPORT) == 1;
    if (socket->family == AF_INET6) socket->is_version_6_only = option(fd, IPPROTO_IPV6, IPV6_V6ONLY) == 1;
    if (socket->type == SOCK_STREAM && socket->family != AF_UNIX) {
        socket->sends_at_once = option(fd, IPPROTO_TCP, TCP_NODELAY) == 1;
        socket->defers_accept = option(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT);
        struct tcp_info information;
        socklen_t size = sizeof(information);
        // Of a listener, the kernel gives the length of its queue there (net/ipv4/tcp.c, tcp_get_info).
        if (socket->listens && getsockopt(fd, IPPROTO_TCP, TCP_INFO, &information, &size) == 0)
            socket->backlog = (int)information.tcpi_sacked;
    }
    socklen_t size = sizeof(socket->address);
    if (getsockname(fd, (struct sockaddr *)socket->address, &size) < 0) return -errno;
    socket->address_size = size <= sizeof(socket->address) ? size : sizeof(socket->address);
    struct sockaddr_storage peer;
    socklen_t peer_size = sizeof(peer);
    socket->is_connected = getpeername(fd, (struct sockaddr *)&peer, &peer_size) == 0;
    int waiting = 0;
    if (!socket->listens && ioctl(fd, FIONREAD, &waiting) == 0) socket->waiting = waiting;
    return 0;
}
static int turn_on(int fd, int level, int name, int value) {
    return value ? RESULT(setsockopt(fd, level, name, &value, sizeof(value))) : 0;
}
static int prepare(int fd, const struct agent_socket *socket) {
    int result = turn_on(fd, SOL_SOCKET, SO_REUSEADDR, socket->reuses_address);
    if (result == 0) result = turn_on(fd, SOL_SOCKET, SO_REUSEPORT, socket->reuses_port);
    if (result == 0 && socket->family == AF_INET6) {
        int only = socket->is_version_6_only;
        result = RESULT(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only)));
    }
    if (result == 0) result = turn_on(fd, IPPROTO_TCP, TCP_NODELAY, socket->sends_at_once);
    if (result == 0) result = turn_on(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, socket->defers_accept);
    return result;
}
static bool is_bound(const struct agent_socket *socket) {
    if (socket->family == AF_UNIX) return socket->address_size > sizeof(sa_family_t);
    in_port_t port;
    memcpy(&port, socket->address + offsetof(struct sockaddr_in, sin_port), sizeof(port));
    return port != 0;
}
int agent_make_socket(const struct agent_socket *description) {
    int fd = RESULT(socket(description->family, description->type | SOCK_CLOEXEC, description->protocol));
    if (fd < 0) return fd;
    int result = prepare(fd, description);
    if (result == 0 && is_bound(description)) {
        const struct sockaddr_un *path = (const struct sockaddr_un *)description->address;
        // The template's file of that name is a leftover. The process is in the container's root, and the kernel follows
        // no link in the last place.
        if (description->family == AF_UNIX && path->sun_path[0] != 0) unlink(path->sun_path);
        result = RESULT(bind(fd, (const struct sockaddr *)description->address, description->address_size));
    }
    if (result == 0 && description->listens)
        result = RESULT(listen(fd, description->backlog > 0 ? description->backlog : SOMAXCONN));
    if (result == 0) return fd;
    close(fd);
    return result;
}
int agent_make_socket_pair(int type, int ends[2]) { return RESULT(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends)); }
int agent_probe_pair(int one, int other) {
    if (send(one, "?", 1, MSG_DONTWAIT | MSG_NOSIGNAL) != 1) return 0;
    char byte;
    return recv(other, &byte, 1, MSG_DONTWAIT) == 1;
}
long agent_peek_pipe(int fd, void *bytes, size_t count) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) return -errno;
    ssize_t copied = RESULT(tee(fd, ends[1], count, SPLICE_F_NONBLOCK));
    if (copied > 0) copied = RESULT(read(ends[0], bytes, (size_t)copied));
    close(ends[0]);
    close(ends[1]);
    return copied;
}
int agent_waiting_bytes(int fd) {
    int waiting = 0;
    return ioctl(fd, FIONREAD, &waiting) < 0 ? -errno : waiting;
}
