#include "internal.h"
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>

struct clone3_arguments {
    uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup;
};
// No CLONE_VM: the child begins in its zone's control group, and pages that it touched of ours would be ours in the
// zone. A copy costs less, this process being small.
int agent_clone(uint64_t namespaces, int control_group, int *process_descriptor) {
    struct clone3_arguments arguments = {
        .flags = namespaces | 0x1000 /* CLONE_PIDFD */ | (control_group >= 0 ? 0x200000000ULL /* CLONE_INTO_CGROUP */ : 0),
        .pidfd = (uint64_t)(uintptr_t)process_descriptor, .exit_signal = SIGCHLD,
        .cgroup = control_group >= 0 ? (uint64_t)control_group : 0};
    return (int)RESULT(syscall(SYS_clone3, &arguments, sizeof(arguments)));
}
int agent_enter_namespaces(int fd, int kinds) { return RESULT(setns(fd, kinds)); }
int agent_unshare(int kinds) { return RESULT(unshare(kinds)); }
int agent_execute(const char *path, char *const *arguments, char *const *environment) {
    execve(path, arguments, environment);
    return -errno;
}
void agent_exit(int code) { _exit(code); }
int agent_reap(int *status) {
    int process = waitpid(-1, status, WNOHANG | WUNTRACED);
    return process < 0 ? (errno == ECHILD ? 0 : -errno) : process;
}
int agent_await(int process) { return RETRIED(waitpid(process, NULL, 0)); }
int agent_signal_process(int process_descriptor, int signal) {
    return (int)RESULT(syscall(SYS_pidfd_send_signal, process_descriptor, signal, NULL, 0));
}
int agent_kill(int process, int signal) { return RESULT(kill(process, signal)); }
int agent_new_session(void) { return RESULT(setsid()); }
int agent_forbid_dumps(void) { return RESULT(prctl(PR_SET_DUMPABLE, 0L, 0L, 0L, 0L)); }

int agent_reset_signals(void) {
    signal(SIGPIPE, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    return RESULT(sigprocmask(SIG_SETMASK, &none, NULL));
}
_Noreturn void agent_pause(void) {
    sigset_t wanted;
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGINT);
    sigaddset(&wanted, SIGTERM);
    sigaddset(&wanted, SIGCHLD);
    sigprocmask(SIG_SETMASK, &wanted, NULL);
    for (;;) {
        int signal = sigwaitinfo(&wanted, NULL);
        if (signal == SIGINT || signal == SIGTERM) _exit(0);
        while (waitpid(-1, NULL, WNOHANG) > 0) {}
    }
}
static void nothing(int signal) { (void)signal; }
int agent_set_alarm(uint32_t milliseconds) {
    struct sigaction action = {.sa_handler = nothing};
    sigaction(SIGALRM, &action, NULL);
    // Again each 10 ms after the first: it may come between two calls.
    struct itimerval timer = {.it_value = {milliseconds / 1000, (milliseconds % 1000) * 1000}, .it_interval = {0, 10000}};
    if (milliseconds == 0) timer.it_value.tv_usec = 1;
    return RESULT(setitimer(ITIMER_REAL, &timer, NULL));
}
int agent_cancel_alarm(void) {
    struct itimerval none = {0};
    return RESULT(setitimer(ITIMER_REAL, &none, NULL));
}
int agent_set_mode_mask(uint32_t mask) { umask(mask); return 0; }
int agent_set_limit(uint32_t resource, uint64_t soft, uint64_t hard) {
    struct { uint64_t soft, hard; } limit = {soft, hard};
    return (int)RESULT(syscall(SYS_prlimit64, 0, resource, &limit, NULL));
}
int agent_set_host_name(const char *name, size_t count) { return RESULT(sethostname(name, count)); }
int agent_set_domain_name(const char *name, size_t count) { return RESULT(setdomainname(name, count)); }
int agent_process_id(void) { return (int)syscall(SYS_getpid); }

int agent_open_child_signals(void) {
    signal(SIGPIPE, SIG_IGN);
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    int result = RESULT(sigprocmask(SIG_BLOCK, &child, NULL));
    return result < 0 ? result : RESULT(signalfd(-1, &child, SFD_NONBLOCK | SFD_CLOEXEC));
}
int agent_clear_signal(int fd) {
    struct signalfd_siginfo information;
    return (int)RESULT(read(fd, &information, sizeof(information)));
}

