#define _GNU_SOURCE 1
#include "clinux_jail.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define RESULT(call) ({ __typeof__(call) r = (call); r < 0 ? -errno : r; })

int clinux_leave_namespaces(void) {
    int flags = CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
    if (unshare(flags) < 0) return -errno;
    // Nothing that is mounted here is to reach the host's mounts, nor later mounts of the host's this process.
    return RESULT(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
}

int clinux_mount_own_proc(void) {
    return RESULT(mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL));
}

int clinux_leave_root(void) {
    // /proc is there: it was read from. What it had is covered, and goes with the old root.
    if (mount("none", "/proc", "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0555,nr_inodes=2,size=4k") < 0) {
        return -errno;
    }
    if (chdir("/proc") < 0) return -errno;
    // The new root and the old one in the same place, the old one on top (pivot_root(2), "pivot_root(".", ".")").
    if (syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0) return -errno;
    return RESULT(chdir("/"));
}

int clinux_prepare_walls(int walls[CLINUX_WALLS]) {
    static const char *const names[CLINUX_WALLS] = {"ns/net", "ns/ipc", "ns/uts", "ns/cgroup", "ns/mnt"};
    for (int i = 0; i < CLINUX_WALLS; i++) walls[i] = -1;
    int self = open("/proc/thread-self", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (self < 0) return -errno;
    int failure = clinux_leave_namespaces();
    if (failure == 0) failure = clinux_leave_root();
    for (int i = 0; failure == 0 && i < CLINUX_WALLS; i++) {
        walls[i] = openat(self, names[i], O_RDONLY | O_CLOEXEC);
        if (walls[i] < 0) failure = -errno;
    }
    close(self);
    return failure;
}

int clinux_enter_walls(const int walls[CLINUX_WALLS]) {
    for (int i = 0; i < CLINUX_WALLS; i++) {
        if (setns(walls[i], 0) < 0) return -errno;
    }
    return RESULT(chdir("/"));
}

// A thread that was joined may still be on its way out, and a process of several enters no user namespace.
static int enter_user_namespace(void) {
    for (int attempt = 0; unshare(CLONE_NEWUSER) < 0; attempt++) {
        if (errno != EINVAL || attempt == 2000) return -errno;
        usleep(50);
    }
    return 0;
}

static int write_word(int directory, const char *name, const char *word) {
    int fd = openat(directory, name, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return -errno;
    ssize_t written = write(fd, word, strlen(word));
    int result = written < 0 ? -errno : 0;
    close(fd);
    return result;
}

static int raise_permitted(void) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[2];
    if (syscall(SYS_capget, &header, sets) < 0) return -errno;
    for (int i = 0; i < 2; i++) sets[i].effective = sets[i].permitted;
    return (int)RESULT(syscall(SYS_capset, &header, sets));
}

int clinux_become_user(int self, uint32_t user) {
    // Capabilities survive the change of user, for the namespace's sake: hosts may refuse one to a process without any.
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 || setgroups(0, NULL) < 0) return -errno;
    if (setresgid(user, user, user) < 0 || setresuid(user, user, user) < 0) return -errno;
    int failure = raise_permitted();
    if (failure) return failure;
    failure = enter_user_namespace();
    if (failure) return failure;
    // The files of a process that is not dumpable are root's.
    if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0) return -errno;
    char map[32];
    snprintf(map, sizeof(map), "0 %u 1", user);
    failure = write_word(self, "setgroups", "deny");
    if (failure == 0) failure = write_word(self, "gid_map", map);
    if (failure == 0) failure = write_word(self, "uid_map", map);
    return failure;
}

