// A container's interfaces: messages to rtnetlink(7), each answered before the next.
#include "internal.h"
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define AF_IPV4 2
#define AF_IPV6 10

/// A request that is being written; what does not fit any more makes it void.
struct message {
    char bytes[512] __attribute__((aligned(NLMSG_ALIGNTO)));
    size_t used;
    bool is_void;
};

static struct nlmsghdr *head(struct message *message) { return (struct nlmsghdr *)message->bytes; }

static void *add(struct message *message, size_t size) {
    size_t start = message->used, aligned = NLMSG_ALIGN(size);
    if (message->is_void || aligned > sizeof(message->bytes) - start) {
        message->is_void = true;
        return NULL;
    }
    message->used = start + aligned;
    head(message)->nlmsg_len = (uint32_t)message->used;
    return message->bytes + start;
}
static void begin(struct message *message, uint16_t type, uint16_t flags, const void *body, size_t size) {
    memset(message, 0, sizeof(*message));
    message->used = NLMSG_HDRLEN;
    head(message)->nlmsg_type = type;
    head(message)->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
    void *place = add(message, size);
    if (place) memcpy(place, body, size);
}
static void put(struct message *message, uint16_t type, const void *value, size_t size) {
    struct rtattr *attribute = add(message, RTA_LENGTH(size));
    if (!attribute) return;
    attribute->rta_type = type;
    attribute->rta_len = (uint16_t)RTA_LENGTH(size);
    if (size > 0) memcpy(RTA_DATA(attribute), value, size);
}
static void put_text(struct message *message, uint16_t type, const char *text) {
    put(message, type, text, strlen(text) + 1);
}
/// What is put until `end_nest` belongs to this attribute.
static size_t begin_nest(struct message *message, uint16_t type) {
    size_t start = message->used;
    put(message, type, NULL, 0);
    return start;
}
static void end_nest(struct message *message, size_t start) {
    if (!message->is_void) ((struct rtattr *)(message->bytes + start))->rta_len = (uint16_t)(message->used - start);
}

/// Sends a request and waits for the kernel's answer to it.
static int ask(int routing, struct message *message) {
    if (message->is_void) return -EMSGSIZE;
    long sent = RETRIED(send(routing, message->bytes, message->used, 0));
    if (sent < 0) return (int)sent;
    char answer[1024] __attribute__((aligned(NLMSG_ALIGNTO)));
    long count = RETRIED(recv(routing, answer, sizeof(answer), 0));
    if (count < 0) return (int)count;
    const struct nlmsghdr *header = (const struct nlmsghdr *)answer;
    if ((size_t)count < NLMSG_LENGTH(sizeof(struct nlmsgerr)) || header->nlmsg_type != NLMSG_ERROR) return -EBADMSG;
    return ((const struct nlmsgerr *)NLMSG_DATA(header))->error;
}

int agent_open_routing(void) { return RESULT(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE)); }

/// The interface of this name in the socket's namespace.
static int find(int routing, const char *name) {
    struct ifreq request = {0};
    if (strlen(name) >= sizeof(request.ifr_name)) return -ENAMETOOLONG;
    strcpy(request.ifr_name, name);
    int result = RESULT(ioctl(routing, SIOCGIFINDEX, &request));
    return result < 0 ? result : request.ifr_ifindex;
}

/// Keeps IPv6 from giving the interface an address by itself.
static int leave_addresses_to_us(int routing, int index) {
    struct ifinfomsg link = {.ifi_index = index};
    struct message message;
    begin(&message, RTM_NEWLINK, 0, &link, sizeof(link));
    size_t families = begin_nest(&message, IFLA_AF_SPEC), ipv6 = begin_nest(&message, AF_IPV6);
    uint8_t mode = IN6_ADDR_GEN_MODE_NONE;
    put(&message, IFLA_INET6_ADDR_GEN_MODE, &mode, sizeof(mode));
    end_nest(&message, ipv6);
    end_nest(&message, families);
    return ask(routing, &message);
}

