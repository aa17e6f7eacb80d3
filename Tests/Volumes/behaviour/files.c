// What is in files: opening, sizes, times, mappings.
#include "behaviour.h"
#include <linux/falloc.h>

static char buffer[70000];

static unsigned long sum(int fd) {
    unsigned long sum = 5381;
    ssize_t count;
    for (off_t at = 0; (count = pread(fd, buffer, sizeof(buffer), at)) > 0; at += count)
        for (ssize_t i = 0; i < count; i++) sum = sum * 33 + (unsigned char)buffer[i];
    return sum;
}

void opening(void) {
    make("file", "0123456789");
    CALL(open("file", O_CREAT | O_EXCL | O_RDWR, 0600));
    CALL(open("file", O_DIRECTORY | O_RDONLY));
    CALL(open(".", O_RDWR));
    CALL(open("missing", O_RDWR));
    int fd = open("file", O_RDONLY);
    CALL(write(fd, "x", 1));
    CALL(ftruncate(fd, 1));
    close(fd);
    fd = open("file", O_WRONLY | O_APPEND);
    CALL(lseek(fd, 0, SEEK_SET));
    CALL(write(fd, "abc", 3));
    CALL(pwrite(fd, "def", 3, 0));
    CALL(read(fd, buffer, 1));
    close(fd);
    report_status("file");
    fd = open("file", O_RDWR | O_TRUNC);
    report_status("file");
    CALL(pread(fd, buffer, 10, 0));
    CALL(pread(fd, buffer, 10, -1));
    close(fd);
    fd = open("file", O_PATH);
    CALL(read(fd, buffer, 1));
    CALL(fchmod(fd, 0600));
    close(fd);
    CALL(open("file", O_RDWR | O_CREAT | O_DIRECTORY, 0600));
}

void sizes(void) {
    int fd = open("file", O_CREAT | O_RDWR, 0644);
    memset(buffer, 'z', sizeof(buffer));
    CALL(pwrite(fd, buffer, 50000, 0));
    CALL(ftruncate(fd, 10));
    CALL(ftruncate(fd, 30000));
    CALL(sum(fd));
    CALL(pwrite(fd, "end", 3, 1 << 20));
    CALL(sum(fd));
    CALL(lseek(fd, 0, SEEK_DATA));
    CALL(lseek(fd, 0, SEEK_HOLE) > 0);
    CALL(lseek(fd, 65536, SEEK_DATA) > 65536);
    CALL(lseek(fd, 2 << 20, SEEK_DATA));
    CALL(lseek(fd, 2 << 20, SEEK_HOLE));
    CALL(ftruncate(fd, -1));
    CALL(truncate("file", 5000));
    CALL(truncate("missing", 5000));
    CALL(truncate(".", 5000));
    CALL(fallocate(fd, 0, 0, 100000));
    report_status("file");
    CALL(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 200000));
    report_status("file");
    memset(buffer, 'q', sizeof(buffer));
    CALL(pwrite(fd, buffer, 60000, 0));
    CALL(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096, 8192));
    CALL(sum(fd));
    CALL(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 4096, 8192));
    CALL(fallocate(fd, 0, -1, 10));
    CALL(fallocate(fd, 0, 0, 0));
    int other = open("other", O_CREAT | O_RDWR, 0644);
    loff_t from = 100, to = 7;
    CALL(copy_file_range(fd, &from, other, &to, 50000, 0));
    CALL(sum(other));
    CALL(from + to);
    from = 0, to = 10;
    CALL(copy_file_range(fd, &from, fd, &to, 50, 0));
    CALL(copy_file_range(fd, &from, other, &to, 50, 1));
    off_t start = 0;
    CALL(sendfile(other, fd, &start, 1000));
    CALL(ftruncate(other, 0));
    CALL(ftruncate(other, (off_t)1 << 40));
    report_status("other");
    CALL(pwrite(other, "far", 3, ((off_t)1 << 40) - 3));
    CALL(ftruncate(other, 0));
    close(fd), close(other);
}

static void report_times(const char *name) {
    struct stat s;
    if (lstat(name, &s) < 0) return report(name, -1);
    printf("  %s: accessed %ld.%09ld modified %ld.%09ld\n", name, s.st_atim.tv_sec, s.st_atim.tv_nsec, s.st_mtim.tv_sec,
           s.st_mtim.tv_nsec);
}