int clinux_drop_privileges(uint64_t kept) {
    for (unsigned long capability = 0; capability < 64; capability++) {
        // EINVAL: the kernel has no more.
        if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0) {
            if (errno == EINVAL) break;
            return -errno;
        }
    }
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    unsigned long bits = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED
        | SECBIT_KEEP_CAPS_LOCKED;
    // The change of file system user, which a thread that serves files makes, is to take no capability.
    bits |= kept != 0 ? SECBIT_NO_SETUID_FIXUP : 0;
    if (prctl(PR_SET_SECUREBITS, bits, 0, 0, 0) < 0) return -errno;
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[2] = {0};
    for (int i = 0; i < 2; i++) sets[i].effective = sets[i].permitted = (uint32_t)(kept >> (32 * i));
    if (syscall(SYS_capset, &header, sets) < 0) return -errno;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return -errno;
    return RESULT(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0));
}

static int limit(__rlimit_resource_t resource, rlim_t wanted) {
    struct rlimit limit;
    if (getrlimit(resource, &limit) < 0) return -errno;
    if (limit.rlim_max > wanted) limit.rlim_max = wanted;
    limit.rlim_cur = limit.rlim_max;
    return RESULT(setrlimit(resource, &limit));
}

int clinux_limit_resources(uint64_t descriptors) {
    int failure = limit(RLIMIT_NOFILE, descriptors);
    return failure ? failure : limit(RLIMIT_CORE, 0);
}

static const char *watched_program = "";
static _Thread_local const char *filtered_thread = "";

static char *append(char *place, char *end, const char *text) {
    while (*text && place < end) *place++ = *text++;
    return place;
}

static char *append_number(char *place, char *end, unsigned long number, unsigned base) {
    char digits[24], *digit = digits + sizeof(digits);
    *--digit = 0;
    do *--digit = "0123456789abcdef"[number % base];
    while (number /= base);
    return append(place, end, digit);
}

// Makes two calls, which every filter allows, and only these.
static void report_forbidden(int signal, siginfo_t *information, void *context) {
    char line[256], *place = line, *end = line + sizeof(line);
    place = append(place, end, watched_program);
    place = append(place, end, ": the ");
    place = append(place, end, filtered_thread);
    place = append(place, end, " thread made the system call ");
    place = append_number(place, end, (unsigned)information->si_syscall, 10);
    if (information->si_syscall == SYS_ioctl) {
        place = append(place, end, " (ioctl 0x");
        place = append_number(place, end, (unsigned long)((ucontext_t *)context)->uc_mcontext.gregs[REG_RSI], 16);
        place = append(place, end, ")");
    }
    place = append(place, end, ", which it may not make\n");
    (void)!write(2, line, (size_t)(place - line));
    _exit(128 + signal);
}

int clinux_watch_filters(const char *program) {
    watched_program = program;
    struct sigaction action = {.sa_sigaction = report_forbidden, .sa_flags = SA_SIGINFO};
    sigfillset(&action.sa_mask);
    return RESULT(sigaction(SIGSYS, &action, NULL));
}

int clinux_install_filter(const void *program, size_t bytes, const char *thread) {
    struct sock_fprog filter = {
        .len = (unsigned short)(bytes / sizeof(struct sock_filter)), .filter = (struct sock_filter *)program,
    };
    if (bytes / sizeof(struct sock_filter) > USHRT_MAX) return -E2BIG;
    filtered_thread = thread;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return -errno;
    return (int)RESULT(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter));
}

#ifndef PR_SCHED_CORE
#define PR_SCHED_CORE 62
#define PR_SCHED_CORE_CREATE 1
#endif
int clinux_claim_core(void) {
    // 1: the scope of the thread group.
    return RESULT(prctl(PR_SCHED_CORE, PR_SCHED_CORE_CREATE, 0, 1, 0));
}

#ifndef PR_SET_MEMORY_MERGE
#define PR_SET_MEMORY_MERGE 67
#endif
void clinux_forbid_merging(void) { prctl(PR_SET_MEMORY_MERGE, 0, 0, 0, 0); }

void clinux_share_heap(void) { mallopt(M_ARENA_MAX, 1); }
