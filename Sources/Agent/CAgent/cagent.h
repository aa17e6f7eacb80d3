// The agent's system calls: one thin function per system call that it needs, so that Swift sees no libc header.
// Every function that can fail returns a negative errno value on failure. Descriptors are made close-on-exec.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// MARK: files
enum { AGENT_RDONLY = 0, AGENT_WRONLY = 1, AGENT_RDWR = 2, AGENT_CREATE = 0100, AGENT_TRUNCATE = 01000,
       AGENT_NONBLOCK = 04000, AGENT_DIRECTORY = 0200000, AGENT_NOFOLLOW = 0400000, AGENT_NOCTTY = 0400,
       AGENT_PATH = 010000000, AGENT_HERE = -100 };
int agent_open_at(int directory, const char *path, int flags, uint32_t mode);
/// openat2(2) with RESOLVE_NO_MAGICLINKS; `in_root` adds RESOLVE_IN_ROOT. Tried again while names on the way change.
int agent_open_within(int directory, const char *path, int flags, uint32_t mode, bool in_root);
int agent_close(int fd);
int agent_close_range(uint32_t first, uint32_t last);
long agent_read(int fd, void *bytes, size_t count);
long agent_read_at(int fd, void *bytes, size_t count, uint64_t offset);
long agent_write(int fd, const void *bytes, size_t count);
int agent_make_directory_at(int directory, const char *path, uint32_t mode);
int agent_remove_directory_at(int directory, const char *path);
int agent_unlink_at(int directory, const char *path);
int agent_make_device_at(int directory, const char *path, uint32_t mode, uint32_t major, uint32_t minor);
int agent_link_symbolically_at(const char *target, int directory, const char *path);
/// 1 where a descriptor is of this character device, 0 where it is of something else.
int agent_is_device(int fd, uint32_t major, uint32_t minor);
/// 1 where a descriptor is of a file system of this type (statfs(2)'s f_type), 0 where it is of another.
int agent_is_of_file_system(int fd, long type);
int agent_change_mode(int fd, uint32_t mode);
int agent_change_owner(int fd, uint32_t user, uint32_t group);
/// The st_mode of a path (links followed), or of a descriptor where the path is empty.
int agent_mode(int directory, const char *path);
/// The user who owns what a descriptor is of; negative: an errno.
long agent_owner(int fd);
/// access(2) of an open file for execution with the effective ids.
int agent_may_execute(int fd);
int agent_duplicate(int fd);
int agent_duplicate_onto(int fd, int target);
int agent_pipe(int ends[2]);
int agent_set_nonblocking(int fd);
int agent_change_directory(const char *path);
int agent_change_to_descriptor(int fd);
int agent_set_root(const char *path);

// MARK: mounts
enum { AGENT_MS_RDONLY = 1, AGENT_MS_NOSUID = 2, AGENT_MS_NODEV = 4, AGENT_MS_NOEXEC = 8, AGENT_MS_REMOUNT = 32, AGENT_MS_BIND = 4096,
       AGENT_MS_MOVE = 8192, AGENT_MS_REC = 16384, AGENT_MS_PRIVATE = 1 << 18 };
int agent_mount(const char *source, const char *target, const char *type, uint64_t flags, const char *data);
int agent_set_propagation(const char *target, uint64_t flags);
int agent_detach_mount(const char *target);
int agent_pivot_root_here(void);
/// A detached copy of the mount at a descriptor.
int agent_clone_tree(int fd, bool recursive);
int agent_attach_tree(int tree, int target);
/// Maps owners on a detached mount as a user namespace does (MOUNT_ATTR_IDMAP).
int agent_map_mount(int tree, int user_namespace);
/// mount_setattr(2): adds what these MS_… flags ask for, to the mounts below too where `recursive`. Propagation: MS_… or 0.
int agent_restrict_mount(int directory, const char *path, bool recursive, uint64_t flags, uint64_t propagation);

// MARK: processes
enum { AGENT_NEWCGROUP = 0x02000000, AGENT_NEWUTS = 0x04000000, AGENT_NEWIPC = 0x08000000,
       AGENT_NEWPID = 0x20000000, AGENT_NEWUSER = 0x10000000, AGENT_NEWNET = 0x40000000, AGENT_NEWNS = 0x00020000 };
