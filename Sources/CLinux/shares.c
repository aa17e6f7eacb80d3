#define _GNU_SOURCE 1
#include "clinux_shares.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/securebits.h>
#include <sched.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/fsuid.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#define RESULT(call) ({ __typeof__(call) r = (call); r < 0 ? -errno : r; })

// A descriptor's name in /proc/self/fd.
struct link_name { char text[12]; };
static struct link_name link_of(int fd) {
    struct link_name name;
    snprintf(name.text, sizeof(name.text), "%d", fd);
    return name;
}

static int open_beneath(int directory, const char *name, int flags, uint32_t mode) {
    struct open_how how = {
        .flags = (uint64_t)(unsigned)(flags | O_CLOEXEC | O_NOFOLLOW),
        .mode = mode,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    return (int)RESULT(syscall(SYS_openat2, directory, name, &how, sizeof(how)));
}

int clinux_open_links(void) { return RESULT(open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC)); }
int clinux_open_node(int directory, const char *name) { return open_beneath(directory, name, O_PATH, 0); }
int clinux_create_file(int directory, const char *name, int flags, uint32_t mode) {
    return open_beneath(directory, name, flags | O_CREAT | O_EXCL | O_NOCTTY | O_NONBLOCK, mode & 07777);
}
int clinux_create_nameless(int directory, int flags, uint32_t mode) {
    return open_beneath(directory, ".", flags | O_TMPFILE, mode & 07777);
}
int clinux_reopen(int links, int fd, int flags) {
    return RESULT(openat(links, link_of(fd).text, flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
}
int clinux_reopen_node(int links, int fd) { return clinux_reopen(links, fd, O_PATH); }
int clinux_reopen_directory(int links, int fd) { return clinux_reopen(links, fd, O_RDONLY | O_DIRECTORY); }

static struct clinux_time time_of(struct timespec time) {
    return (struct clinux_time){.seconds = time.tv_sec, .nanoseconds = (uint32_t)time.tv_nsec};
}
int clinux_status(int fd, struct clinux_file_status *status) {
    struct stat s;
    if (fstat(fd, &s) < 0) return -errno;
    *status = (struct clinux_file_status){
        .device = s.st_dev, .inode = s.st_ino, .special_device = s.st_rdev, .size = (uint64_t)s.st_size,
        .block_count = (uint64_t)s.st_blocks, .mode = s.st_mode,
        .link_count = s.st_nlink > UINT32_MAX ? UINT32_MAX : (uint32_t)s.st_nlink, .user = s.st_uid, .group = s.st_gid,
        .block_size = (uint32_t)s.st_blksize, .accessed = time_of(s.st_atim), .modified = time_of(s.st_mtim),
        .changed = time_of(s.st_ctim),
    };
    return 0;
}
int clinux_birth(int fd, struct clinux_time *birth) {
    struct statx s;
    if (statx(fd, "", AT_EMPTY_PATH, STATX_BTIME, &s) < 0) return -errno;
    if ((s.stx_mask & STATX_BTIME) == 0) return -ENODATA;
    *birth = (struct clinux_time){.seconds = s.stx_btime.tv_sec, .nanoseconds = s.stx_btime.tv_nsec};
    return 0;
}
int clinux_file_system_status(int fd, struct clinux_file_system_status *status) {
    struct statvfs s;
    if (fstatvfs(fd, &s) < 0) return -errno;
    *status = (struct clinux_file_system_status){
        .blocks = s.f_blocks, .free_blocks = s.f_bfree, .available_blocks = s.f_bavail, .files = s.f_files,
        .free_files = s.f_ffree, .block_size = (uint32_t)s.f_bsize, .fragment_size = (uint32_t)s.f_frsize,
        .longest_name = (uint32_t)s.f_namemax,
    };
    return 0;
}
int clinux_change_mode(int links, int fd, uint32_t mode) { return RESULT(fchmodat(links, link_of(fd).text, mode, 0)); }
int clinux_change_owner(int fd, uint32_t user, uint32_t group) {
    return RESULT(fchownat(fd, "", user, group, AT_EMPTY_PATH));
}
int clinux_change_times(int fd, struct clinux_time accessed, struct clinux_time modified) {
    const struct timespec times[2] = {
        {.tv_sec = accessed.seconds, .tv_nsec = accessed.nanoseconds},
        {.tv_sec = modified.seconds, .tv_nsec = modified.nanoseconds},
    };
    return RESULT(utimensat(fd, "", times, AT_EMPTY_PATH));
}
int clinux_truncate(int fd, uint64_t size) { return RESULT(ftruncate(fd, (off_t)size)); }

ssize_t clinux_read_link(int fd, char *target, size_t room) { return RESULT(readlinkat(fd, "", target, room)); }
int clinux_make_link(const char *target, int directory, const char *name) { return RESULT(symlinkat(target, directory, name)); }
int clinux_make_directory(int directory, const char *name, uint32_t mode) { return RESULT(mkdirat(directory, name, mode & 07777)); }
int clinux_make_special(int directory, const char *name, uint32_t mode, uint32_t device) {
    uint32_t kind = mode & S_IFMT;
    bool is_whiteout = kind == S_IFCHR && device == 0;
    if (kind != S_IFIFO && kind != S_IFSOCK && kind != S_IFREG && !is_whiteout) return -EPERM;
    return RESULT(mknodat(directory, name, kind | (mode & 07777), 0));
}
int clinux_remove(int directory, const char *name, bool is_directory) {
    return RESULT(unlinkat(directory, name, is_directory ? AT_REMOVEDIR : 0));
}
int clinux_rename_in(int from_directory, const char *from, int to_directory, const char *to, uint32_t flags) {
    return RESULT(renameat2(from_directory, from, to_directory, to, flags));
}
int clinux_link_node(int links, int fd, int directory, const char *name) {
    return RESULT(linkat(links, link_of(fd).text, directory, name, AT_SYMLINK_FOLLOW));
}

ssize_t clinux_read_at(int fd, void *bytes, size_t count, uint64_t offset) {
    return RESULT(pread(fd, bytes, count, (off_t)offset));
}
ssize_t clinux_write_at(int fd, const void *bytes, size_t count, uint64_t offset) {
    return RESULT(pwrite(fd, bytes, count, (off_t)offset));
}
int clinux_synchronize(int fd, bool data_only) { return data_only ? RESULT(fdatasync(fd)) : RESULT(fsync(fd)); }
int64_t clinux_seek(int fd, uint64_t offset, int whence) { return RESULT(lseek(fd, (off_t)offset, whence)); }
int clinux_allocate(int fd, int mode, uint64_t offset, uint64_t length) {
    return RESULT(fallocate(fd, mode, (off_t)offset, (off_t)length));
}
ssize_t clinux_copy(int from, uint64_t from_offset, int to, uint64_t to_offset, size_t count) {
    loff_t source = (loff_t)from_offset, target = (loff_t)to_offset;
    return RESULT(copy_file_range(from, &source, to, &target, count, 0));
}
int clinux_get_flags(int fd, uint32_t *flags) {
    // The kernel writes an int, whatever the number says of a long.
    return RESULT(ioctl(fd, FS_IOC_GETFLAGS, flags));
}
int clinux_set_flags(int fd, uint32_t flags) { return RESULT(ioctl(fd, FS_IOC_SETFLAGS, &flags)); }
int clinux_get_extended_flags(int fd, void *attributes) { return RESULT(ioctl(fd, FS_IOC_FSGETXATTR, attributes)); }
_Static_assert(sizeof(struct fsxattr) == CLINUX_EXTENDED_FLAGS_SIZE, "fsxattr");
const uint64_t CLINUX_FS_IOC_GETFLAGS = FS_IOC_GETFLAGS, CLINUX_FS_IOC_SETFLAGS = FS_IOC_SETFLAGS,
               CLINUX_FS_IOC_FSGETXATTR = FS_IOC_FSGETXATTR;

static struct flock ranged(struct clinux_lock lock) {
    return (struct flock){
        .l_type = (short)lock.type, .l_whence = SEEK_SET, .l_start = (off_t)lock.start,
        // 0 means up to the end, wherever it will be.
        .l_len = lock.end >= INT64_MAX ? 0 : (off_t)(lock.end - lock.start + 1),
    };
}
int clinux_set_lock(int fd, struct clinux_lock lock) {
    struct flock range = ranged(lock);
    return RESULT(fcntl(fd, F_OFD_SETLK, &range));
}
int clinux_get_lock(int fd, struct clinux_lock *lock) {
    struct flock range = ranged(*lock);
    if (fcntl(fd, F_OFD_GETLK, &range) < 0) return -errno;
    *lock = (struct clinux_lock){.type = (uint32_t)range.l_type, .start = (uint64_t)range.l_start};
    lock->end = range.l_len == 0 ? INT64_MAX : lock->start + (uint64_t)range.l_len - 1;
    return 0;
}
const int CLINUX_OPEN_FILE_GET_LOCK = F_OFD_GETLK, CLINUX_OPEN_FILE_SET_LOCK = F_OFD_SETLK;
int clinux_lock_whole(int fd, uint32_t type) {
    int operation = type == F_RDLCK ? LOCK_SH : type == F_WRLCK ? LOCK_EX : LOCK_UN;
    return RESULT(flock(fd, operation | LOCK_NB));
}

ssize_t clinux_list(int fd, void *entries, size_t room) {
    return RESULT(syscall(SYS_getdents64, fd, entries, room));
}

ssize_t clinux_get_attribute(int fd, const char *name, void *value, size_t room) {
    return RESULT(fgetxattr(fd, name, value, room));
}
ssize_t clinux_list_attributes(int fd, char *names, size_t room) { return RESULT(flistxattr(fd, names, room)); }
int clinux_change_attribute(int fd, const char *name, const void *value, size_t size, int flags) {
    return RESULT(fsetxattr(fd, name, value, size, flags));
}
int clinux_remove_attribute(int fd, const char *name) { return RESULT(fremovexattr(fd, name)); }

int clinux_serve_files(void) {
    if (unshare(CLONE_FS) < 0) return -errno;
    umask(0);
    int bits = prctl(PR_GET_SECUREBITS);
    if (bits < 0) return -errno;
    return RESULT(prctl(PR_SET_SECUREBITS, (unsigned long)bits | SECBIT_NO_SETUID_FIXUP, 0, 0, 0));
}
int clinux_create_as(uint32_t user, uint32_t group, uint32_t mask) {
    umask(mask & 0777);
    // By the raw calls, and for this thread alone. A refusal shows only in a second look.
    syscall(SYS_setfsgid, group);
    syscall(SYS_setfsuid, user);
    bool is_done = (uint32_t)syscall(SYS_setfsgid, -1) == group && (uint32_t)syscall(SYS_setfsuid, -1) == user;
    return is_done ? 0 : -EPERM;
}

int64_t clinux_raise_descriptor_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return -errno;
    struct rlimit raised = {.rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max};
    if (setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
    return limit.rlim_cur > INT32_MAX ? INT32_MAX : (int64_t)limit.rlim_cur;
}

int clinux_clone_mount(const char *path, bool recursive) {
    unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (recursive ? AT_RECURSIVE : 0);
    return (int)RESULT(syscall(SYS_open_tree, AT_FDCWD, path, flags));
}
int clinux_restrict_mount(int fd, bool recursive, bool read_only, bool is_private) {
    struct mount_attr attributes = {
        .attr_set = read_only ? MOUNT_ATTR_RDONLY : 0,
        .propagation = is_private ? MS_PRIVATE : 0,
    };
    unsigned flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0);
    return (int)RESULT(syscall(SYS_mount_setattr, fd, "", flags, &attributes, sizeof(attributes)));
}
int clinux_leave_mounts(void) {
    if (unshare(CLONE_NEWNS) < 0) return -errno;
    return (int)RESULT(syscall(SYS_mount, NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
}
int clinux_mount_overlay(const char *directory, const char *options) {
    if (syscall(SYS_mount, "overlay", directory, "overlay", MS_RDONLY, options) < 0) return -errno;
    return clinux_clone_mount(directory, false);
}
bool clinux_is_erofs(int fd) {
    struct statfs status;
    // EROFS_SUPER_MAGIC_V1 of linux/magic.h, which may be older.
    return fstatfs(fd, &status) == 0 && status.f_type == 0xE0F5E1E2;
}
uint64_t clinux_memory_file_system_size(const char *path) {
    struct statfs status;
    if (statfs(path, &status) < 0 || status.f_type != TMPFS_MAGIC) return 0;
    return (uint64_t)status.f_blocks * (uint64_t)status.f_bsize;
}
