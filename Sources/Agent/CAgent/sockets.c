#include "internal.h"
#include <linux/netlink.h>
#include <linux/random.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/timex.h>
#include <linux/vm_sockets.h>
#include <sys/un.h>
#include <time.h>

static int connecting(int fd, const void *address, socklen_t length) {
    if (fd < 0) return -errno;
    if (connect(fd, address, length) == 0 || errno == EINPROGRESS) return fd;
    int failure = -errno;
    close(fd);
    return failure;
}
int agent_connect_host(uint32_t port) {
    struct sockaddr_vm address = {.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_HOST, .svm_port = port};
    return connecting(socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), &address, sizeof(address));
}
int agent_connect_unix(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path)) return -ENAMETOOLONG;
    strcpy(address.sun_path, path);
    return connecting(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), &address, sizeof(address));
}
static struct sockaddr_in loopback(uint16_t port) {
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}
int agent_connect_loopback(uint16_t port) {
    struct sockaddr_in address = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;
    if (fd >= 0) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return connecting(fd, &address, sizeof(address));
}
int agent_listen_on_loopback(uint16_t port) {
    struct sockaddr_in address = loopback(port);
    int fd = RESULT(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)), on = 1;
    if (fd < 0) return fd;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    int result = RESULT(bind(fd, (struct sockaddr *)&address, sizeof(address)));
    if (result >= 0) result = RESULT(listen(fd, 128));
    if (result >= 0) return fd;
    close(fd);
    return result;
}
int agent_accept(int fd) {
    int connection = RESULT(accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)), on = 1;
    if (connection >= 0) setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return connection;
}
int agent_end_writing(int fd) { return RESULT(shutdown(fd, SHUT_WR)); }
int agent_socket_error(int fd) {
    int error = 0;
    socklen_t length = sizeof(error);
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0) return -errno;
    return -error;
}
int agent_channel(int ends[2]) { return RESULT(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends)); }

long agent_send(int fd, const void *bytes, size_t count, int descriptor) {
    union { char room[CMSG_SPACE(sizeof(int))]; struct cmsghdr header; } control = {{0}};
    struct iovec part = {.iov_base = (void *)bytes, .iov_len = count};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (descriptor >= 0) {
        message.msg_control = &control;
        message.msg_controllen = sizeof(control.room);
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(&control.header), &descriptor, sizeof(int));
    }
    return RETRIED(sendmsg(fd, &message, MSG_NOSIGNAL));
}
long agent_receive(int fd, void *bytes, size_t count, int *descriptor) {
    union { char room[CMSG_SPACE(sizeof(int))]; struct cmsghdr header; } control;
    struct iovec part = {.iov_base = bytes, .iov_len = count};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control.room)};
    *descriptor = -1;
    long received = RETRIED(recvmsg(fd, &message, MSG_CMSG_CLOEXEC));
    struct cmsghdr *header = received < 0 ? NULL : CMSG_FIRSTHDR(&message);
    if (header && header->cmsg_type == SCM_RIGHTS && header->cmsg_len == CMSG_LEN(sizeof(int)))
        memcpy(descriptor, CMSG_DATA(header), sizeof(int));
    return received;
}

int agent_open_device_events(void) {
    int fd = RESULT(socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT));
    if (fd < 0) return fd;
    struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = 1};
    int result = RESULT(bind(fd, (struct sockaddr *)&address, sizeof(address)));
    if (result >= 0) return fd;
    close(fd);
    return result;
}
int agent_raise_loopback(void) {
    int fd = RESULT(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (fd < 0) return fd;
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    int result = RESULT(ioctl(fd, SIOCSIFFLAGS, &request));
    close(fd);
    return result;
}

static uint64_t nanoseconds(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}
uint64_t agent_monotonic(void) { return nanoseconds(CLOCK_MONOTONIC); }
uint64_t agent_wall_clock(void) { return nanoseconds(CLOCK_REALTIME); }
int agent_set_wall_clock(uint64_t nanoseconds) {
    struct timespec time = {.tv_sec = (time_t)(nanoseconds / 1000000000), .tv_nsec = (long)(nanoseconds % 1000000000)};
    return RESULT(clock_settime(CLOCK_REALTIME, &time));
}
int agent_slew_clock(int64_t nanoseconds) {
    struct timex change = {.modes = ADJ_OFFSET_SINGLESHOT, .offset = (long)(nanoseconds / 1000)};
    return RESULT(adjtimex(&change));
}
int agent_step_clock(int64_t nanoseconds) {
    struct timex change = {.modes = ADJ_SETOFFSET | ADJ_NANO};
    change.time.tv_sec = (time_t)(nanoseconds / 1000000000);
    change.time.tv_usec = nanoseconds % 1000000000;
    // The fraction counts forward (adjtimex(2)).
    if (change.time.tv_usec < 0) {
        change.time.tv_sec -= 1;
        change.time.tv_usec += 1000000000;
    }
    return RESULT(adjtimex(&change));
}
int agent_add_entropy(const void *bytes, size_t count) {
    struct { struct rand_pool_info head; char bytes[512]; } pool = {.head = {(int)count * 8, (int)count}};
    if (count > sizeof(pool.bytes)) return -E2BIG;
    memcpy(pool.head.buf, bytes, count);
    int fd = RESULT(open("/dev/urandom", O_RDWR | O_CLOEXEC));
    if (fd < 0) return fd;
    int result = RESULT(ioctl(fd, RNDADDENTROPY, &pool));
    if (result >= 0) result = RESULT(ioctl(fd, RNDRESEEDCRNG));
    close(fd);
    return result;
}

// What the Swift runtime asks of a libc for its hash seeds, and this one does not have.
void arc4random_buf(void *bytes, size_t count) {
    syscall(SYS_getrandom, bytes, count, 1 /* GRND_NONBLOCK */);
}

extern int agent_main(int count, char **arguments);
int main(int count, char **arguments) { return agent_main(count, arguments); }
