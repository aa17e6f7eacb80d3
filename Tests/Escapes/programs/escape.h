// Ways out of a container that runtimes have had, or that a VM of many containers could have. Each is a function that tries
// one and says what it reached: NULL where it was kept in. Built statically, run in a container beside a sibling that holds
// SECRET in a file, in its environment and in its memory.
#pragma once
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SECRET "sibling-secret-8412"

typedef const char *(*attempt)(void);
struct escape {
    const char *name;
    // The CVE, report or class that it is.
    const char *origin;
    attempt run;
};
extern const struct escape mount_escapes[], namespace_escapes[], process_escapes[], device_escapes[], kernel_escapes[];
// Only where they are named: they wait for what the runner does meanwhile.
extern const struct escape watching_escapes[];

// What was reached, of these words.
const char *reached(const char *format, ...) __attribute__((format(printf, 1, 2)));
// Whether a directory is the guest's root, or below the agent's directories.
bool is_guest_root(int directory);
// The first bytes of a file below a directory, as a string; empty where there are none.
const char *contents(int directory, const char *path);
bool has_secret(int directory, const char *path);
// Writes a text into a file: whether all of it was taken.
bool put(int directory, const char *path, const char *text);
// A new directory of its own in /tmp.
const char *scratch(void);
// Mounts a new file system on a new directory: its descriptor, or -1.
int mount_new(const char *type, const char *source, const char *data);
