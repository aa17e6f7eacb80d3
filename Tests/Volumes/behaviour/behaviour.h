// What a file system of Linux does, printed line by line: run in a directory of the host's and in the same directory as a
// volume, the lines must be the same.
#pragma once
#define _GNU_SOURCE 1
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/fs.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

/// Prints what a call came to: its value, or the error's name.
void report(const char *what, long value);
#define CALL(...) (errno = 0, report(#__VA_ARGS__, (long)(__VA_ARGS__)))
/// Prints kind, mode, links, owner and size of a name itself.
void report_status(const char *name);
/// A file with contents, closed.
void make(const char *name, const char *contents);
/// Does something in a process of its own, as this user and group; its exit status.
int as(uid_t user, gid_t group, void (*body)(void));

void names(void);
void renames(void);
void links_and_removed(void);
void opening(void);
void sizes(void);
void times(void);
void owners_and_modes(void);
void attributes(void);
void directories(void);
void locks(void);
void mappings(void);
