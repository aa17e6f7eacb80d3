// What the host must still be able to do: each of its CPUs runs a process and a guest, and a grace period ends.
#pragma once
#include <stdbool.h>
#include <sys/types.h>

enum probe { PROBE_RUNS, PROBE_PASSED, PROBE_FAILED };

void probe_start(void);                           // in a process of its own; nothing while one runs
bool probe_reap(pid_t pid, int raw);              // whether `pid` was it; `raw` is what waitpid(2) gave
enum probe probe_result(const char **text);       // of the last one; `text` says what fails
