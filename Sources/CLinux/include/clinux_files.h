// Doors to what a root file system is unpacked with. Every function that can fail returns a negative errno value.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/// openat2(2) with O_CLOEXEC added and `root` as the root of the path and of every link in it (RESOLVE_IN_ROOT): it
/// cannot leave the tree, nor cross into another file system.
int clinux_open_in_root(int root, const char *path, int flags);
/// mknodat(2) with the device number in its parts.
int clinux_make_node(int directory, const char *name, uint32_t mode, uint32_t major, uint32_t minor);
/// fsetxattr(2).
int clinux_set_attribute(int fd, const char *name, const void *value, size_t size);
/// lsetxattr(2): the path's last name is not followed.
int clinux_set_link_attribute(const char *path, const char *name, const void *value, size_t size);
/// pipe2(2), close-on-exec: the end to read from, then the end to write to.
int clinux_make_pipe(int ends[2]);
/// Copies what is left of a file into another: copy_file_range(2), which shares blocks where it can, else sendfile(2).
int clinux_copy_file(int from, int to);
