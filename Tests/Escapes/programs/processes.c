// By processes that can be seen: of the agent, of siblings, and new ones of the container's own.
#include "escape.h"
#include <sys/ptrace.h>
#include <sys/uio.h>

static const char *descriptors_at_start(void) {
    struct stat status;
    // 0 to 2 are its streams; the pipe of this program's own is above 2 and a pipe.
    for (int fd = 3; fd < 1024; fd++)
        if (fstat(fd, &status) == 0 && !S_ISFIFO(status.st_mode)) {
            char path[64], link[200] = "";
            snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
            if (readlink(path, link, sizeof link - 1) < 0) continue;
            if (is_guest_root(fd) || (S_ISDIR(status.st_mode) && strncmp(link, "/", 1))) return reached("descriptor %d: %s", fd, link);
            if (strstr(link, "vsock") || strstr(link, "eventpoll") || strstr(link, "pidfd")) return reached("descriptor %d: %s", fd, link);
        }
    return NULL;
}
static const char *roots_of_processes(void) {
    for (int pid = 1; pid < 400; pid++) {
        const char *kinds[] = {"root", "cwd"};
        for (int i = 0; i < 2; i++) {
            char path[64];
            snprintf(path, sizeof path, "/proc/%d/%s", pid, kinds[i]);
            int root = open(path, O_RDONLY | O_DIRECTORY);
            if (root < 0) continue;
            int above = openat(root, "../../../../../..", O_RDONLY | O_DIRECTORY);
            if (is_guest_root(root) || (above >= 0 && is_guest_root(above))) return reached("the guest's root by %s", path);
            if (has_secret(root, "secret")) return reached("a sibling's root by %s", path);
            close(root);
            close(above);
        }
    }
    return NULL;
}
static const char *environments(void) {
    for (int pid = 1; pid < 4000; pid++) {
        char path[64];
        snprintf(path, sizeof path, "/proc/%d/environ", pid);
        if (has_secret(AT_FDCWD, path)) return reached("a sibling's environment by %s", path);
        snprintf(path, sizeof path, "/proc/%d/cmdline", pid);
        if (strstr(contents(AT_FDCWD, path), "/init")) return reached("the agent as process %d", pid);
    }
    return NULL;
}
static const char *memory_of_processes(void) {
    int own = getpid(), parent = getppid();
    for (int pid = 1; pid < 400; pid++) {
        char path[64], exe[200] = "";
        snprintf(path, sizeof path, "/proc/%d/exe", pid);
        if (pid == own || pid == parent || readlink(path, exe, sizeof exe - 1) < 0) continue;
        if (!strcmp(exe, "/init") && ptrace(PTRACE_ATTACH, pid, 0, 0) == 0) return reached("the agent's memory as process %d", pid);
    }
    return NULL;
}
static const char *killing_others(void) {
    for (int pid = 1; pid < 4000; pid++) {
        char path[64];
        snprintf(path, sizeof path, "/proc/%d/stat", pid);
        if (kill(pid, 0) == 0 && access(path, F_OK) < 0 && errno == ENOENT && kill(pid, 0) == 0)
            return reached("a signal to process %d of another container", pid);
    }
    return NULL;
}
// What a process that is being made shows before it executes its program: `exec` and probes make some meanwhile. Called
// by the runner, which executes programs in the container while it goes on.
static const char *judge_new(int pid) {
    char path[64], link[200];
    for (int fd = 3; fd < 40; fd++) {
        snprintf(path, sizeof path, "/proc/%d/fd/%d", pid, fd);
        int found = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (found < 0) continue;
        ssize_t count = readlink(path, link, sizeof link - 1);
        link[count < 0 ? 0 : count] = 0;
        int above = openat(found, "../../../../../..", O_PATH | O_DIRECTORY);
        if (is_guest_root(found) || (above >= 0 && is_guest_root(above))) return reached("%s (%s) of a new process", path, link);
        close(found);
        close(above);
    }
    const char *kinds[] = {"root", "cwd"};
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "/proc/%d/%s", pid, kinds[i]);
        int root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (root >= 0 && is_guest_root(root)) return reached("%s of a new process", path);
        if (root >= 0) close(root);
    }
    snprintf(path, sizeof path, "/proc/%d/exe", pid);
    if (readlink(path, link, sizeof link - 1) > 0 && !strncmp(link, "/init", 5)) {
        int program = open(path, O_WRONLY);
        return program >= 0 ? reached("the agent's program, to be written") : reached("the agent's program");
    }
    snprintf(path, sizeof path, "/proc/%d/environ", pid);
    return has_secret(AT_FDCWD, path) ? reached("a sibling's environment in a new process's memory") : NULL;
}
// It waits for six, and is killed where they do not come.
static const char *new_processes(void) {
    alarm(60);
    int next = getpid() + 1, made = 0;
    while (made < 6) {
        char path[32];
        snprintf(path, sizeof path, "/proc/%d", next);
        const char *result = NULL;
        for (int pid = next; pid < next + 3 && !result; pid++) result = judge_new(pid);
        if (result) return result;
        static int seen;
        if (access(path, F_OK) == 0) seen = next;
        else if (seen == next) next++, made++;
    }
    return NULL;
}
// A process goes out of a root by a directory that it has kept open.
static const char *chroot_again(void) {
    int kept = open("/", O_RDONLY | O_DIRECTORY);
    const char *place = scratch();
    if (chroot(place) < 0 || fchdir(kept) < 0) return NULL;
    for (int i = 0; i < 64; i++) if (chdir("..") < 0) break;
    if (chroot(".") < 0) return NULL;
    return is_guest_root(AT_FDCWD) || is_guest_root(kept) ? reached("the guest's root") : NULL;
}
static const char *above_the_root(void) {
    int root = open("/../../../../..", O_RDONLY | O_DIRECTORY);
    if (root >= 0 && is_guest_root(root)) return reached("the guest's root by ..");
    int own = open("/proc/self/root/..", O_RDONLY | O_DIRECTORY);
    return own >= 0 && is_guest_root(own) ? reached("the guest's root by /proc/self/root") : NULL;
}
static const char *by_handles(void) {
    union { struct file_handle handle; char room[64]; } found;
    const char *places[] = {"/", "/volume", "/sys/fs/cgroup", "/sys", "/etc/hostname", "/proc"};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        int mount = open(places[i], O_RDONLY);
        if (mount < 0) continue;
        // The first nodes of a file system: its root, and what others have there.
        for (uint64_t node = 1; node < 200; node++) {
            found.handle.handle_bytes = 16;
            found.handle.handle_type = node & 1 ? 1 : 0x81;
            uint64_t words[2] = {node / 2 + 1, 0};
            memcpy(found.handle.f_handle, words, sizeof words);
            int file = (int)syscall(SYS_open_by_handle_at, mount, &found, O_RDONLY);
            if (file < 0 && errno == EPERM) break;
            if (file >= 0 && (is_guest_root(file) || has_secret(file, "secret"))) return reached("a handle of %s", places[i]);
            if (file >= 0 && strcmp(places[i], "/") && strcmp(places[i], "/etc/hostname")) return reached("node %lu of %s", (unsigned long)node, places[i]);
            if (file >= 0) close(file);
        }
        close(mount);
    }
    return NULL;
}
const struct escape process_escapes[] = {
    {"descriptors", "CVE-2016-9962, CVE-2024-21626: descriptors at the start", descriptors_at_start},
    {"roots-of-processes", "CVE-2016-9962 class: /proc/PID/root", roots_of_processes},
    {"environments", "secrets in the environments of others", environments},
    {"memory-of-processes", "CVE-2014-6407 class: ptrace of the runtime", memory_of_processes},
    {"signals", "signals to others' processes", killing_others},
    {"chroot", "chroot out of a chroot", chroot_again},
    {"above-the-root", "CVE-2018-15664 class: ..", above_the_root},
    {"handles", "CVE-2014-3519 (shocker): file handles", by_handles},
    {0},
};
const struct escape watching_escapes[] = {
    {"new-processes", "CVE-2016-9962, CVE-2019-5736: a process before its program", new_processes},
    {0},
};
