// speed DIRECTORY COUNT STEP: how long a number of small files takes to be made, listed, looked at, opened or removed, in
// microseconds a file. `create` comes first, `unlink` last.
#define _GNU_SOURCE 1
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static long count;

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

static void each(const char *what, int (*body)(const char *name)) {
    double start = now();
    for (long i = 0; i < count; i++) {
        char name[32];
        snprintf(name, sizeof(name), "d/e/file-%ld", i);
        if (body(name) < 0) {
            perror(what);
            exit(1);
        }
    }
    printf("%s %.1f\n", what, (now() - start) / (double)count);
}

static int create(const char *name) {
    int fd = open(name, O_CREAT | O_EXCL | O_WRONLY, 0644);
    return fd < 0 || write(fd, "x", 1) != 1 || close(fd) < 0 ? -1 : 0;
}
static int look(const char *name) {
    struct stat status;
    return stat(name, &status);
}
static int read_one(const char *name) {
    char byte;
    int fd = open(name, O_RDONLY);
    return fd < 0 || read(fd, &byte, 1) != 1 || close(fd) < 0 ? -1 : 0;
}

static void list(const char *what, int looks) {
    double start = now();
    DIR *directory = opendir("d/e");
    struct dirent *entry;
    struct stat status;
    while (directory && (entry = readdir(directory)))
        if (looks && fstatat(dirfd(directory), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) < 0) perror(what);
    if (directory) closedir(directory);
    printf("%s %.1f\n", what, (now() - start) / (double)count);
}

static int unlink_one(const char *name) { return unlink(name); }

int main(int arguments, char **values) {
    if (arguments != 4 || chdir(values[1]) < 0 || (count = strtol(values[2], NULL, 10)) <= 0) {
        fprintf(stderr, "usage: speed DIRECTORY COUNT create|list|list-and-stat|stat|read|unlink\n");
        return 2;
    }
    const char *step = values[3];
    if (strcmp(step, "create") == 0 && (mkdir("d", 0755) < 0 || mkdir("d/e", 0755) < 0)) return 1;
    if (strcmp(step, "list") == 0) list(step, 0);
    else if (strcmp(step, "list-and-stat") == 0) list(step, 1);
    else
        each(step, strcmp(step, "create") == 0 ? create
                   : strcmp(step, "stat") == 0 ? look
                   : strcmp(step, "read") == 0 ? read_one
                                               : unlink_one);
    return 0;
}
