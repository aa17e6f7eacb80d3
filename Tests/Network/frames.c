// frames watch INTERFACE                                     prints each frame that comes by: source, destination, type
// frames send INTERFACE SOURCE DESTINATION TYPE [VLAN]       sends a frame of any source, with or without a tag
//
// What a pod with CAP_NET_RAW can do, and how a test sees what became of it. Types and tags are hexadecimal.
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static int fail(const char *what) {
    perror(what);
    return 1;
}

static int open_on(const char *name, struct sockaddr_ll *address) {
    *address = (struct sockaddr_ll){.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = (int)if_nametoindex(name)};
    int fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
    if (fd < 0 || address->sll_ifindex == 0 || bind(fd, (struct sockaddr *)address, sizeof(*address)) < 0) return -1;
    struct packet_mreq promiscuous = {.mr_ifindex = address->sll_ifindex, .mr_type = PACKET_MR_PROMISC};
    setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promiscuous, sizeof(promiscuous));
    return fd;
}

static void print_address(const uint8_t *octets) {
    for (int i = 0; i < 6; i++) printf("%02x%s", octets[i], i < 5 ? ":" : " ");
}

static int watch(const char *name) {
    struct sockaddr_ll address;
    int fd = open_on(name, &address);
    if (fd < 0) return fail(name);
    puts("watching");
    for (;;) {
        fflush(stdout);
        uint8_t frame[65536];
        ssize_t size = recv(fd, frame, sizeof(frame), 0);
        if (size < 14) continue;
        print_address(frame + 6);
        print_address(frame);
        printf("%02x%02x\n", frame[12], frame[13]);
    }
}

static int parse_address(const char *text, uint8_t *octets) {
    return sscanf(text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", octets, octets + 1, octets + 2, octets + 3, octets + 4, octets + 5);
}

static int send_one(char **words, int count) {
    struct sockaddr_ll address;
    int fd = open_on(words[0], &address);
    if (fd < 0) return fail(words[0]);
    uint8_t frame[64] = {0};
    size_t place = 12;
    if (parse_address(words[1], frame + 6) != 6 || parse_address(words[2], frame) != 6) return fputs("not an address\n", stderr), 2;
    if (count > 4) {
        uint16_t tag = (uint16_t)strtoul(words[4], NULL, 16);
        frame[place++] = 0x81;
        frame[place++] = 0x00;
        frame[place++] = (uint8_t)(tag >> 8);
        frame[place++] = (uint8_t)tag;
    }
    uint16_t type = (uint16_t)strtoul(words[3], NULL, 16);
    frame[place++] = (uint8_t)(type >> 8);
    frame[place++] = (uint8_t)type;
    return send(fd, frame, sizeof(frame), 0) < 0 ? fail("send") : 0;
}

int main(int count, char **words) {
    if (count == 3 && strcmp(words[1], "watch") == 0) return watch(words[2]);
    if (count >= 6 && strcmp(words[1], "send") == 0) return send_one(words + 2, count - 2);
    fputs("usage: frames watch INTERFACE | frames send INTERFACE SOURCE DESTINATION TYPE [VLAN]\n", stderr);
    return 2;
}
