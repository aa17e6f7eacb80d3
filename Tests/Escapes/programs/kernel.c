// By parts of the kernel that know no containers.
#include "escape.h"
#include <linux/bpf.h>
#include <sys/reboot.h>

#define FAN_MARK_ADD 1
#define FAN_MARK_FILESYSTEM 0x100

static const char *bpf_programs(void) {
    union bpf_attr map = {.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8, .max_entries = 1};
    if (syscall(SYS_bpf, BPF_MAP_CREATE, &map, sizeof map) >= 0) return reached("BPF maps");
    struct bpf_insn code[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = 1}, {.code = BPF_JMP | BPF_EXIT}};
    union bpf_attr load = {.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE, .insns = (uint64_t)(uintptr_t)code, .insn_cnt = 2,
                           .license = (uint64_t)(uintptr_t)"GPL"};
    return syscall(SYS_bpf, BPF_PROG_LOAD, &load, sizeof load) >= 0 ? reached("a BPF program for devices") : NULL;
}
static const char *modules(void) {
    if (syscall(SYS_init_module, "x", 1, "") == 0 || errno == ENOEXEC) return reached("kernel modules");
    if (syscall(SYS_finit_module, 0, "", 0) == 0) return reached("kernel modules");
    return NULL;
}
static const char *another_kernel(void) {
    return syscall(SYS_kexec_load, 0, 0, NULL, 0) == 0 ? reached("kexec") : NULL;
}
static const char *counters(void) {
    struct { uint32_t type, size; uint64_t config, period, sample, read, flags; unsigned char rest[80]; } attribute = {.type = 1, .size = 112};
    return syscall(SYS_perf_event_open, &attribute, -1, 0, -1, 0) >= 0 ? reached("events of all processes") : NULL;
}
static const char *keys_of_others(void) {
    long ring = syscall(SYS_keyctl, 0 /* KEYCTL_GET_KEYRING_ID */, -5 /* of the user's session */, 0);
    return ring > 0 ? reached("a user's key ring, which no namespace divides") : NULL;
}
static const char *kernel_log(void) {
    static char text[8192];
    long count = syscall(SYS_syslog, 3 /* read all */, text, sizeof text);
    return count > 0 ? reached("the kernel's log") : NULL;
}
// Events of a whole file system come with open files of all its users.
static const char *watch_of_others(void) {
    int group = (int)syscall(SYS_fanotify_init, 0, O_RDONLY);
    if (group < 0) return NULL;
    const char *places[] = {"/volume", "/sys/fs/cgroup", "/sys"};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if (syscall(SYS_fanotify_mark, group, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, 0x20 /* FAN_OPEN */, AT_FDCWD, places[i]) == 0)
            return reached("the files that others open on %s", places[i]);
    return NULL;
}
static const char *rings_around_filters(void) {
    unsigned char parameters[120] = {0};
    return syscall(SYS_io_uring_setup, 4, parameters) >= 0 ? reached("io_uring, which no filter sees") : NULL;
}
static const char *faults(void) {
    return syscall(SYS_userfaultfd, 1 /* of user mode only */) >= 0 ? reached("userfaultfd") : NULL;
}
static const char *placement(void) {
    unsigned long nodes = 1;
    return syscall(SYS_set_mempolicy, 2 /* MPOL_BIND */, &nodes, 8) == 0 ? reached("memory of node 0") : NULL;
}
static const char *accounting(void) {
    return syscall(SYS_acct, "/tmp/account") == 0 ? reached("accounts of all processes") : NULL;
}
static const char *swap(void) {
    return syscall(SYS_swapon, "/tmp/swap", 0) == 0 ? reached("swap") : NULL;
}
static const char *clock_of_all(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return clock_settime(CLOCK_REALTIME, &now) == 0 ? reached("the clock of all containers") : NULL;
}
const struct escape kernel_escapes[] = {
    {"bpf", "CVE-2021-3490 class: BPF", bpf_programs},
    {"modules", "kernel modules by CAP_SYS_MODULE", modules},
    {"kexec", "another kernel", another_kernel},
    {"counters", "CVE-2013-2094 class: performance counters", counters},
    {"keys", "CVE-2014-9529 class: key rings", keys_of_others},
    {"kernel-log", "addresses and others' messages in the log", kernel_log},
    {"watches", "fanotify of a whole file system", watch_of_others},
    {"io-uring", "CVE-2022-29582 class: io_uring", rings_around_filters},
    {"userfaultfd", "CVE-2021-22555 class: races held open", faults},
    {"placement", "memory of another node", placement},
    {"accounting", "acct(2)", accounting},
    {"swap", "swapon", swap},
    {"clock", "the clock, which no namespace divides", clock_of_all},
    {0},
};
