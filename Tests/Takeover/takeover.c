// Given code in a thread of a VM's process, after it has gone behind its walls: a library that is preloaded into the test's
// czone-vm and stands between it and the C library. The product knows nothing of it.
//
//     TAKEOVER_THREAD    event, vcpu, disk, files, or server (of the process that serves volumes)
//     TAKEOVER_ATTEMPT   its number; -1 lists the names
//     TAKEOVER_AFTER     how many calls of its loop the thread does before
#include "attempts.h"
#include <dlfcn.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

static char page[65536] __attribute__((aligned(4096)));
static struct surroundings around;
static int wanted = -2, after;
static const char *kind = "";
static _Thread_local int calls;

static void number(char *place, int value) {
    char digits[12], *digit = digits + 11;
    *digit = 0;
    do *--digit = (char)('0' + value % 10);
    while (value /= 10);
    strcpy(place, digit);
}

#define TRY(name, code) #name,
static const char *const names[] = {ATTEMPTS};
#undef TRY
#define TRY(name, code) static long try_##name(const struct surroundings *s) { (void)s; return code; }
ATTEMPTS
#undef TRY
#define TRY(name, code) try_##name,
static long (*const attempts[])(const struct surroundings *) = {ATTEMPTS};

static int setting(const char *name, int otherwise) {
    const char *value = getenv(name);
    return value ? atoi(value) : otherwise;
}

__attribute__((constructor)) static void prepare(void) {
    if (getenv("TAKEOVER_ATTEMPT") == NULL) return;
    wanted = setting("TAKEOVER_ATTEMPT", -2);
    after = setting("TAKEOVER_AFTER", 1);
    kind = getenv("TAKEOVER_THREAD");
    if (wanted == -1) {
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) puts(names[i]);
        exit(0);
    }
    around = (struct surroundings){
        .victim = setting("TAKEOVER_VICTIM", 1), .socket = getenv("TAKEOVER_SOCKET"), .file = getenv("TAKEOVER_FILE"),
        .lock = setting("TAKEOVER_LOCK", -1), .pair = setting("TAKEOVER_PAIR", -1),
    };
}

// The thread is his: one attempt, and what came of it.
static void take_over(const char *thread) {
    if (wanted < 0 || strcmp(thread, kind) != 0 || calls++ < after) return;
    char line[64] = "takeover: ";
    number(line + strlen(line), wanted);
    strcat(line, " tried\n");
    raw(SYS_write, 2, (long)line, (long)strlen(line), 0, 0, 0);
    long result = attempts[wanted](&around);
    strcpy(line, result < 0 ? "takeover: failed " : "takeover: SUCCEEDED ");
    number(line + strlen(line), (int)(result < 0 ? -result : result));
    strcat(line, "\n");
    raw(SYS_write, 2, (long)line, (long)strlen(line), 0, 0, 0);
    raw(SYS_exit_group, result < 0 ? 77 : 78, 0, 0, 0, 0, 0);
}

#define REAL(name) ({ static __typeof__(name) *real; if (!real) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name); real; })

int ioctl(int fd, unsigned long request, ...) {
    va_list list;
    va_start(list, request);
    void *argument = va_arg(list, void *);
    va_end(list);
    if (request == KVM_RUN) take_over("vcpu");
    return REAL(ioctl)(fd, request, argument);
}

// Several kinds of threads wait in one way; which one this is says the name that it has given itself.
static _Thread_local char own_name[16];

int epoll_wait(int fd, struct epoll_event *events, int most, int timeout) {
    take_over(strcmp(own_name, "network") == 0 ? own_name : "event");
    return REAL(epoll_wait)(fd, events, most, timeout);
}

int prctl(int option, ...) {
    va_list list;
    va_start(list, option);
    unsigned long a = va_arg(list, unsigned long), b = va_arg(list, unsigned long), c = va_arg(list, unsigned long),
                  d = va_arg(list, unsigned long);
    va_end(list);
    if (option == PR_SET_NAME) snprintf(own_name, sizeof own_name, "%s", (const char *)a);
    return REAL(prctl)(option, a, b, c, d);
}

int sem_wait(sem_t *semaphore) {
    take_over(own_name);
    return REAL(sem_wait)(semaphore);
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags) {
    take_over("server");
    return REAL(recvmsg)(fd, message, flags);
}
