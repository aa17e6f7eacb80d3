// What a process gives up before it serves somebody hostile. Each function is one step, for a process of one thread (but
// the filter, which is the calling thread's); every one returns 0 or a negative errno value.
#pragma once
#include "clinux.h"

/// Mount, network, IPC, UTS and control group namespaces of its own (unshare(2)).
int clinux_leave_namespaces(void);
/// A /proc of its own, of its own process namespace: it shows this process and no other. After
/// `clinux_leave_namespaces`.
int clinux_mount_own_proc(void);
/// An empty, read-only file system as its root, and nothing of the old one in reach but by open descriptors: mounts
/// namespaces(7), pivot_root(2).
int clinux_leave_root(void);
/// Such namespaces and root, made by another thread, which then ends: descriptors of them, for `clinux_enter_walls`. They take
/// longer than the rest of the walls.
enum { CLINUX_WALLS = 5 };
int clinux_prepare_walls(int walls[CLINUX_WALLS]);
int clinux_enter_walls(const int walls[CLINUX_WALLS]);
/// A user and group of the host's, which must have nothing there, and a user namespace in which they are number 0 and
/// there is no other. `self`: a descriptor of /proc/self.
int clinux_become_user(int self, uint32_t user);
/// No capability but these (a bit each, capability.h) in any set, none to be had by execve(2); no new privileges, and no
/// way to look into the process (PR_SET_DUMPABLE).
int clinux_drop_privileges(uint64_t kept);
/// Soft and hard limits (setrlimit(2)), no higher than they are: descriptors; no core file.
int clinux_limit_resources(uint64_t descriptors);

/// Has a call that a thread's filter forbids (SIGSYS) end the process, with a line about it on standard error.
int clinux_watch_filters(const char *program);
/// A filter for the calling thread and the threads that it makes (seccomp(2)): classic BPF, 8 bytes an instruction.
/// `thread` is what the line about a forbidden call says.
int clinux_install_filter(const void *program, size_t bytes, const char *thread);

/// PR_SCHED_CORE_CREATE: this process shares a processor core with no other process's threads.
int clinux_claim_core(void);
/// One heap for all threads (mallopt(3), M_ARENA_MAX): the C library reads files of /proc and /sys for further ones, at
/// times of its own choice. Before the process has another thread.
void clinux_share_heap(void);
/// PR_SET_MEMORY_MERGE off; a kernel before 6.4 knows none for processes.
void clinux_forbid_merging(void);
