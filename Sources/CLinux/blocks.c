#define _GNU_SOURCE
#include "clinux_blocks.h"
#include <errno.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

int clinux_clone_range(int to, uint64_t to_offset, int from, uint64_t from_offset, uint64_t count) {
    struct file_clone_range range = {.src_fd = from, .src_offset = from_offset, .src_length = count, .dest_offset = to_offset};
    return ioctl(to, FICLONERANGE, &range) < 0 ? -errno : 0;
}

int64_t clinux_share_range(int from, uint64_t from_offset, uint64_t count, int to, uint64_t to_offset) {
    union {
        struct file_dedupe_range range;
        char room[sizeof(struct file_dedupe_range) + sizeof(struct file_dedupe_range_info)];
    } request = {0};
    request.range.src_offset = from_offset;
    request.range.src_length = count;
    request.range.dest_count = 1;
    request.range.info[0].dest_fd = to;
    request.range.info[0].dest_offset = to_offset;
    if (ioctl(from, FIDEDUPERANGE, &request.range) < 0) return -errno;
    if (request.range.info[0].status < 0) return request.range.info[0].status;
    return request.range.info[0].status == FILE_DEDUPE_RANGE_SAME ? (int64_t)request.range.info[0].bytes_deduped : 0;
}

int64_t clinux_extents(int fd, uint64_t offset, struct clinux_extent extents[CLINUX_EXTENTS]) {
    struct fiemap *map = calloc(1, sizeof *map + CLINUX_EXTENTS * sizeof map->fm_extents[0]);
    if (!map) return -ENOMEM;
    map->fm_start = offset;
    map->fm_length = FIEMAP_MAX_OFFSET - offset;
    // What was written and has no place yet gets one.
    map->fm_flags = FIEMAP_FLAG_SYNC;
    map->fm_extent_count = CLINUX_EXTENTS;
    int64_t count = ioctl(fd, FS_IOC_FIEMAP, map) < 0 ? -errno : (int64_t)map->fm_mapped_extents;
    // Packed or compressed bytes share a place with others that are not theirs.
    uint32_t placeless = FIEMAP_EXTENT_UNKNOWN | FIEMAP_EXTENT_DELALLOC | FIEMAP_EXTENT_ENCODED | FIEMAP_EXTENT_NOT_ALIGNED;
    for (int64_t index = 0; index < count; index++) {
        struct fiemap_extent *found = &map->fm_extents[index];
        extents[index].offset = found->fe_logical;
        extents[index].address = found->fe_flags & placeless ? UINT64_MAX : found->fe_physical;
        extents[index].count = found->fe_length;
    }
    free(map);
    return count;
}

int clinux_set_modified(int fd, int64_t nanoseconds) {
    struct timespec times[2] = {
        {.tv_nsec = UTIME_OMIT},
        {.tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000},
    };
    return futimens(fd, times) < 0 ? -errno : 0;
}
