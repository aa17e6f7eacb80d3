// Thin doors to what Swift cannot call itself: variadic and GNU-only functions, macros, atomics on shared memory.
// Every function that can fail returns a negative errno value on failure.
#pragma once
#include <linux/kvm.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/types.h>
#include <sys/socket.h>
#include <string.h>
#include <sys/random.h>
#include <sys/uio.h>

/// ioctl(2) with an integer argument.
int64_t clinux_ioctl(int fd, uint64_t request, uint64_t argument);
/// ioctl(2) with a pointer argument.
int64_t clinux_ioctl_pointer(int fd, uint64_t request, void *argument);

/// open(2) with O_CLOEXEC added.
int clinux_open(const char *path, int flags, uint32_t mode);
/// memfd_create(2), close-on-exec, sealable.
int clinux_memfd(const char *name);
/// ftruncate(2).
int clinux_set_size(int fd, uint64_t size);
/// Seals a memory file against growing and shrinking (fcntl F_ADD_SEALS).
int clinux_seal_size(int fd);

/// Atomic access to memory that another agent (a guest, a device) also writes.
uint16_t clinux_load_acquire_u16(const void *address);
void clinux_store_release_u16(void *address, uint16_t value);
void clinux_fence(void);

/// pthread_kill(3) of the given signal to the given thread, for kicking a vCPU out of guest mode.
int clinux_kick_thread(uint64_t thread, int signal);
/// Installs a handler that does nothing, without SA_RESTART, so that the signal interrupts a blocking call.
int clinux_ignore_with_interrupt(int signal);
/// Unblocks a signal in the calling thread, whatever mask its creator gave it.
int clinux_unblock_signal(int signal);

/// Sends bytes and up to 16 descriptors over a unix socket.
ssize_t clinux_send_descriptors(int socket, const void *bytes, size_t count, const int *descriptors, size_t descriptor_count);
/// Receives bytes and up to 16 descriptors (close-on-exec); *descriptor_count is room, then result.
ssize_t clinux_receive_descriptors(int socket, void *bytes, size_t count, int *descriptors, size_t *descriptor_count);
/// A unix socket's address from a path; the length, or -ENAMETOOLONG.
int clinux_unix_connect(int socket, const char *path);
int clinux_unix_bind(int socket, const char *path);
/// The credentials of a unix socket's peer (SO_PEERCRED).
int clinux_peer_credentials(int socket, int32_t *pid, uint32_t *uid);

/// What epoll reports: the token given at registration and the events.
struct clinux_event { uint64_t token; uint32_t events; };
/// epoll_ctl(2).
int clinux_epoll_control(int epoll, int operation, int fd, uint32_t events, uint64_t token);
/// epoll_wait(2) for at most 32 events; how many there are.
int clinux_epoll_wait(int epoll, struct clinux_event *events, int most, int timeout_in_milliseconds);

/// Blocks the signals and makes a non-blocking signalfd(2) of them.
int clinux_signal_descriptor(const int *signals, size_t count);
/// The number of the next pending signal, or a negative errno.
int clinux_next_signal(int fd);
/// Names the calling thread (prctl PR_SET_NAME); the kernel keeps 15 bytes.
void clinux_name_thread(const char *name);

/// timerfd_create(2), monotonic, non-blocking, close-on-exec.
int clinux_timer(void);
/// A timer of the wall clock, and its arming so that reading it fails with ECANCELED, once, when that clock was set: also by
/// the resumption of a suspended host (timerfd_create(2), TFD_TIMER_CANCEL_ON_SET).
int clinux_step_timer(void);
int clinux_arm_step_timer(int fd);
/// timerfd_settime(2): once, from now; 0 disarms.
int clinux_arm_timer(int fd, uint64_t milliseconds);
/// How often the timer has expired since, or a negative errno.
int64_t clinux_drain_timer(int fd);
uint64_t clinux_monotonic_nanoseconds(void);
uint64_t clinux_wall_nanoseconds(void);
/// CLOCK_MONOTONIC_RAW.
uint64_t clinux_raw_nanoseconds(void);

/// Where data or a hole of a file begins at or behind an offset (lseek(2)), or a negative errno.
int64_t clinux_seek_data(int fd, uint64_t offset);
int64_t clinux_seek_hole(int fd, uint64_t offset);
/// accept4(2), close-on-exec.
int clinux_accept(int listener);

/// listxattr(2): false where the file system has no extended attributes.
bool clinux_has_extended_attributes(const char *path);
