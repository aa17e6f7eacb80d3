// An emulated CPU can be led astray (README): its processes stop, or each guest on it hangs or ends, while init and the
// other CPUs work. A probe goes round all CPUs, so that it is known before test after test has waited for its limit.
#define _GNU_SOURCE
#include "probe.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SECONDS = 40, GUESTS_EVERY = 3 };          // a probe's limit; guests run in each third probe

struct progress {
    enum { AT_CPU, AT_GRACE_PERIOD, AT_GUEST } stage;
    int cpu;
    unsigned exit_reason;                         // a guest's, if it was another than expected
};

static struct progress *progress;                 // shared with the probe's process
static pid_t pid;
static enum probe result = PROBE_PASSED;
static time_t began;
static unsigned rounds;

static time_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec;
}

static bool move_to(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    progress->cpu = cpu;
    return sched_setaffinity(0, sizeof set, &set) == 0;
}

// A guest that writes to a port for ever, from the reset vector on: an exit on each CPU. What the host has no memory or
// descriptors for proves nothing.
static void run_guest(int cpus) {
    static const uint8_t code[] = { 0xe6, 0x80, 0xeb, 0xfc };   // again: out 0x80, al; jmp again
    int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    int vm = kvm < 0 ? -1 : ioctl(kvm, KVM_CREATE_VM, 0);
    uint8_t *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (vm < 0 || memory == MAP_FAILED) return;
    memcpy(memory + 0xff0, code, sizeof code);
    struct kvm_userspace_memory_region region = {
        .guest_phys_addr = 0xfffff000, .memory_size = 4096, .userspace_addr = (uintptr_t)memory,
    };
    if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region) != 0) return;
    int cpu = ioctl(vm, KVM_CREATE_VCPU, 0);
    if (cpu < 0) return;
    struct kvm_run *run = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, cpu, 0);
    if (run == MAP_FAILED) return;
    progress->stage = AT_GUEST;
    for (int i = 0; i < cpus; i++) {
        if (!move_to(i)) continue;
        if (ioctl(cpu, KVM_RUN, 0) != 0 && (errno == ENOMEM || errno == EINTR)) return;
        if (run->exit_reason != KVM_EXIT_IO) {
            progress->exit_reason = run->exit_reason;
            _exit(1);
        }
    }
}

static _Noreturn void go_round(bool with_guest) {
    int cpus = (int)sysconf(_SC_NPROCESSORS_CONF);
    setpriority(PRIO_PROCESS, 0, -20);            // before what the command runs
    for (int i = 0; i < cpus; i++) move_to(i);
    progress->stage = AT_GRACE_PERIOD;
    syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
    if (with_guest) run_guest(cpus);
    _exit(0);
}

void probe_start(void) {
    if (pid > 0) return;
    if (progress == NULL)
        progress = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (progress == MAP_FAILED) {
        progress = NULL;
        return;
    }
    memset(progress, 0, sizeof *progress);
    began = now();
    pid = fork();
    if (pid == 0) go_round(rounds % GUESTS_EVERY == 0);
    if (pid > 0) result = PROBE_RUNS, rounds++;
}

bool probe_reap(pid_t ended, int raw) {
    if (ended != pid) return false;
    pid = 0;
    // Killed from outside, for memory for one: that says nothing about the CPUs.
    result = WIFEXITED(raw) && WEXITSTATUS(raw) != 0 ? PROBE_FAILED : PROBE_PASSED;
    return true;
}

enum probe probe_result(const char **text) {
    static char buffer[128];
    *text = buffer;
    if (result == PROBE_FAILED)
        snprintf(buffer, sizeof buffer, "a guest on CPU %d ended with exit %u of KVM, %d expected", progress->cpu,
                 progress->exit_reason, KVM_EXIT_IO);
    if (result == PROBE_RUNS && now() - began > SECONDS) {
        static const char *const stages[] = { "CPU %d runs no process", "no grace period ends", "a guest on CPU %d hangs" };
        int length = snprintf(buffer, sizeof buffer, stages[progress->stage], progress->cpu);
        snprintf(buffer + length, sizeof buffer - (size_t)length, " for %d s", SECONDS);
        return PROBE_FAILED;
    }
    return result;
}
