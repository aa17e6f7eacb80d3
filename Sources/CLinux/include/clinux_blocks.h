// Blocks of files, and files that share them. Every function that can fail returns a negative errno value.
#pragma once
#include "clinux.h"

/// ioctl FICLONERANGE: `count` bytes of a file become those of another one, without a copy.
int clinux_clone_range(int to, uint64_t to_offset, int from, uint64_t from_offset, uint64_t count);
/// ioctl FIDEDUPERANGE: the same for bytes that are alike already, which the kernel checks. How many bytes are shared now:
/// 0 where they differ.
int64_t clinux_share_range(int from, uint64_t from_offset, uint64_t count, int to, uint64_t to_offset);

/// A piece of a file, and where it lies on its medium; not known where `address` is UINT64_MAX.
struct clinux_extent { uint64_t offset, address, count; };
enum { CLINUX_EXTENTS = 128 };
/// ioctl FS_IOC_FIEMAP: the first extents at or behind an offset; how many, 0 behind the last.
int64_t clinux_extents(int fd, uint64_t offset, struct clinux_extent extents[CLINUX_EXTENTS]);

/// futimens(3) of the time of the last change of content alone, in nanoseconds since 1970.
int clinux_set_modified(int fd, int64_t nanoseconds);