static bool is_later(const char *name, struct stat *before) {
    struct stat s;
    lstat(name, &s);
    bool is = s.st_mtim.tv_sec > before->st_mtim.tv_sec || (s.st_mtim.tv_sec == before->st_mtim.tv_sec && s.st_mtim.tv_nsec > before->st_mtim.tv_nsec);
    *before = s;
    return is;
}

static void touched_by_other(void) {
    struct timespec set[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
    CALL(utimensat(AT_FDCWD, "file", NULL, 0));
    CALL(utimensat(AT_FDCWD, "file", set, 0));
    CALL(utimensat(AT_FDCWD, "open-to-all", NULL, 0));
    CALL(utimensat(AT_FDCWD, "open-to-all", set, 0));
}

void times(void) {
    make("file", "x"), make("open-to-all", "x");
    CALL(symlink("file", "link"));
    CALL(chmod("open-to-all", 0666));
    struct timespec set[2] = {{.tv_sec = 1000000000, .tv_nsec = 123456789}, {.tv_sec = -5, .tv_nsec = 999999999}};
    CALL(utimensat(AT_FDCWD, "file", set, 0));
    report_times("file");
    set[0].tv_nsec = UTIME_OMIT, set[1] = (struct timespec){.tv_sec = 7, .tv_nsec = 1};
    CALL(utimensat(AT_FDCWD, "file", set, 0));
    report_times("file");
    set[0] = set[1] = (struct timespec){.tv_sec = 9};
    CALL(utimensat(AT_FDCWD, "link", set, AT_SYMLINK_NOFOLLOW));
    report_times("file");
    struct stat before;
    lstat("file", &before);
    CALL(close(open("file", O_RDONLY)));
    CALL(is_later("file", &before));
    int fd = open("file", O_WRONLY);
    CALL(write(fd, "y", 1));
    close(fd);
    CALL(is_later("file", &before));
    CALL(utimensat(AT_FDCWD, ".", set, 0));
    lstat(".", &before);
    make("new", "");
    CALL(is_later(".", &before));
    CALL(utimensat(AT_FDCWD, ".", set, 0));
    lstat(".", &before);
    CALL(unlink("new"));
    CALL(is_later(".", &before));
    CALL(as(1234, 1234, touched_by_other));
    struct statx status;
    CALL(statx(AT_FDCWD, "file", 0, STATX_BTIME | STATX_BASIC_STATS, &status));
    CALL((status.stx_mask & STATX_BTIME) != 0 && status.stx_btime.tv_sec > 0);
    CALL(status.stx_mask & STATX_BASIC_STATS);
}

void mappings(void) {
    int fd = open("file", O_CREAT | O_RDWR, 0644);
    CALL(ftruncate(fd, 10000));
    char *shared = mmap(NULL, 12288, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CALL(shared == MAP_FAILED);
    if (shared == MAP_FAILED) return;
    memcpy(shared + 4090, "by the mapping", 14);
    CALL(pread(fd, buffer, 14, 4090));
    CALL(memcmp(buffer, "by the mapping", 14));
    CALL(pwrite(fd, "by writing", 10, 100));
    CALL(memcmp(shared + 100, "by writing", 10));
    fflush(stdout);
    if (fork() == 0) {
        memcpy(shared + 200, "by a child", 10);
        _exit(0);
    }
    wait(NULL);
    CALL(memcmp(shared + 200, "by a child", 10));
    CALL(msync(shared, 10000, MS_SYNC));
    char *private = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    memcpy(private, "private", 7);
    CALL(pread(fd, buffer, 7, 0));
    CALL(memcmp(buffer, "private", 7) == 0);
    CALL(ftruncate(fd, 5000));
    CALL(ftruncate(fd, 10000));
    CALL(shared[4095 + 1000] == 0);
    CALL(munmap(shared, 12288));
    CALL(sum(fd));
    int reader = open("file", O_RDONLY);
    CALL(mmap(NULL, 4096, PROT_WRITE, MAP_SHARED, reader, 0) == MAP_FAILED);
    munmap(private, 4096);
    close(fd), close(reader);
}
