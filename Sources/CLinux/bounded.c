#define _GNU_SOURCE 1
#include "clinux_process.h"
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdalign.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

// A question to a file system, and the thread that waits for the answer with its stack. It calls nothing that allocates, and
// needs neither an arena nor a guard page of its own as BoundedCall's threads do: every command asks one.
struct question {
    pthread_t thread;
    int result;
    char path[PATH_MAX];
    alignas(16) char stack[32 << 10];
};

#define MAX_HANGING 16
// Those that were given up; their memory is freed once they have ended after all.
static struct question *hanging[MAX_HANGING];
static pthread_mutex_t hanging_lock = PTHREAD_MUTEX_INITIALIZER;

static void *ask(void *argument) {
    struct question *question = argument;
    struct stat status;
    question->result = stat(question->path, &status) < 0 ? -errno : 0;
    return NULL;
}

// A free place among those that hang, whose ended ones are freed; NULL: there is none. Under the lock.
static struct question **free_place(void) {
    struct question **place = NULL;
    for (int i = 0; i < MAX_HANGING; i++) {
        if (hanging[i] && pthread_tryjoin_np(hanging[i]->thread, NULL) == 0) {
            munmap(hanging[i], sizeof(struct question));
            hanging[i] = NULL;
        }
        if (!hanging[i]) place = &hanging[i];
    }
    return place;
}

static bool may_ask(void) {
    pthread_mutex_lock(&hanging_lock);
    bool is_free = free_place() != NULL;
    pthread_mutex_unlock(&hanging_lock);
    return is_free;
}

static void give_up(struct question *question) {
    pthread_mutex_lock(&hanging_lock);
    struct question **place = free_place();
    // Another has taken the last one meanwhile: this one's memory is lost with its thread.
    if (place) *place = question;
    pthread_mutex_unlock(&hanging_lock);
}

static int begin(struct question *question) {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    int failure = pthread_attr_setstack(&attributes, question->stack, sizeof(question->stack));
    if (!failure) failure = pthread_create(&question->thread, &attributes, ask, question);
    pthread_attr_destroy(&attributes);
    return -failure;
}

int clinux_status_within(const char *path, int milliseconds) {
    if (strlen(path) >= PATH_MAX) return -ENAMETOOLONG;
    if (!may_ask()) return -EAGAIN;
    struct timespec end;
    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += milliseconds / 1000;
    end.tv_nsec += milliseconds % 1000 * 1000000L;
    if (end.tv_nsec >= 1000000000L) end.tv_sec++, end.tv_nsec -= 1000000000L;
    struct question *question = mmap(
        NULL, sizeof(*question), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (question == MAP_FAILED) return -errno;
    strcpy(question->path, path);
    int result = begin(question);
    if (result == 0 && pthread_clockjoin_np(question->thread, NULL, CLOCK_MONOTONIC, &end) != 0) {
        give_up(question);
        return -ETIMEDOUT;
    }
    if (result == 0) result = question->result;
    munmap(question, sizeof(*question));
    return result;
}
