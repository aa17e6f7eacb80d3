#define _GNU_SOURCE
#include "system.h"
#include "wire.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static void must_mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data) {
    if (mount(source, target, type, flags, data) != 0)
        fail("cannot mount %s at %s: %s", type ? type : source, target, strerror(errno));
}

void make_directories(const char *path) {
    char copy[4096];
    snprintf(copy, sizeof copy, "%s", path);
    for (char *slash = strchr(copy + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        mkdir(copy, 0755);
        *slash = '/';
    }
    mkdir(copy, 0755);
}

void mount_kernel_filesystems(void) {
    make_directories("/proc");
    make_directories("/sys");
    make_directories("/dev");
    must_mount("proc", "/proc", "proc", 0, NULL);
    must_mount("sysfs", "/sys", "sysfs", 0, NULL);
    if (mount("dev", "/dev", "devtmpfs", 0, NULL) != 0 && errno != EBUSY) fail("cannot mount devtmpfs");
}

static int is_module(const struct dirent *entry) {
    const char *end = strrchr(entry->d_name, '.');
    return end != NULL && strcmp(end, ".ko") == 0;
}

void load_modules(const char *directory) {
    struct dirent **entries;
    int count = scandir(directory, &entries, is_module, alphasort);
    for (int i = 0; i < count; i++) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", directory, entries[i]->d_name);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) != 0 && errno != EEXIST))
            fail("cannot load module %s: %s", entries[i]->d_name, strerror(errno));
        close(fd);
        unlink(path);                                  // the initramfs is memory
    }
}

void enter_root(void) {
    make_directories("/lower");
    make_directories("/rw");
    make_directories("/root");
    must_mount("root", "/lower", "virtiofs", MS_RDONLY, NULL);
    must_mount("rw", "/rw", "tmpfs", 0, "size=75%,mode=755");
    make_directories("/rw/upper");
    make_directories("/rw/work");
    must_mount("root", "/root", "overlay", 0, "lowerdir=/lower,upperdir=/rw/upper,workdir=/rw/work");
    const char *kept[] = { "/proc", "/sys", "/dev" };
    for (int i = 0; i < 3; i++) {
        char target[16];
        snprintf(target, sizeof target, "/root%s", kept[i]);
        make_directories(target);
        must_mount(kept[i], target, NULL, MS_MOVE, NULL);
    }
    if (chdir("/root") != 0) fail("cannot enter the root");
    must_mount(".", "/", NULL, MS_MOVE, NULL);
    if (chroot(".") != 0 || chdir("/") != 0) fail("cannot change the root");
}

void mount_shares(char **shares) {
    for (; shares != NULL && *shares != NULL; shares++) {
        char *path = strchr(*shares, '\n');
        if (path == NULL) fail("share %s has no path", *shares);
        *path++ = 0;
        make_directories(path);
        must_mount(*shares, path, "virtiofs", 0, NULL);
    }
}

void bind_modules(const char *directory) {
    make_directories("/lib/modules");
    must_mount(directory, "/lib/modules", NULL, MS_BIND, NULL);
}

static void write_setting(const char *path, const char *value) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, value, strlen(value)) < 0) fail("cannot write %s to %s", value, path);
    close(fd);
}

static void link_device(const char *target, const char *path) {
    unlink(path);
    if (symlink(target, path) != 0) fail("cannot link %s", path);
}

// Devices whose modules load when they are first opened, as udev would prepare them from modules.devname.
static void make_devices_of_idle_modules(void) {
    const struct { const char *path; unsigned major, minor; } devices[] = {
        { "/dev/net/tun", 10, 200 }, { "/dev/fuse", 10, 229 }, { "/dev/loop-control", 10, 237 },
        { "/dev/vhost-net", 10, 238 }, { "/dev/vhost-vsock", 10, 241 },
    };
    make_directories("/dev/net");
    for (size_t i = 0; i < sizeof devices / sizeof *devices; i++)
        if (mknod(devices[i].path, S_IFCHR | 0660, makedev(devices[i].major, devices[i].minor)) != 0 && errno != EEXIST)
            fail("cannot make %s", devices[i].path);
}

static void bring_up_loopback(void) {
    struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) != 0) fail("cannot bring up lo");
    close(fd);
}

void settle(void) {
    const unsigned long safe = MS_NOSUID | MS_NODEV;
    must_mount("run", "/run", "tmpfs", safe, "mode=755");
    must_mount("tmp", "/tmp", "tmpfs", safe, "mode=1777");
    make_directories("/run/lock");
    make_directories("/dev/shm");
    make_directories("/dev/pts");
    make_directories("/dev/mqueue");
    must_mount("shm", "/dev/shm", "tmpfs", safe, "mode=1777");
    must_mount("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "gid=5,mode=620,ptmxmode=666");
    mount("mqueue", "/dev/mqueue", "mqueue", safe, NULL);
    link_device("pts/ptmx", "/dev/ptmx");
    link_device("/proc/self/fd", "/dev/fd");
    link_device("/proc/self/fd/0", "/dev/stdin");
    link_device("/proc/self/fd/1", "/dev/stdout");
    link_device("/proc/self/fd/2", "/dev/stderr");
    must_mount("cgroup", "/sys/fs/cgroup", "cgroup2", safe | MS_NOEXEC, NULL);
    write_setting("/sys/fs/cgroup/cgroup.subtree_control", "+cpuset +cpu +io +memory +pids");   // as systemd does
    mount("debugfs", "/sys/kernel/debug", "debugfs", safe | MS_NOEXEC, NULL);
    // Fixed addresses: TCG keys its translations by address, so those of one start serve every later one.
    write_setting("/proc/sys/kernel/randomize_va_space", "0");
    make_devices_of_idle_modules();
    bring_up_loopback();
    struct rlimit files = { .rlim_cur = 1024, .rlim_max = 524288 };   // the kernel's own maximum is 4096
    setrlimit(RLIMIT_NOFILE, &files);
    if (sethostname("emulated-host", strlen("emulated-host")) != 0) fail("cannot set the host name");
}
