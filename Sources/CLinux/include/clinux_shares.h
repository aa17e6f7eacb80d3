// Doors to files that are served to a guest: by descriptor and one name, never by a path, and no link is followed. Every
// function that can fail returns a negative errno value.
//
// `links` is a descriptor of /proc/self/fd: a name in it leads to the very file that a descriptor of this process
// stands for, also one opened with O_PATH, whatever has become of its name.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <sys/types.h>

/// A point in time; as a time to set, CLINUX_TIME_NOW and CLINUX_TIME_OMIT may stand for the nanoseconds.
struct clinux_time { int64_t seconds; uint32_t nanoseconds; };
enum : uint32_t { CLINUX_TIME_NOW = (1u << 30) - 1, CLINUX_TIME_OMIT = (1u << 30) - 2 };

/// What stat(2) says of a file; blocks have 512 bytes.
struct clinux_file_status {
    uint64_t device, inode, special_device, size, block_count;
    uint32_t mode, link_count, user, group, block_size;
    struct clinux_time accessed, modified, changed;
};

/// What statvfs(3) says of a file system.
struct clinux_file_system_status {
    uint64_t blocks, free_blocks, available_blocks, files, free_files;
    uint32_t block_size, fragment_size, longest_name;
};

/// A descriptor of /proc/self/fd.
int clinux_open_links(void);
/// openat2(2) of what one name means, a link itself too: O_PATH, beneath the directory, following nothing.
int clinux_open_node(int directory, const char *name);
/// The same for a new regular file, opened with `flags`; -EEXIST where the name is taken.
int clinux_create_file(int directory, const char *name, int flags, uint32_t mode);
/// A new regular file in a directory, without a name (O_TMPFILE), opened with `flags`.
int clinux_create_nameless(int directory, int flags, uint32_t mode);
/// Opens the file of a descriptor again, with other flags.
int clinux_reopen(int links, int fd, int flags);
/// The same to name it only (O_PATH).
int clinux_reopen_node(int links, int fd);
/// The same to list a directory.
int clinux_reopen_directory(int links, int fd);

int clinux_status(int fd, struct clinux_file_status *status);
/// When the file was made; -ENODATA where its file system does not say.
int clinux_birth(int fd, struct clinux_time *birth);
int clinux_file_system_status(int fd, struct clinux_file_system_status *status);
int clinux_change_mode(int links, int fd, uint32_t mode);
/// UINT32_MAX leaves one as it is.
int clinux_change_owner(int fd, uint32_t user, uint32_t group);
int clinux_change_times(int fd, struct clinux_time accessed, struct clinux_time modified);
int clinux_truncate(int fd, uint64_t size);

/// readlink(2) of a link's own descriptor; how many bytes.
ssize_t clinux_read_link(int fd, char *target, size_t room);
int clinux_make_link(const char *target, int directory, const char *name);
int clinux_make_directory(int directory, const char *name, uint32_t mode);
/// A named pipe, a socket, an empty file or a whiteout (character device 0:0, which stands for nothing): never a device.
int clinux_make_special(int directory, const char *name, uint32_t mode, uint32_t device);
int clinux_remove(int directory, const char *name, bool is_directory);
/// renameat2(2).
int clinux_rename_in(int from_directory, const char *from, int to_directory, const char *to, uint32_t flags);
/// One more name for the file of a descriptor.
int clinux_link_node(int links, int fd, int directory, const char *name);

ssize_t clinux_read_at(int fd, void *bytes, size_t count, uint64_t offset);
ssize_t clinux_write_at(int fd, const void *bytes, size_t count, uint64_t offset);
int clinux_synchronize(int fd, bool data_only);
int64_t clinux_seek(int fd, uint64_t offset, int whence);
int clinux_allocate(int fd, int mode, uint64_t offset, uint64_t length);
/// copy_file_range(2); how many bytes.
ssize_t clinux_copy(int from, uint64_t from_offset, int to, uint64_t to_offset, size_t count);

/// FS_IOC_GETFLAGS and FS_IOC_SETFLAGS (FS_…_FL of linux/fs.h), FS_IOC_FSGETXATTR (struct fsxattr).
int clinux_get_flags(int fd, uint32_t *flags);
int clinux_set_flags(int fd, uint32_t flags);
enum : uint32_t { CLINUX_EXTENDED_FLAGS_SIZE = 28 };
int clinux_get_extended_flags(int fd, void *attributes);
extern const uint64_t CLINUX_FS_IOC_GETFLAGS, CLINUX_FS_IOC_SETFLAGS, CLINUX_FS_IOC_FSGETXATTR;

/// A lock of a range of bytes, the last included; INT64_MAX is the end, wherever it will be. `type`: F_RDLCK, F_WRLCK or
/// F_UNLCK.
struct clinux_lock { uint64_t start, end; uint32_t type; };
/// Sets or removes a lock that belongs to the open file (F_OFD_SETLK); -EAGAIN where another is in the way.
int clinux_set_lock(int fd, struct clinux_lock lock);
/// What is in the way of a lock (F_OFD_GETLK); F_UNLCK for nothing.
int clinux_get_lock(int fd, struct clinux_lock *lock);
/// The commands of fcntl(2) that these are.
extern const int CLINUX_OPEN_FILE_GET_LOCK, CLINUX_OPEN_FILE_SET_LOCK;
/// flock(2), without waiting.
int clinux_lock_whole(int fd, uint32_t type);

/// getdents64(2), from where the descriptor is.
ssize_t clinux_list(int fd, void *entries, size_t room);

ssize_t clinux_get_attribute(int fd, const char *name, void *value, size_t room);
ssize_t clinux_list_attributes(int fd, char *names, size_t room);
int clinux_change_attribute(int fd, const char *name, const void *value, size_t size, int flags);
int clinux_remove_attribute(int fd, const char *name);

/// Makes the calling thread fit to create files for others: a working directory and mode mask of its own, the mask 0, and
/// its capabilities stay what they are when it creates files for another user (SECBIT_NO_SETUID_FIXUP).
int clinux_serve_files(void);
/// From now on the calling thread's new files belong to them (setfsuid(2), setfsgid(2)), and have none of the mask's bits
/// but where a directory's access control list says otherwise (umask(2)).
int clinux_create_as(uint32_t user, uint32_t group, uint32_t mask);

/// Raises the process's limit of open descriptors as far as it may; the limit.
int64_t clinux_raise_descriptor_limit(void);

/// open_tree(2): a mount of its own of what a path leads to, attached to nothing; with the mounts below it or without.
int clinux_clone_mount(const char *path, bool recursive);
/// mount_setattr(2) on such a mount: nothing can be written through it, and nothing is mounted into it from outside.
int clinux_restrict_mount(int fd, bool recursive, bool read_only, bool is_private);
/// Gives the calling thread mounts of its own, which go with it: what is mounted in them nobody else sees.
int clinux_leave_mounts(void);
/// Mounts a read-only overlay of these options on a directory; the mount as `clinux_clone_mount` gives it.
int clinux_mount_overlay(const char *directory, const char *options);
/// Whether a file lies in an EROFS file system.
bool clinux_is_erofs(int fd);
/// How many bytes the tmpfs at a path can hold; 0 where there is none.
uint64_t clinux_memory_file_system_size(const char *path);
