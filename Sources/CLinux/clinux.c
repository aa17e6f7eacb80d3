#define _GNU_SOURCE 1
#include "clinux.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#define RESULT(call) ({ __typeof__(call) r = (call); r < 0 ? -errno : r; })

int64_t clinux_ioctl(int fd, uint64_t request, uint64_t argument) { return RESULT(ioctl(fd, request, argument)); }
int64_t clinux_ioctl_pointer(int fd, uint64_t request, void *argument) { return RESULT(ioctl(fd, request, argument)); }

int clinux_open(const char *path, int flags, uint32_t mode) { return RESULT(open(path, flags | O_CLOEXEC, mode)); }
int clinux_memfd(const char *name) { return RESULT(memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING)); }
int clinux_set_size(int fd, uint64_t size) { return RESULT(ftruncate(fd, (off_t)size)); }
int clinux_seal_size(int fd) { return RESULT(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK)); }

uint16_t clinux_load_acquire_u16(const void *address) { return __atomic_load_n((const uint16_t *)address, __ATOMIC_ACQUIRE); }
void clinux_store_release_u16(void *address, uint16_t value) { __atomic_store_n((uint16_t *)address, value, __ATOMIC_RELEASE); }
void clinux_fence(void) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

int clinux_kick_thread(uint64_t thread, int signal) { return -pthread_kill((pthread_t)thread, signal); }

static void nothing(int signal) { (void)signal; }
int clinux_ignore_with_interrupt(int signal) {
    struct sigaction action = {.sa_handler = nothing};
    sigemptyset(&action.sa_mask);
    return RESULT(sigaction(signal, &action, NULL));
}

int clinux_unblock_signal(int signal) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, signal);
    return -pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

#define MOST_DESCRIPTORS 16

ssize_t clinux_send_descriptors(int socket, const void *bytes, size_t count, const int *descriptors, size_t descriptor_count) {
    if (descriptor_count > MOST_DESCRIPTORS) return -E2BIG;
    char control[CMSG_SPACE(sizeof(int) * MOST_DESCRIPTORS)] = {0};
    struct iovec part = {.iov_base = (void *)bytes, .iov_len = count};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (descriptor_count > 0) {
        message.msg_control = control;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * descriptor_count);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int) * descriptor_count);
        memcpy(CMSG_DATA(header), descriptors, sizeof(int) * descriptor_count);
    }
    return RESULT(sendmsg(socket, &message, MSG_NOSIGNAL));
}

ssize_t clinux_receive_descriptors(int socket, void *bytes, size_t count, int *descriptors, size_t *descriptor_count) {
    size_t room = *descriptor_count;
    *descriptor_count = 0;
    if (room > MOST_DESCRIPTORS) return -E2BIG;
    char control[CMSG_SPACE(sizeof(int) * MOST_DESCRIPTORS)] = {0};
    struct iovec part = {.iov_base = bytes, .iov_len = count};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
    ssize_t received = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    if (received < 0) return -errno;
    for (struct cmsghdr *h = CMSG_FIRSTHDR(&message); h != NULL; h = CMSG_NXTHDR(&message, h)) {
        if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS) continue;
        size_t arrived = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < arrived; i++) {
            int descriptor;
            memcpy(&descriptor, CMSG_DATA(h) + i * sizeof(int), sizeof(int));
            // What there is no room for must be closed, or the sender could fill our table.
            if (*descriptor_count < room) descriptors[(*descriptor_count)++] = descriptor;
            else close(descriptor);
        }
    }
    return received;
}

static int address_of(const char *path, struct sockaddr_un *address) {
    if (strlen(path) >= sizeof(address->sun_path)) return -ENAMETOOLONG;
    memset(address, 0, sizeof(*address));
    address->sun_family = AF_UNIX;
    strcpy(address->sun_path, path);
    return 0;
}

int clinux_unix_connect(int socket, const char *path) {
    struct sockaddr_un address;
    int failure = address_of(path, &address);
    return failure ? failure : RESULT(connect(socket, (struct sockaddr *)&address, sizeof(address)));
}

int clinux_unix_bind(int socket, const char *path) {
    struct sockaddr_un address;
    int failure = address_of(path, &address);
    return failure ? failure : RESULT(bind(socket, (struct sockaddr *)&address, sizeof(address)));
}

int clinux_peer_credentials(int socket, int32_t *pid, uint32_t *uid) {
    struct ucred credentials;
    socklen_t length = sizeof(credentials);
    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &length) < 0) return -errno;
    *pid = credentials.pid;
    *uid = credentials.uid;
    return 0;
}

int clinux_epoll_control(int epoll, int operation, int fd, uint32_t events, uint64_t token) {
    struct epoll_event event = {.events = events, .data.u64 = token};
    return RESULT(epoll_ctl(epoll, operation, fd, &event));
}

int clinux_epoll_wait(int epoll, struct clinux_event *events, int most, int timeout_in_milliseconds) {
    struct epoll_event ready[32];
    int count = epoll_wait(epoll, ready, most < 32 ? most : 32, timeout_in_milliseconds);
    if (count < 0) return -errno;
    for (int i = 0; i < count; i++) events[i] = (struct clinux_event){ready[i].data.u64, ready[i].events};
    return count;
}

int clinux_signal_descriptor(const int *signals, size_t count) {
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < count; i++) sigaddset(&set, signals[i]);
    int failure = pthread_sigmask(SIG_BLOCK, &set, NULL);
    return failure ? -failure : RESULT(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

int clinux_next_signal(int fd) {
    struct signalfd_siginfo info;
    ssize_t count = read(fd, &info, sizeof(info));
    return count < 0 ? -errno : (int)info.ssi_signo;
}

void clinux_name_thread(const char *name) { prctl(PR_SET_NAME, name, 0, 0, 0); }

int clinux_timer(void) { return RESULT(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)); }

int clinux_step_timer(void) { return RESULT(timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK)); }

int clinux_arm_step_timer(int fd) {
    // Never: only the clock's being set ends the wait.
    struct itimerspec when = {.it_value = {.tv_sec = INT32_MAX * 128L}};
    return RESULT(timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &when, NULL));
}

int clinux_arm_timer(int fd, uint64_t milliseconds) {
    struct itimerspec when = {.it_value = {milliseconds / 1000, (milliseconds % 1000) * 1000000}};
    return RESULT(timerfd_settime(fd, 0, &when, NULL));
}

int64_t clinux_drain_timer(int fd) {
    uint64_t count;
    ssize_t got = read(fd, &count, sizeof(count));
    return got < 0 ? -errno : (int64_t)count;
}

static uint64_t now(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

uint64_t clinux_monotonic_nanoseconds(void) { return now(CLOCK_MONOTONIC); }
uint64_t clinux_raw_nanoseconds(void) { return now(CLOCK_MONOTONIC_RAW); }
uint64_t clinux_wall_nanoseconds(void) { return now(CLOCK_REALTIME); }

int64_t clinux_seek_data(int fd, uint64_t offset) {
    off_t found = lseek(fd, (off_t)offset, SEEK_DATA);
    return found < 0 ? -errno : found;
}

int64_t clinux_seek_hole(int fd, uint64_t offset) {
    off_t found = lseek(fd, (off_t)offset, SEEK_HOLE);
    return found < 0 ? -errno : found;
}

int clinux_accept(int listener) { return RESULT(accept4(listener, NULL, NULL, SOCK_CLOEXEC)); }

bool clinux_has_extended_attributes(const char *path) { return listxattr(path, NULL, 0) >= 0 || errno != ENOTSUP; }
