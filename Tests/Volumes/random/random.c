// random DIRECTORY SECONDS SEED: does to one file what programs do, in random order, and compares it with a model in
// memory after each step. Prints the step that went wrong, and ends with 1.
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { MAX = 300000 };
static uint8_t model[MAX], piece[MAX];
static size_t size;
static int fd;
static uint64_t state;
static unsigned long step;
static char path[4096];

static uint32_t number(uint32_t below) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return (uint32_t)((state >> 16) % below);
}

static void fail(const char *what, size_t at, size_t count) {
    fprintf(stderr, "random: step %lu: %s at %zu, %zu bytes of %zu: %s\n", step, what, at, count, size, strerror(errno));
    exit(1);
}

static void compare(const uint8_t *seen, size_t at, size_t count, const char *what) {
    for (size_t i = 0; i < count; i++)
        if (seen[i] != model[at + i]) {
            errno = 0;
            fprintf(stderr, "random: byte %zu is %u, not %u\n", at + i, seen[i], model[at + i]);
            fail(what, at, count);
        }
}

static void grow(size_t end) {
    if (end <= size) return;
    memset(model + size, 0, end - size);
    size = end;
}

static void fill(size_t count) {
    for (size_t i = 0; i < count; i++) piece[i] = (uint8_t)(number(255) + 1);
}

static void check_size(void) {
    struct stat status;
    if (fstat(fd, &status) < 0 || (size_t)status.st_size != size) fail("the size is another", (size_t)status.st_size, 0);
}

static void map(size_t at, size_t count, bool writes) {
    size_t start = at & ~(size_t)4095;
    if (at + count > size) return;
    uint8_t *mapped = mmap(NULL, at + count - start, PROT_READ | (writes ? PROT_WRITE : 0), MAP_SHARED, fd, (off_t)start);
    if (mapped == MAP_FAILED) fail("mmap", at, count);
    if (writes) {
        fill(count);
        memcpy(mapped + at - start, piece, count);
        memcpy(model + at, piece, count);
        if (number(2) && msync(mapped, at + count - start, MS_SYNC) < 0) fail("msync", at, count);
    } else compare(mapped + at - start, at, count, "mapped");
    munmap(mapped, at + count - start);
}

static void copy(size_t at, size_t count, size_t to) {
    if (at + count > size || to + count > MAX || (at < to + count && to < at + count)) return;
    for (size_t done = 0; done < count;) {
        loff_t from = (loff_t)(at + done), target = (loff_t)(to + done);
        ssize_t result = copy_file_range(fd, &from, fd, &target, count - done, 0);
        if (result <= 0) fail("copy_file_range", at, count);
        done += (size_t)result;
    }
    memcpy(piece, model + at, count);
    grow(to + count);
    memcpy(model + to, piece, count);
}

static void allocate(size_t at, size_t count, int mode) {
    if (fallocate(fd, mode, (off_t)at, (off_t)count) < 0) {
        if (errno == EOPNOTSUPP) return;
        fail("fallocate", at, count);
    }
    if (!(mode & FALLOC_FL_KEEP_SIZE)) grow(at + count);
    if (mode & ~FALLOC_FL_KEEP_SIZE && at < size) memset(model + at, 0, (at + count < size ? at + count : size) - at);
}

static void reopen(void) {
    if (close(fd) < 0) fail("close", 0, 0);
    fd = open(path, O_RDWR | (number(3) ? 0 : O_SYNC));
    if (fd < 0) fail("open", 0, 0);
}

static void take_step(void) {
    size_t at = number(MAX - 1), count = number(number(4) ? 6000 : 80000) + 1;
    if (at + count > MAX) count = MAX - at;
    switch (number(14)) {
    case 0: case 1: case 2: {
        ssize_t got = pread(fd, piece, count, (off_t)at);
        size_t expected = at >= size ? 0 : size - at < count ? size - at : count;
        if (got < 0 || (size_t)got != expected) fail("read", at, count);
        return compare(piece, at, expected, "read");
    }
    case 3: case 4: case 5:
        fill(count);
        if (pwrite(fd, piece, count, (off_t)at) != (ssize_t)count) fail("write", at, count);
        grow(at + count);
        memcpy(model + at, piece, count);
        return;
    case 6:
        if (ftruncate(fd, (off_t)at) < 0) fail("truncate", at, 0);
        grow(at);
        size = at;
        return;
    case 7: return map(at, count, true);
    case 8: return map(at, count, false);
    case 9: return copy(at, count, number(MAX - 1));
    case 10: return allocate(at, count, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE);
    case 11: return allocate(at, count, number(2) ? FALLOC_FL_ZERO_RANGE : number(2) ? FALLOC_FL_KEEP_SIZE : 0);
    case 12: return reopen();
    default:
        if (number(2) ? fsync(fd) : fdatasync(fd)) fail("fsync", 0, 0);
        check_size();
    }
}

int main(int count, char **arguments) {
    if (count != 4) {
        fprintf(stderr, "usage: random DIRECTORY SECONDS SEED\n");
        return 2;
    }
    snprintf(path, sizeof(path), "%s/random-file", arguments[1]);
    state = strtoull(arguments[3], NULL, 10) * 2654435761u + 88172645463325252u;
    fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (fd < 0) fail("open", 0, 0);
    struct timespec now, start;
    clock_gettime(CLOCK_MONOTONIC, &start);
    do {
        step++;
        take_step();
        check_size();
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (now.tv_sec - start.tv_sec < strtol(arguments[2], NULL, 10));
    ssize_t all = pread(fd, piece, MAX, 0);
    if (all < 0 || (size_t)all != size) fail("read all", 0, size);
    compare(piece, 0, size, "all");
    printf("random: %lu steps, each as the model\n", step);
    return unlink(path) < 0;
}