/// A child with a copy of this memory (0 in it), in these new namespaces, in a control group (-1: ours).
int agent_clone(uint64_t namespaces, int control_group, int *process_descriptor);
int agent_enter_namespaces(int fd, int kinds);
int agent_unshare(int kinds);
int agent_execute(const char *path, char *const *arguments, char *const *environment);
_Noreturn void agent_exit(int code);
/// One child that has ended, and is reaped, or has stopped: its id, 0 when there is none.
int agent_reap(int *status);
/// Waits for the end of a child that is about to end.
int agent_await(int process);
int agent_signal_process(int process_descriptor, int signal);
int agent_kill(int process, int signal);
int agent_new_session(void);
/// Only who has CAP_SYS_PTRACE sees this process's memory and descriptors, and those of its copies until they execute a
/// program (PR_SET_DUMPABLE).
int agent_forbid_dumps(void);
/// Unblocks all signals and gives SIGPIPE its default effect: what a new program expects.
int agent_reset_signals(void);
/// Waits in the manner of a pod's pause: reaps orphans, ends with 0 on SIGINT and SIGTERM.
_Noreturn void agent_pause(void);
/// SIGALRM interrupts system calls in this many milliseconds; it does nothing else.
int agent_set_alarm(uint32_t milliseconds);
int agent_cancel_alarm(void);
int agent_set_mode_mask(uint32_t mask);
int agent_set_limit(uint32_t resource, uint64_t soft, uint64_t hard);
int agent_set_host_name(const char *name, size_t count);
int agent_set_domain_name(const char *name, size_t count);

// MARK: credentials
int agent_set_groups(const uint32_t *groups, size_t count);
int agent_set_group(uint32_t group);
int agent_set_user(uint32_t user);
/// The owner of what is made from now on (setfsuid(2), setfsgid(2)), with all capabilities that there are still effective.
int agent_set_owner(uint32_t user, uint32_t group);
int agent_keep_capabilities(bool keep);
int agent_drop_bounding(uint32_t capability);
int agent_set_capabilities(uint64_t effective, uint64_t permitted, uint64_t inheritable);
int agent_clear_ambient(void);
int agent_raise_ambient(uint32_t capability);
int agent_forbid_new_privileges(void);
int agent_set_filter(uint32_t flags, const void *program, size_t count);
/// Lets the processes below a control group open only OCI's default devices.
int agent_restrict_devices(int control_group);

// MARK: sockets
/// A non-blocking stream that is being connected to the host (vsock context 2).
int agent_connect_host(uint32_t port);
int agent_connect_unix(const char *path);
int agent_socket_error(int fd);
/// A TCP connection to 127.0.0.1 in the caller's network namespace, maybe not made yet.
int agent_connect_loopback(uint16_t port);
int agent_listen_on_loopback(uint16_t port);
/// The next connection of a listening socket.
int agent_accept(int fd);
int agent_end_writing(int fd);
/// Two ends of a SOCK_SEQPACKET channel.
int agent_channel(int ends[2]);
/// Sends a packet and, unless it is -1, a descriptor.
long agent_send(int fd, const void *bytes, size_t count, int descriptor);
/// Receives a packet; *descriptor is -1 when none came with it.
long agent_receive(int fd, void *bytes, size_t count, int *descriptor);
/// The kernel's device events (NETLINK_KOBJECT_UEVENT).
int agent_open_device_events(void);
int agent_raise_loopback(void);

// MARK: network
/// A socket to rtnetlink(7) of the caller's network namespace.
int agent_open_routing(void);
/// Makes an interface for a port of the trunk, which is in the socket's namespace; it is in the caller's own. No interface
/// of either namespace may have its name.
int agent_add_port(
    int routing, const char *trunk, const char *name, uint16_t port, const uint8_t address[6], uint32_t mtu);
/// Gives an interface that is down another name.
int agent_rename_interface(int routing, const char *name, const char *new_name);
/// Brings an interface up, without addresses of its own making.
int agent_raise_interface(int routing, const char *name);
/// An address of 4 or 16 bytes.
int agent_add_address(int routing, const char *name, const void *address, size_t size, uint8_t prefix);
/// Addresses of `size` bytes: 4 or 16.
struct agent_route {
    uint8_t destination[16], gateway[16], source[16];
    size_t size;
    uint32_t metric;
    uint8_t prefix, scope;
    bool has_gateway, has_source, is_on_link;
};
int agent_add_route(int routing, const char *name, const struct agent_route *route);