// Straight to the kernel: the C library's own functions keep threads in step that the agent does not have.
int agent_set_groups(const uint32_t *groups, size_t count) { return (int)RESULT(syscall(SYS_setgroups, count, groups)); }
int agent_set_group(uint32_t group) { return (int)RESULT(syscall(SYS_setresgid, group, group, group)); }
int agent_set_user(uint32_t user) { return (int)RESULT(syscall(SYS_setresuid, user, user, user)); }
int agent_set_owner(uint32_t user, uint32_t group) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];
    int result = (int)RESULT(syscall(SYS_capget, &header, data));
    if (result < 0) return result;
    syscall(SYS_setfsgid, group);
    syscall(SYS_setfsuid, user);
    if ((uint32_t)syscall(SYS_setfsuid, -1) != user || (uint32_t)syscall(SYS_setfsgid, -1) != group) return -EPERM;
    // Those that are about files have gone with user 0.
    for (int half = 0; half < 2; half++) data[half].effective = data[half].permitted;
    return (int)RESULT(syscall(SYS_capset, &header, data));
}
int agent_keep_capabilities(bool keep) { return RESULT(prctl(PR_SET_KEEPCAPS, keep ? 1L : 0L, 0L, 0L, 0L)); }
int agent_drop_bounding(uint32_t capability) { return RESULT(prctl(PR_CAPBSET_DROP, (long)capability, 0L, 0L, 0L)); }
int agent_set_capabilities(uint64_t effective, uint64_t permitted, uint64_t inheritable) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {
        {(uint32_t)effective, (uint32_t)permitted, (uint32_t)inheritable},
        {(uint32_t)(effective >> 32), (uint32_t)(permitted >> 32), (uint32_t)(inheritable >> 32)}};
    return (int)RESULT(syscall(SYS_capset, &header, data));
}
int agent_clear_ambient(void) { return RESULT(prctl(PR_CAP_AMBIENT, (long)PR_CAP_AMBIENT_CLEAR_ALL, 0L, 0L, 0L)); }
int agent_raise_ambient(uint32_t capability) {
    return RESULT(prctl(PR_CAP_AMBIENT, (long)PR_CAP_AMBIENT_RAISE, (long)capability, 0L, 0L));
}
int agent_forbid_new_privileges(void) { return RESULT(prctl(PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L)); }
int agent_set_filter(uint32_t flags, const void *program, size_t count) {
    struct sock_fprog filter = {.len = (unsigned short)(count / sizeof(struct sock_filter)),
                                .filter = (struct sock_filter *)program};
    return (int)RESULT(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &filter));
}

#define INSTRUCTION(o, d, s, f, i) ((struct bpf_insn){.code = (o), .dst_reg = (d), .src_reg = (s), .off = (f), .imm = (i)})
#define IF_NOT_EQUAL(r, value, skip) INSTRUCTION(BPF_JMP | BPF_JNE | BPF_K, r, 0, skip, value)
#define RETURN(value) INSTRUCTION(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, value), INSTRUCTION(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)
#define ALLOW(major, minor) IF_NOT_EQUAL(4, major, 3), IF_NOT_EQUAL(5, minor, 2), RETURN(1)
int agent_restrict_devices(int control_group) {
    // r1 → struct bpf_cgroup_dev_ctx {access << 16 | type, major, minor}. Making a node is harmless; opening is not.
    struct bpf_insn program[] = {
        INSTRUCTION(BPF_LDX | BPF_W | BPF_MEM, 2, 1, 0, 0),
        INSTRUCTION(BPF_LDX | BPF_W | BPF_MEM, 4, 1, 4, 0),
        INSTRUCTION(BPF_LDX | BPF_W | BPF_MEM, 5, 1, 8, 0),
        INSTRUCTION(BPF_ALU64 | BPF_MOV | BPF_X, 3, 2, 0, 0),
        INSTRUCTION(BPF_ALU64 | BPF_RSH | BPF_K, 3, 0, 0, 16),
        IF_NOT_EQUAL(3, BPF_DEVCG_ACC_MKNOD, 2), RETURN(1),
        INSTRUCTION(BPF_ALU64 | BPF_AND | BPF_K, 2, 0, 0, 0xFFFF),
        IF_NOT_EQUAL(2, BPF_DEVCG_DEV_CHAR, 31),  // to the end
        ALLOW(1, 3), ALLOW(1, 5), ALLOW(1, 7), ALLOW(1, 8), ALLOW(1, 9),  // null zero full random urandom
        ALLOW(5, 0), ALLOW(5, 2),                                         // tty ptmx
        IF_NOT_EQUAL(4, 136, 2), RETURN(1),                               // pts/…
        RETURN(0),
    };
    union bpf_attr load = {.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE, .insns = (uint64_t)(uintptr_t)program,
                           .insn_cnt = sizeof(program) / sizeof(program[0]),
                           .license = (uint64_t)(uintptr_t)"Apache-2.0"};
    int loaded = (int)RESULT(syscall(SYS_bpf, BPF_PROG_LOAD, &load, sizeof(load)));
    if (loaded < 0) return loaded;
    union bpf_attr attach = {.target_fd = (uint32_t)control_group, .attach_bpf_fd = (uint32_t)loaded,
                             .attach_type = BPF_CGROUP_DEVICE};
    int result = (int)RESULT(syscall(SYS_bpf, BPF_PROG_ATTACH, &attach, sizeof(attach)));
    close(loaded);
    return result;
}

void agent_synchronize(void) { sync(); }
int agent_power_off(void) { return RESULT(reboot(RB_POWER_OFF)); }
