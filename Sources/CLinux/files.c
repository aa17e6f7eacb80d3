#define _GNU_SOURCE 1
#include "clinux_files.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

static int result_of(long result) { return result < 0 ? -errno : (int)result; }


int clinux_open_in_root(int root, const char *path, int flags) {
    struct open_how how = {
        .flags = (uint64_t)(flags | O_CLOEXEC),
        .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV,
    };
    return result_of(syscall(SYS_openat2, root, path, &how, sizeof(how)));
}

int clinux_make_node(int directory, const char *name, uint32_t mode, uint32_t major, uint32_t minor) {
    return result_of(mknodat(directory, name, mode, makedev(major, minor)));
}

int clinux_set_attribute(int fd, const char *name, const void *value, size_t size) {
    return result_of(fsetxattr(fd, name, value, size, 0));
}

int clinux_set_link_attribute(const char *path, const char *name, const void *value, size_t size) {
    return result_of(lsetxattr(path, name, value, size, 0));
}

int clinux_make_pipe(int ends[2]) { return result_of(pipe2(ends, O_CLOEXEC)); }

int clinux_copy_file(int from, int to) {
    while (1) {
        ssize_t count = copy_file_range(from, NULL, to, NULL, (size_t)1 << 30, 0);
        if (count == 0) return 0;
        if (count > 0 || errno == EINTR) continue;
        if (errno != EXDEV && errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP) return -errno;
        break;
    }
    // File systems that cannot copy between each other.
    while (1) {
        ssize_t count = sendfile(to, from, NULL, (size_t)1 << 30);
        if (count == 0) return 0;
        if (count < 0 && errno != EINTR) return -errno;
    }
}