// MARK: events, time
enum { AGENT_IN = 1, AGENT_PRI = 2, AGENT_OUT = 4, AGENT_ERR = 8, AGENT_HUP = 16 };
enum { AGENT_ADD = 1, AGENT_REMOVE = 2, AGENT_CHANGE = 3 };
struct agent_event { uint32_t events; int32_t fd; };
int agent_make_poll(void);
int agent_change_poll(int poll, int operation, int fd, uint32_t events);
int agent_wait_poll(int poll, struct agent_event *events, int count, int milliseconds);
/// poll(2) at once of two descriptors: bit 0 the source is readable or ended, bit 1 the sink is writable or broken.
int agent_poll_pair(int source, int sink);
/// SIGCHLD as a descriptor; SIGPIPE is ignored from now on.
int agent_open_child_signals(void);
int agent_clear_signal(int fd);
long agent_splice(int source, int sink, size_t count);
uint64_t agent_monotonic(void);
uint64_t agent_wall_clock(void);
int agent_set_wall_clock(uint64_t nanoseconds);
// By a difference: slowly, in the place of what is left of an earlier one (adjtime(3)), or at once.
int agent_slew_clock(int64_t nanoseconds);
int agent_step_clock(int64_t nanoseconds);
int agent_add_entropy(const void *bytes, size_t count);

// MARK: terminals, the machine
/// A terminal whose master is an open /dev/pts/ptmx: its other side.
int agent_open_terminal(int master);
int agent_control_terminal(int fd);
int agent_resize_terminal(int fd, uint16_t rows, uint16_t columns);
void agent_synchronize(void);
int agent_power_off(void);
int agent_process_id(void);

// MARK: process templates
/// Binds an open /dev/process-template to a stopped process; *refusal is a reason of process_template_refusal where the
/// result is -EBUSY.
int agent_bind_template(int device, int process, uint32_t *refusal, uint32_t *threads);
struct agent_mapping { uint64_t start, length, offset; uint32_t protection; int32_t file; };
/// Goes on as a copy of the template: returns only on failure. Descriptors from `close_from` on are closed.
int agent_adopt(int device, int executable, uint32_t close_from, const struct agent_mapping *mappings, size_t count,
                bool is_trial);
long agent_read_link(int directory, const char *path, void *bytes, size_t count);
/// The entries of a directory whose names are numbers.
long agent_list_numbers(const char *path, int32_t *numbers, size_t count);
int agent_is_empty_directory(int fd);
/// pidfd_getfd(2).
int agent_take_descriptor(int process, int fd);
/// A duplicate that is not below this number.
int agent_duplicate_from(int fd, int lowest);
int agent_place(int fd, int target, bool closes_on_execution);
int agent_set_status(int fd, int flags);
int64_t agent_seek(int fd, int64_t offset);
int64_t agent_size(int fd);
int agent_make_event(uint32_t count, bool is_semaphore);
int agent_add_to_poll(int poll, int fd, uint32_t events, uint64_t data);
/// Seconds and nanoseconds from now until it expires, and between.
int agent_make_timer(int clock, const uint64_t value[2], const uint64_t interval[2]);
int agent_make_signal_descriptor(uint64_t mask);
int agent_make_memory_file(uint64_t size);
/// Copies a file's data, not its holes, to the same places of another.
int agent_copy_data(int source, int target, uint64_t size);
struct agent_socket {
    uint64_t inode;
    int family, type, protocol, backlog, defers_accept, waiting;
    bool listens, reuses_address, reuses_port, is_version_6_only, sends_at_once, is_connected;
    uint32_t address_size;
    uint8_t address[128];
};
int agent_describe_socket(int fd, struct agent_socket *socket);
/// A socket as that one: bound and listening where it was.
int agent_make_socket(const struct agent_socket *socket);
int agent_make_socket_pair(int type, int ends[2]);
/// Whether what is sent to one socket arrives at the other: 1 or 0. Both are as empty as before.
int agent_probe_pair(int one, int other);
/// What waits in a pipe, which keeps it.
long agent_peek_pipe(int fd, void *bytes, size_t count);
int agent_waiting_bytes(int fd);
