// TCP sockets.
#pragma once

#include <stdint.h>

/// Listens at an address that is written as numbers, of version 4 or 6, and a port, 0 for any that is free: a
/// close-on-exec, non-blocking socket, or -errno. EINVAL: the host is no address.
int clinux_listen_tcp(const char *host, uint16_t port, int backlog);
/// The port that a socket is bound to; -errno.
int clinux_tcp_port(int socket);
/// Connects to an address that is written as numbers, of version 4 or 6: a close-on-exec, blocking socket that sends what it
/// is given at once (TCP_NODELAY), or -errno. EINVAL: the host is no address.
int clinux_connect_tcp(const char *host, uint16_t port);
/// TCP_NODELAY; -errno.
int clinux_tcp_send_at_once(int socket);
