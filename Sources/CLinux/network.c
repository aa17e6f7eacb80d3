#define _GNU_SOURCE 1
#include "clinux_network.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/if_tun.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define RESULT(call) ({ __typeof__(call) r = (call); r < 0 ? -errno : r; })

int clinux_enter_network(int fd) { return RESULT(setns(fd, CLONE_NEWNET)); }

int clinux_new_network(void) { return RESULT(unshare(CLONE_NEWNET)); }

int clinux_open_routing(void) { return RESULT(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE)); }

// A program of the kernel's for each connection that begins in a namespace (BPF_PROG_TYPE_SK_LOOKUP): what is TCP to
// 127.0.0.0/8 or ::1 goes to the listener in the map's only place, if that lives; all else its usual way.
#define LOAD(to, offset) {.code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = to, .src_reg = BPF_REG_6, .off = offset}
#define MOVE(to, from) {.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = to, .src_reg = from}
#define SET(to, value) {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = to, .imm = value}
#define UNLESS(reg, value, skipped) {.code = BPF_JMP | BPF_JNE | BPF_K, .dst_reg = reg, .off = skipped, .imm = (int)(value)}
#define CALL(helper) {.code = BPF_JMP | BPF_CALL, .imm = helper}

static int bpf_call(int command, union bpf_attr *attributes) {
    return (int)RESULT(syscall(SYS_bpf, command, attributes, sizeof(*attributes)));
}

static int load_loopback_program(int map) {
    struct bpf_insn code[] = {
        MOVE(BPF_REG_6, BPF_REG_1),
        LOAD(BPF_REG_2, offsetof(struct bpf_sk_lookup, protocol)),
        UNLESS(BPF_REG_2, IPPROTO_TCP, 28),
        LOAD(BPF_REG_2, offsetof(struct bpf_sk_lookup, family)),
        UNLESS(BPF_REG_2, AF_INET, 4),
        LOAD(BPF_REG_2, offsetof(struct bpf_sk_lookup, local_ip4)),
        {.code = BPF_ALU64 | BPF_AND | BPF_K, .dst_reg = BPF_REG_2, .imm = 0xFF},
        UNLESS(BPF_REG_2, 127, 23),
        {.code = BPF_JMP | BPF_JA, .off = 8},
        LOAD(BPF_REG_2, offsetof(struct bpf_sk_lookup, local_ip6)),
        UNLESS(BPF_REG_2, 0, 20),
        LOAD(BPF_REG_2, offsetof(struct bpf_sk_lookup, local_ip6) + 4),
        UNLESS(BPF_REG_2, 0, 18),
        LOAD(BPF_REG_2, offsetof(struct bpf_sk_lookup, local_ip6) + 8),
        UNLESS(BPF_REG_2, 0, 16),
        LOAD(BPF_REG_2, offsetof(struct bpf_sk_lookup, local_ip6) + 12),
        UNLESS(BPF_REG_2, 0x01000000, 14),
        // map_lookup_elem(map, &0)
        {.code = BPF_ST | BPF_MEM | BPF_W, .dst_reg = BPF_REG_10, .off = -4},
        {.code = BPF_LD | BPF_DW | BPF_IMM, .dst_reg = BPF_REG_1, .src_reg = BPF_PSEUDO_MAP_FD, .imm = map},
        {.code = 0},
        MOVE(BPF_REG_2, BPF_REG_10),
        {.code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = BPF_REG_2, .imm = -4},
        CALL(BPF_FUNC_map_lookup_elem),
        {.code = BPF_JMP | BPF_JEQ | BPF_K, .dst_reg = BPF_REG_0, .off = 7, .imm = 0},
        MOVE(BPF_REG_7, BPF_REG_0),
        MOVE(BPF_REG_1, BPF_REG_6),
        MOVE(BPF_REG_2, BPF_REG_7),
        SET(BPF_REG_3, 0),
        CALL(BPF_FUNC_sk_assign),
        MOVE(BPF_REG_1, BPF_REG_7),
        // A socket that a lookup gave is to be given back.
        CALL(BPF_FUNC_sk_release),
        // Place 31, which all jumps but two lead to.
        SET(BPF_REG_0, SK_PASS),
        {.code = BPF_JMP | BPF_EXIT},
    };
    union bpf_attr load = {
        .prog_type = BPF_PROG_TYPE_SK_LOOKUP, .expected_attach_type = BPF_SK_LOOKUP, .insns = (uint64_t)(uintptr_t)code,
        .insn_cnt = sizeof(code) / sizeof(code[0]), .license = (uint64_t)(uintptr_t) "Apache-2.0"};
    return bpf_call(BPF_PROG_LOAD, &load);
}

int clinux_direct_loopback(int listener) {
    union bpf_attr make = {.map_type = BPF_MAP_TYPE_SOCKMAP, .key_size = 4, .value_size = 8, .max_entries = 1};
    int map = bpf_call(BPF_MAP_CREATE, &make), program = -1, namespace = -1;
    if (map < 0) return map;
    uint32_t key = 0;
    uint64_t value = (uint64_t)listener;
    union bpf_attr update = {.map_fd = (uint32_t)map, .key = (uint64_t)(uintptr_t)&key, .value = (uint64_t)(uintptr_t)&value};
    int result = bpf_call(BPF_MAP_UPDATE_ELEM, &update);
    if (result >= 0) result = program = load_loopback_program(map);
    if (result >= 0) result = namespace = RESULT(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    if (result >= 0) {
        union bpf_attr link = {.link_create = {.prog_fd = (uint32_t)program, .target_fd = (uint32_t)namespace, .attach_type = BPF_SK_LOOKUP}};
        result = bpf_call(BPF_LINK_CREATE, &link);
    }
    close(map);
    if (program >= 0) close(program);
    if (namespace >= 0) close(namespace);
    return result;
}

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
