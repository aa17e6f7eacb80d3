// What somebody tries who has taken a thread of a VM's process over: each a system call of his own choice, with the
// arguments that would do harm. A result of 0 or more is a success, which none may have; 64 KiB of `page` are his.
#pragma once
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/if_tun.h>
#include <linux/io_uring.h>
#include <linux/kvm.h>
#include <linux/mount.h>
#include <linux/netlink.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>

static long raw(long number, long a, long b, long c, long d, long e, long f) {
    register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
    return result;
}
// The way of 32-bit programs, with their numbers.
static long raw_32(long number, long a, long b, long c) {
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c) : "memory", "r8", "r9", "r10", "r11");
    return result;
}
#define CALL_(n, a, b, c, d, e, f, ...) raw(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
#define CALL(...) CALL_(__VA_ARGS__, 0, 0, 0, 0, 0, 0)

// What surrounds the process: chosen by the test, read before the filters.
struct surroundings {
    int victim;          // a process of the same user that started the VM
    const char *socket;  // another VM's control socket
    const char *file;    // a file that anybody may read and write
    int lock;            // the VM's own lock
    int pair;            // a socket of the process's own
};

// From each descriptor that the process has: the first success, or how the last one failed that is one.
#define FROM_EACH(path) ({ \
    long found = -EBADF; \
    for (int fd = 3; fd < 64 && found < 0; fd++) { \
        long result = CALL(SYS_openat, fd, path, O_RDONLY); \
        if (result != -EBADF && result != -ENOTDIR) found = result; \
    } \
    found; \
})

