#define _GNU_SOURCE 1
#include "clinux_network.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define RESULT(call) ({ __typeof__(call) r = (call); r < 0 ? -errno : r; })

int clinux_enter_network(int fd) { return RESULT(setns(fd, CLONE_NEWNET)); }

int clinux_new_network(void) { return RESULT(unshare(CLONE_NEWNET)); }

int clinux_open_routing(void) { return RESULT(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE)); }

int clinux_open_tap(const char *name) {
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | (short)IFF_TUN_EXCL};
    int header_size = 12; // struct virtio_net_hdr_mrg_rxbuf
    if (strlen(name) >= sizeof(request.ifr_name)) return -ENAMETOOLONG;
    strcpy(request.ifr_name, name);
    int fd = RESULT(open("/dev/net/tun", O_RDWR | O_CLOEXEC));
    if (fd < 0) return fd;
    int result = RESULT(ioctl(fd, TUNSETIFF, &request));
    if (result >= 0) result = RESULT(ioctl(fd, TUNSETVNETHDRSZ, &header_size));
    if (result >= 0) result = RESULT(ioctl(fd, TUNSETOFFLOAD, (unsigned long)(TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6)));
    if (result >= 0) return fd;
    close(fd);
    return result;
}
