#include "internal.h"
#include <sys/mount.h>

int agent_mount(const char *source, const char *target, const char *type, uint64_t flags, const char *data) {
    return RESULT(mount(source, target, type, flags, *data ? data : NULL));
}
int agent_set_propagation(const char *target, uint64_t flags) { return RESULT(mount(NULL, target, NULL, flags, NULL)); }
int agent_detach_mount(const char *target) { return RESULT(umount2(target, MNT_DETACH)); }
int agent_pivot_root_here(void) { return (int)RESULT(syscall(SYS_pivot_root, ".", ".")); }

#define AT_THE_DESCRIPTOR 0x1000  // AT_EMPTY_PATH
#define BELOW_TOO 0x8000          // AT_RECURSIVE

int agent_clone_tree(int fd, bool recursive) {
    unsigned flags = 1 /* OPEN_TREE_CLONE */ | O_CLOEXEC | AT_THE_DESCRIPTOR | (recursive ? BELOW_TOO : 0);
    return (int)RESULT(syscall(SYS_open_tree, fd, "", flags));
}
int agent_attach_tree(int tree, int target) {
    return (int)RESULT(syscall(SYS_move_mount, tree, "", target, "", 0x04 | 0x40 /* both paths empty */));
}

struct attributes { uint64_t set, clear, propagation, user_namespace; };
int agent_restrict_mount(int directory, const char *path, bool recursive, uint64_t flags, uint64_t propagation) {
    // The four restrictions have the same bits in MS_… and MOUNT_ATTR_…; those of access times differ.
    struct attributes attributes = {.set = flags & (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC),
                                    .propagation = propagation & ~(uint64_t)MS_REC};
    if (flags & (MS_NOATIME | MS_STRICTATIME)) {
        attributes.clear = 0x70 /* MOUNT_ATTR__ATIME */;
        attributes.set |= flags & MS_NOATIME ? 0x10 : 0x20;
    }
    if (flags & MS_NODIRATIME) attributes.set |= 0x80;
    unsigned where = (*path ? 0 : AT_THE_DESCRIPTOR) | (recursive ? BELOW_TOO : 0);
    return (int)RESULT(syscall(SYS_mount_setattr, directory, path, where, &attributes, sizeof(attributes)));
}
int agent_map_mount(int tree, int user_namespace) {
    struct attributes attributes = {.set = 0x100000 /* MOUNT_ATTR_IDMAP */, .user_namespace = (uint64_t)user_namespace};
    return (int)RESULT(syscall(SYS_mount_setattr, tree, "", AT_THE_DESCRIPTOR, &attributes, sizeof(attributes)));
}
