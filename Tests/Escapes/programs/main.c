// escape list | NAME… | all: tries them one after the other, each in a process of its own for at most ten seconds, and prints
// for each "contained" or "ESCAPED" and what it reached. The exit code is 1 where one has escaped.
#include "escape.h"
#include <mqueue.h>
#include <stdarg.h>
#include <sys/shm.h>
#include <sys/un.h>

static const struct escape *const groups[] = {
    mount_escapes, namespace_escapes, process_escapes, device_escapes, kernel_escapes, watching_escapes,
};

const char *reached(const char *format, ...) {
    static char text[400];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    return text;
}
bool is_guest_root(int directory) {
    struct stat status;
    return fstatat(directory, "run/czone-agent", &status, 0) == 0 || fstatat(directory, "sys/fs/cgroup/containers", &status, 0) == 0;
}
const char *contents(int directory, const char *path) {
    static char text[65536];
    text[0] = 0;
    int file = openat(directory, path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (file < 0) return text;
    ssize_t count = read(file, text, sizeof text - 1);
    close(file);
    text[count < 0 ? 0 : count] = 0;
    for (ssize_t i = 0; i < count; i++) if (!text[i]) text[i] = ' ';
    return text;
}
bool has_secret(int directory, const char *path) { return strstr(contents(directory, path), SECRET) != NULL; }
bool put(int directory, const char *path, const char *text) {
    int file = openat(directory, path, O_WRONLY | O_NONBLOCK | O_CLOEXEC, 0);
    if (file < 0) return false;
    ssize_t count = write(file, text, strlen(text));
    close(file);
    return count == (ssize_t)strlen(text);
}
const char *scratch(void) {
    static char path[] = "/tmp/escape-XXXXXX";
    strcpy(path, "/tmp/escape-XXXXXX");
    mkdir("/tmp", 0777);
    return mkdtemp(path) ? path : "/";
}
int mount_new(const char *type, const char *source, const char *data) {
    const char *place = scratch();
    if (mount(source, place, type, 0, data) < 0) return -1;
    return open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int try_one(const struct escape *escape) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) return -1;
    pid_t child = fork();
    if (child == 0) {
        alarm(10);
        const char *result = escape->run();
        if (result) dprintf(ends[1], "%s", result);
        _exit(0);
    }
    close(ends[1]);
    char text[400] = "";
    ssize_t count = child > 0 ? read(ends[0], text, sizeof text - 1) : 0;
    if (count > 0) text[count] = 0;
    close(ends[0]);
    int status = 0;
    if (child > 0) waitpid(child, &status, 0);
    if (!text[0] && WIFSIGNALED(status)) snprintf(text, sizeof text, "killed by signal %d before it was through", WTERMSIG(status));
    bool escaped = count > 0;
    printf("%s %s (%s)%s%s\n", escaped ? "ESCAPED" : text[0] ? "unfinished" : "contained", escape->name, escape->origin,
           text[0] ? ": " : "", text);
    return escaped;
}

// The sibling: has the secret wherever somebody could look for it, and lives until it is killed.
static _Noreturn void be_sibling(void) {
    umask(0);
    close(open("/secret", O_CREAT | O_WRONLY, 0644));
    put(AT_FDCWD, "/secret", SECRET);
    setenv("SECRET", SECRET, 1);
    int id = shmget(0x8412, 4096, IPC_CREAT | 0666);
    if (id >= 0) strcpy(shmat(id, NULL, 0), SECRET);
    mq_open("/sibling", O_CREAT | O_RDWR, 0666, NULL); // its queue
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "\0sibling"};
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    bind(listener, (void *)&address, sizeof(sa_family_t) + 8);
    listen(listener, 1);
    for (;;) pause();
}

int main(int count, char **words) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (count > 1 && !strcmp(words[1], "sibling")) be_sibling();
    int escaped = 0, tried = 0;
    for (size_t group = 0; group < sizeof groups / sizeof groups[0]; group++)
        for (const struct escape *escape = groups[group]; escape->name; escape++) {
            bool wanted = (count < 2 || !strcmp(words[1], "all")) && groups[group] != watching_escapes;
            for (int i = 1; i < count; i++) wanted |= !strcmp(words[i], escape->name);
            if (count > 1 && !strcmp(words[1], "list")) printf("%s: %s\n", escape->name, escape->origin);
            else if (wanted) escaped |= try_one(escape), tried++;
        }
    printf("tried %d as uid %d\n", tried, getuid());
    return escaped;
}