#define ATTEMPTS \
    TRY(open_a_file, CALL(SYS_open, s->file, O_RDONLY)) \
    TRY(write_a_file, CALL(SYS_open, s->file, O_WRONLY)) \
    TRY(open_passwords, CALL(SYS_openat, AT_FDCWD, "/etc/shadow", O_RDONLY)) \
    TRY(open_with_openat2, ({ struct open_how how = {.flags = O_RDONLY}; CALL(SYS_openat2, AT_FDCWD, s->file, &how, sizeof how); })) \
    TRY(open_up_from_a_descriptor, FROM_EACH("../../../../../../etc/passwd")) \
    TRY(open_up_through_proc, FROM_EACH("../../1/root/etc/passwd")) \
    TRY(open_a_victims_root, ({ char *p = page; strcpy(p, "../../"); number(p + strlen(p), s->victim); strcat(p, "/root/etc/passwd"); FROM_EACH(p); })) \
    TRY(make_a_file, CALL(SYS_creat, "/tmp/taken", 0600)) \
    TRY(list_the_root, CALL(SYS_open, "/", O_RDONLY | O_DIRECTORY)) \
    TRY(remove_a_file, CALL(SYS_unlink, s->file)) \
    TRY(rename_a_file, CALL(SYS_rename, s->file, "/tmp/taken")) \
    TRY(link_a_file, CALL(SYS_link, s->file, "/tmp/taken")) \
    TRY(change_a_files_mode, CALL(SYS_chmod, s->file, 0777)) \
    TRY(make_a_device, CALL(SYS_mknod, "/tmp/taken", S_IFCHR | 0666, 0x101)) \
    TRY(make_a_device_below, CALL(SYS_mknodat, 3, "taken", S_IFBLK | 0666, 0x800)) \
    TRY(read_a_link, CALL(SYS_readlink, "/proc/self/exe", page, 4096)) \
    TRY(open_by_handle, ({ *(uint64_t *)page = 8 | 1ull << 32; CALL(SYS_open_by_handle_at, 3, page, O_RDONLY); })) \
    TRY(execute_a_shell, CALL(SYS_execve, "/bin/sh", NULL, NULL)) \
    TRY(execute_a_descriptor, CALL(SYS_execveat, 3, "", NULL, NULL, AT_EMPTY_PATH)) \
    TRY(fork, CALL(SYS_fork)) \
    TRY(make_a_thread, CALL(SYS_clone, CLONE_VM | CLONE_THREAD | CLONE_SIGHAND, page + 32768)) \
    TRY(make_a_process, CALL(SYS_clone3, page, 64)) \
    TRY(internet_socket, CALL(SYS_socket, AF_INET, SOCK_STREAM, 0)) \
    TRY(unix_socket, CALL(SYS_socket, AF_UNIX, SOCK_STREAM, 0)) \
    TRY(netlink_socket, CALL(SYS_socket, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE)) \
    TRY(packet_socket, CALL(SYS_socket, AF_PACKET, SOCK_RAW, 0)) \
    TRY(internet_socket_pair, CALL(SYS_socketpair, AF_INET, SOCK_STREAM, 0, page)) \
    TRY(connect_to_another_vm, ({ struct sockaddr_un *u = (void *)page; u->sun_family = AF_UNIX; strcpy(u->sun_path, s->socket); CALL(SYS_connect, s->pair, u, sizeof *u); })) \
    TRY(send_to_another_vm, ({ struct sockaddr_un *u = (void *)page; u->sun_family = AF_UNIX; strcpy(u->sun_path, s->socket); CALL(SYS_sendto, s->pair, page, 1, 0, u, sizeof *u); })) \
    TRY(listen, CALL(SYS_listen, s->pair, 1)) \
    TRY(bind, ({ struct sockaddr_un *u = (void *)page; u->sun_family = AF_UNIX; strcpy(u->sun_path + 1, "taken"); CALL(SYS_bind, s->pair, u, 9); })) \
    TRY(kill_a_process, CALL(SYS_kill, s->victim, SIGKILL)) \
    TRY(kill_all, CALL(SYS_kill, -1, 0)) \
    TRY(kill_a_thread, CALL(SYS_tgkill, s->victim, s->victim, SIGKILL)) \
    TRY(queue_a_signal, CALL(SYS_rt_sigqueueinfo, s->victim, SIGTERM, page)) \
    TRY(catch_a_signal, CALL(SYS_rt_sigaction, SIGSYS, page, NULL, 8)) \
    TRY(process_descriptor, CALL(SYS_pidfd_open, s->victim, 0)) \
    TRY(take_a_descriptor, CALL(SYS_pidfd_getfd, 3, 1, 0)) \
    TRY(trace_a_process, CALL(SYS_ptrace, PTRACE_SEIZE, s->victim, 0, 0)) \
    TRY(read_a_processs_memory, CALL(SYS_process_vm_readv, s->victim, page, 1, page, 1, 0)) \
    TRY(write_a_processs_memory, CALL(SYS_process_vm_writev, s->victim, page, 1, page, 1, 0)) \
    TRY(open_a_processs_memory, ({ char *p = page; strcpy(p, "/proc/"); number(p + 6, s->victim); strcat(p, "/mem"); CALL(SYS_open, p, O_RDWR); })) \
    TRY(new_user_namespace, CALL(SYS_unshare, CLONE_NEWUSER)) \
    TRY(new_mount_namespace, CALL(SYS_unshare, CLONE_NEWNS)) \
    TRY(enter_a_namespace, CALL(SYS_setns, 3, 0)) \
    TRY(mount, CALL(SYS_mount, "none", "/", "tmpfs", 0, NULL)) \
    TRY(unmount, CALL(SYS_umount2, "/", MNT_DETACH)) \
    TRY(open_a_file_system, CALL(SYS_fsopen, "proc", 0)) \
    TRY(clone_a_mount, CALL(SYS_open_tree, 3, "", OPEN_TREE_CLONE | AT_EMPTY_PATH)) \
    TRY(move_a_mount, CALL(SYS_move_mount, 3, "", AT_FDCWD, "/", 4)) \
    TRY(change_the_root, CALL(SYS_chroot, "/")) \
    TRY(pivot_the_root, CALL(SYS_pivot_root, "/", "/")) \
    TRY(change_directory, CALL(SYS_fchdir, 3)) \
    TRY(bpf, CALL(SYS_bpf, 0, page, 64)) \
    TRY(perf_events, CALL(SYS_perf_event_open, page, 0, -1, -1, 0)) \
    TRY(user_faults, CALL(SYS_userfaultfd, 1)) \
    TRY(io_uring, CALL(SYS_io_uring_setup, 4, page)) \
    TRY(asynchronous_io, CALL(SYS_io_setup, 1, page)) \
    TRY(keys, CALL(SYS_keyctl, 0, -5, 1)) \
    TRY(add_a_key, CALL(SYS_add_key, "user", "taken", "x", 1, -3)) \
    TRY(executable_memory, CALL(SYS_mmap, NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1)) \
    TRY(memory_made_executable, CALL(SYS_mprotect, page, 4096, PROT_READ | PROT_EXEC)) \
    TRY(keyed_memory_made_executable, CALL(SYS_pkey_mprotect, page, 4096, PROT_READ | PROT_EXEC, -1)) \
    TRY(memory_file, CALL(SYS_memfd_create, "taken", 0)) \
    TRY(shared_memory, CALL(SYS_shmget, 0, 4096, 01600)) \
    TRY(message_queue, CALL(SYS_mq_open, "/taken", O_CREAT | O_RDWR, 0600, NULL)) \
    TRY(load_a_module, CALL(SYS_finit_module, 3, "", 0)) \
    TRY(load_a_kernel, CALL(SYS_kexec_load, 0, 0, NULL, 0)) \
    TRY(reboot, CALL(SYS_reboot, 0xfee1dead, 672274793, 0x89abcdef)) \
    TRY(become_root, CALL(SYS_setresuid, 0, 0, 0)) \
    TRY(raise_capabilities, CALL(SYS_capset, page, page + 64)) \
    TRY(be_dumpable, CALL(SYS_prctl, PR_SET_DUMPABLE, 1, 0, 0, 0)) \
    TRY(another_filter, CALL(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, page)) \
    TRY(another_personality, CALL(SYS_personality, 0x0040000)) \
    TRY(own_limits, CALL(SYS_prlimit64, 0, RLIMIT_NOFILE, page, NULL)) \
    TRY(ports, CALL(SYS_ioperm, 0, 1024, 1)) \
    TRY(all_ports, CALL(SYS_iopl, 3)) \
    TRY(segments, CALL(SYS_modify_ldt, 1, page, 16)) \
    TRY(swap, CALL(SYS_swapon, s->file, 0)) \
    TRY(accounting, CALL(SYS_acct, s->file)) \
    TRY(host_name, CALL(SYS_sethostname, "taken", 5)) \
    TRY(clock, CALL(SYS_clock_settime, 0, page)) \
    TRY(watch_files, CALL(SYS_inotify_init1, 0)) \
    TRY(watch_the_file_system, CALL(SYS_fanotify_init, 0, 0)) \
    TRY(type_on_a_terminal, CALL(SYS_ioctl, 0, 0x5412, page)) \
    TRY(make_a_tap, CALL(SYS_ioctl, 3, TUNSETIFF, page)) \
    TRY(make_another_machine, ({ long r = -1; for (int fd = 3; fd < 64 && r < 0; fd++) r = CALL(SYS_ioctl, fd, KVM_CREATE_VM, 0); r; })) \
    TRY(map_the_process_into_the_guest, CALL(SYS_ioctl, 3, KVM_SET_USER_MEMORY_REGION, page)) \
    TRY(read_debug_registers, CALL(SYS_ioctl, 3, KVM_SET_GUEST_DEBUG, page)) \
    TRY(write_the_lock, CALL(SYS_write, s->lock, page, 1)) \
    TRY(shorten_the_lock, CALL(SYS_ftruncate, s->lock, 0)) \
    TRY(open_as_a_32_bit_program, raw_32(5, 0, O_RDONLY, 0)) \
    TRY(kill_as_a_32_bit_program, raw_32(37, s->victim, SIGKILL, 0)) \
    TRY(open_as_an_x32_program, CALL(0x40000000 | SYS_open, s->file, O_RDONLY)) \
    TRY(an_unknown_call, CALL(1023))