int agent_raise_interface(int routing, const char *name) {
    int index = find(routing, name);
    if (index < 0) return index;
    // Without IPv6 on the interface, as with an MTU below its least, there is nothing to be kept from.
    int result = leave_addresses_to_us(routing, index);
    if (result < 0 && result != -EAFNOSUPPORT && result != -EOPNOTSUPP) return result;
    struct ifinfomsg link = {.ifi_index = index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
    struct message message;
    begin(&message, RTM_NEWLINK, 0, &link, sizeof(link));
    return ask(routing, &message);
}

int agent_add_port(
    int routing, const char *trunk, const char *name, uint16_t port, const uint8_t address[6], uint32_t mtu) {
    int below = find(routing, trunk);
    if (below < 0) return below;
    struct ifinfomsg link = {0};
    struct message message;
    begin(&message, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &link, sizeof(link));
    put_text(&message, IFLA_IFNAME, name);
    put(&message, IFLA_LINK, &below, sizeof(below));
    put(&message, IFLA_ADDRESS, address, 6);
    put(&message, IFLA_MTU, &mtu, sizeof(mtu));
    // In whose process namespace the caller is, there the number counts.
    int32_t self = (int32_t)syscall(SYS_getpid);
    put(&message, IFLA_NET_NS_PID, &self, sizeof(self));
    size_t info = begin_nest(&message, IFLA_LINKINFO);
    put_text(&message, IFLA_INFO_KIND, "vlan");
    size_t data = begin_nest(&message, IFLA_INFO_DATA);
    put(&message, IFLA_VLAN_ID, &port, sizeof(port));
    end_nest(&message, data);
    end_nest(&message, info);
    return ask(routing, &message);
}

int agent_rename_interface(int routing, const char *name, const char *new_name) {
    struct ifinfomsg link = {.ifi_index = find(routing, name)};
    if (link.ifi_index < 0) return link.ifi_index;
    struct message message;
    begin(&message, RTM_NEWLINK, 0, &link, sizeof(link));
    put_text(&message, IFLA_IFNAME, new_name);
    return ask(routing, &message);
}

static uint8_t family(size_t size) { return size == 16 ? AF_IPV6 : AF_IPV4; }

int agent_add_address(int routing, const char *name, const void *address, size_t size, uint8_t prefix) {
    int index = find(routing, name);
    if (index < 0) return index;
    struct ifaddrmsg body = {.ifa_family = family(size), .ifa_prefixlen = prefix, .ifa_index = (unsigned)index};
    struct message message;
    begin(&message, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &body, sizeof(body));
    put(&message, IFA_LOCAL, address, size);
    put(&message, IFA_ADDRESS, address, size);
    // The network that gave the pod its address has made sure that no one else has it.
    uint32_t flags = IFA_F_NODAD;
    put(&message, IFA_FLAGS, &flags, sizeof(flags));
    return ask(routing, &message);
}

int agent_add_route(int routing, const char *name, const struct agent_route *route) {
    int index = find(routing, name);
    if (index < 0) return index;
    struct rtmsg body = {.rtm_family = family(route->size), .rtm_dst_len = route->prefix, .rtm_table = RT_TABLE_MAIN,
                         .rtm_protocol = RTPROT_STATIC, .rtm_scope = route->scope, .rtm_type = RTN_UNICAST,
                         .rtm_flags = route->is_on_link ? RTNH_F_ONLINK : 0};
    struct message message;
    begin(&message, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &body, sizeof(body));
    if (route->prefix > 0) put(&message, RTA_DST, route->destination, route->size);
    put(&message, RTA_OIF, &index, sizeof(index));
    if (route->has_gateway) put(&message, RTA_GATEWAY, route->gateway, route->size);
    if (route->has_source) put(&message, RTA_PREFSRC, route->source, route->size);
    if (route->metric != 0) put(&message, RTA_PRIORITY, &route->metric, sizeof(route->metric));
    int result = ask(routing, &message);
    // The kernel has made it of an address already.
    return result == -EEXIST ? 0 : result;
}
