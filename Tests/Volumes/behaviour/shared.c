// What several hold at a time: directories that change while they are read, locks.
#include "behaviour.h"

static int count_and(bool deletes) {
    DIR *directory = opendir(".");
    int count = 0;
    struct dirent *entry;
    while ((entry = readdir(directory))) {
        if (entry->d_name[0] == '.') continue;
        count++;
        if (deletes && unlink(entry->d_name) < 0) report(entry->d_name, -1);
    }
    closedir(directory);
    return count;
}

void directories(void) {
    char name[40];
    CALL(mkdir("many", 0755));
    CALL(chdir("many"));
    for (int i = 0; i < 800; i++) {
        snprintf(name, sizeof(name), "file-with-a-name-%d", i);
        close(creat(name, 0600));
    }
    CALL(count_and(false));
    DIR *directory = opendir(".");
    struct dirent *entry;
    long place = 0;
    for (int i = 0; i < 400; i++) {
        if (!(entry = readdir(directory))) break;
        place = telldir(directory);
    }
    entry = readdir(directory);
    snprintf(name, sizeof(name), "%s", entry ? entry->d_name : "none");
    for (int i = 0; i < 300; i++) entry = readdir(directory);
    seekdir(directory, place);
    entry = readdir(directory);
    CALL(entry ? strcmp(entry->d_name, name) : -2);
    rewinddir(directory);
    int count = 0;
    while (readdir(directory)) count++;
    CALL(count);
    closedir(directory);
    CALL(count_and(true));
    CALL(count_and(false));
    CALL(chdir(".."));
    CALL(rmdir("many"));
    for (int i = 0; i < 60; i++)
        if (mkdir("deep", 0755) < 0 || chdir("deep") < 0) report("deep", -1);
    make("bottom", "x");
    report_status("bottom");
    for (int i = 0; i < 60; i++)
        if (chdir("..") < 0) report("up", -1);
    report_status("deep");
    CALL(rmdir("deep"));
}

static int fcntl_lock(int fd, int command, short type, off_t start, off_t length) {
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
    return fcntl(fd, command, &lock);
}

// A process of its own that takes a lock, says so, and holds it until it is signalled.
static pid_t holder(int *release, bool is_whole) {
    int ready[2], go[2];
    char byte;
    if (pipe(ready) < 0 || pipe(go) < 0) exit(1);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        close(go[1]);
        int fd = open("file", O_RDWR);
        int got = is_whole ? flock(fd, LOCK_EX) : fcntl_lock(fd, F_SETLK, F_WRLCK, 10, 10);
        if (write(ready[1], got == 0 ? "y" : "n", 1) != 1 || read(go[0], &byte, 1) < 0) _exit(1);
        _exit(0);
    }
    close(ready[1]), close(go[0]);
    if (read(ready[0], &byte, 1) != 1 || byte != 'y') printf("the holder has no lock\n");
    close(ready[0]);
    *release = go[1];
    return child;
}

static void ignore(int signal) { (void)signal; }

static void locks_of(bool is_whole) {
    int release, fd = open("file", O_RDWR);
    pid_t child = holder(&release, is_whole);
    struct sigaction interrupts = {.sa_handler = ignore};
    sigaction(SIGALRM, &interrupts, NULL);
    if (is_whole) {
        CALL(flock(fd, LOCK_SH | LOCK_NB));
        alarm(1);
        CALL(flock(fd, LOCK_EX));
    } else {
        CALL(fcntl_lock(fd, F_SETLK, F_RDLCK, 0, 11));
        CALL(fcntl_lock(fd, F_SETLK, F_WRLCK, 0, 10));
        CALL(fcntl_lock(fd, F_SETLK, F_RDLCK, 20, 0));
        struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 100};
        CALL(fcntl(fd, F_GETLK, &lock));
        CALL(lock.l_type == F_WRLCK && lock.l_start == 10 && lock.l_len == 10);
        CALL(lock.l_pid == child);
        alarm(1);
        CALL(fcntl_lock(fd, F_SETLKW, F_WRLCK, 0, 0));
    }
    // Who is killed while it waits is gone at once.
    pid_t waiting = fork();
    if (waiting == 0) {
        int own = open("file", O_RDWR);
        _exit(is_whole ? flock(own, LOCK_EX) : fcntl_lock(own, F_SETLKW, F_WRLCK, 10, 1));
    }
    usleep(100000);
    kill(waiting, SIGKILL);
    int status = 0;
    CALL(waitpid(waiting, &status, 0) == waiting && WTERMSIG(status) == SIGKILL);
    // Granted when the holder ends, by whatever way.
    if (is_whole) close(release);
    else kill(child, SIGKILL);
    if (is_whole) CALL(flock(fd, LOCK_EX));
    else CALL(fcntl_lock(fd, F_SETLKW, F_WRLCK, 0, 0));
    waitpid(child, NULL, 0);
    if (!is_whole) close(release);
    close(fd);
}

void locks(void) {
    make("file", "0123456789");
    locks_of(false);
    locks_of(true);
    int fd = open("file", O_RDWR), other = open("file", O_RDWR);
    CALL(flock(fd, LOCK_EX | LOCK_NB));
    CALL(flock(other, LOCK_EX | LOCK_NB));
    CALL(flock(dup(fd), LOCK_SH | LOCK_NB));
    CALL(flock(other, LOCK_SH | LOCK_NB));
    CALL(flock(fd, LOCK_UN));
    CALL(flock(other, LOCK_EX | LOCK_NB));
    CALL(fcntl_lock(fd, F_OFD_SETLK, F_WRLCK, 0, 5));
    CALL(fcntl_lock(other, F_OFD_SETLK, F_WRLCK, 4, 5));
    CALL(fcntl_lock(other, F_OFD_SETLK, F_WRLCK, 5, 5));
    close(fd);
    CALL(fcntl_lock(other, F_OFD_SETLK, F_WRLCK, 0, 0));
    CALL(fcntl_lock(other, F_SETLK, 9, 0, 0));
    int reader = open("file", O_RDONLY);
    CALL(fcntl_lock(reader, F_SETLK, F_WRLCK, 0, 5));
    close(other), close(reader);
}
