// Network namespaces, taps and routing sockets. Every function that can fail returns a negative errno value.
#pragma once
#include "clinux.h"

/// setns(2) of the calling thread into a network namespace.
int clinux_enter_network(int fd);
/// unshare(2): a network namespace of the calling thread's own, which its children have too.
int clinux_new_network(void);
/// Has a listening socket get all TCP connections to the loopback's addresses, whatever their port, in the calling thread's
/// network namespace: until the descriptor that is returned, or the socket, is closed. Linux 5.9 and later; -EINVAL before.
int clinux_direct_loopback(int listener);
/// A socket to rtnetlink(7) of the calling thread's network namespace, close-on-exec.
int clinux_open_routing(void);
/// A new tap interface in the calling thread's network namespace, which goes with its last descriptor: whole frames
/// behind virtio packet headers of 12 bytes, checksums and TCP segmentation left to the reader. -EBUSY: there is one
/// of this name.
int clinux_open_tap(const char *name);
