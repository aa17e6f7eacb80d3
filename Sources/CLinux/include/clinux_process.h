// Starting other programs, and what the C library hides behind macros or does not wrap.
#pragma once
#include "clinux.h"

/// A program to start.
struct clinux_launch {
    const char *program;
    char *const *arguments;
    char *const *environment;
    /// Become the program's standard streams.
    int input;
    int output;
    int error;
    /// Descriptors that the program gets under the numbers that they have; none of 0 to 2.
    const int *kept;
    size_t kept_count;
    /// A file that gets the new process's id, in decimal digits, before the program begins; -1: none.
    int identity;
    /// Files of control groups (cgroup.procs) that the new process enters before the program begins.
    const int *groups;
    size_t group_count;
    /// A session of its own (setsid(2)), in the root directory.
    bool detached;
    /// A process namespace of its own, in which it is the first process.
    bool own_processes;
};
/// Starts a program in a new process; its process id, or a negative errno, that of a failed execve(2) too.
int clinux_launch(const struct clinux_launch *launch);

/// flock(2); -EWOULDBLOCK when LOCK_NB is given and somebody else has the lock.
int clinux_flock(int fd, int operation);
/// renameat2(2) that refuses to replace what is there.
int clinux_rename_to_free_name(const char *from, const char *to);
/// pidfd_send_signal(2).
int clinux_signal_process(int process, int signal);
/// pidfd_open(2).
int clinux_process_descriptor(int32_t pid);
/// A pair of connected stream sockets, close-on-exec.
int clinux_socket_pair(int *ends);
/// A listening stream socket, close-on-exec, bound to a path of any length.
int clinux_listen(const char *path, int backlog);
/// A stream socket, close-on-exec, connected to a path of any length. With timeout_ms above 0, connecting and
/// each sending fail with EAGAIN when the peer takes nothing for so long.
int clinux_connect(const char *path, int timeout_ms);

/// The size of a terminal in characters; -ENOTTY where it is none.
int clinux_terminal_size(int fd, uint16_t *rows, uint16_t *columns);
int clinux_set_terminal_size(int fd, uint16_t rows, uint16_t columns);
/// Bits of a physical address, from the processor itself (AMD64 manual, CPUID Fn8000_0008); 0: only the kernel knows,
/// which may keep some for keys of encrypted memory.
int clinux_physical_address_bits(void);
/// How many processors this process may run on; -errno where there are more than 1024.
int clinux_processor_count(void);
/// The processors that the calling thread may run on, a bit each, and its restriction to them: 0 or -errno.
struct clinux_processors {
    unsigned long bits[1024 / (8 * sizeof(unsigned long))];
};
int clinux_get_processors(struct clinux_processors *processors);
int clinux_set_processors(const struct clinux_processors *processors);

/// stat(2) by a thread of its own, of which nothing but the result is wanted: 0 or -errno; -ETIMEDOUT where the file system
/// has not answered within so many milliseconds; -EAGAIN where 16 calls hang already.
int clinux_status_within(const char *path, int milliseconds);
