#include "behaviour.h"

void report(const char *what, long value) {
    if (value == -1) printf("%s: %s\n", what, strerrorname_np(errno));
    else printf("%s: %ld\n", what, value);
    fflush(stdout);
}

void report_status(const char *name) {
    struct stat s;
    if (lstat(name, &s) < 0) printf("  %s: %s\n", name, strerrorname_np(errno));
    else
        printf("  %s: %06o links %ld owner %u:%u size %ld device %lx\n", name, s.st_mode, (long)s.st_nlink, s.st_uid,
               s.st_gid, S_ISDIR(s.st_mode) ? 0 : (long)s.st_size, (long)s.st_rdev);
    fflush(stdout);
}

void make(const char *name, const char *contents) {
    int fd = open(name, O_CREAT | O_TRUNC | O_WRONLY, 0644);
    if (fd < 0 || write(fd, contents, strlen(contents)) != (ssize_t)strlen(contents)) report(name, -1);
    close(fd);
}

int as(uid_t user, gid_t group, void (*body)(void)) {
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        if (setgroups(0, NULL) < 0 || setgid(group) < 0 || setuid(user) < 0) _exit(99);
        body();
        fflush(stdout);
        _exit(0);
    }
    int status = -1;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void in_directory(const char *name, void (*part)(void)) {
    printf("== %s\n", name);
    if (mkdir(name, 0755) < 0 || chdir(name) < 0) {
        perror(name);
        exit(1);
    }
    part();
    if (chdir("..") < 0) exit(1);
}
#define PART(name) in_directory(#name, name)

int main(int count, char **arguments) {
    umask(022);
    if (count != 2 || chdir(arguments[1]) < 0) {
        fprintf(stderr, "usage: behaviour DIRECTORY\n");
        return 2;
    }
    PART(names);
    PART(renames);
    PART(links_and_removed);
    PART(opening);
    PART(sizes);
    PART(times);
    PART(owners_and_modes);
    PART(attributes);
    PART(directories);
    PART(locks);
    PART(mappings);
    return 0;
}
