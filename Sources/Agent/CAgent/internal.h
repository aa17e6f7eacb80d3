// What the C files share.
#pragma once
#define _GNU_SOURCE 1
#include "cagent.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define RESULT(call) ({ __typeof__(call) r = (call); r < 0 ? -errno : r; })
// For calls that a signal's arrival must not end.
#define RETRIED(call) ({ __typeof__(call) r; do r = (call); while (r < 0 && errno == EINTR); r < 0 ? -errno : r; })

// Younger than musl 1.2.3's table.
#ifndef SYS_openat2
#define SYS_openat2 437
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef SYS_faccessat2
#define SYS_faccessat2 439
#endif
#ifndef SYS_mount_setattr
#define SYS_mount_setattr 442
#endif
