import LinuxSystem
import TestSupport
import Testing

/// Programs in C for containers, compiled here: what a shell cannot do.
extension ContainerHost {
    /// Puts `/bin/probe` and `/bin/probe32`, accounts, and what else the tests of programs need into the root file system,
    /// once.
    func addProbes() throws {
        let root = directory + "/rootfs"
        guard try FileSystem.status(root + "/bin/probe") == nil else { return }
        try compile(Self.probe, to: "\(root)/bin/probe", ["-static", "-O1"])
        try compile(
            Self.probe32, to: "\(root)/bin/probe32",
            ["-m32", "-static", "-nostdlib", "-ffreestanding", "-fno-pie", "-O1"])
        try FileSystem.replace(
            root + "/etc/passwd",
            with: Array(
                "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:100::/home/user:/bin/sh\nnohome:x:7:7:::/bin/sh\n".utf8))
        try FileSystem.replace(root + "/etc/group", with: Array("root:x:0:\nusers:x:100:\naudio:x:5:user\n".utf8))
    }

    private func compile(_ source: String, to path: String, _ options: [String]) throws {
        try FileSystem.replace(path + ".c", with: Array(source.utf8))
        let result = try TestSupport.run("gcc", options + ["-w", "-o", path, path + ".c"])
        try #require(result.status == 0, "\(result.error)")
        _ = try TestSupport.run("rm", [path + ".c"])
    }

    private static let probe = """
        #include <arpa/inet.h>
        #include <errno.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <string.h>
        #include <sys/mman.h>
        #include <sys/resource.h>
        #include <sys/socket.h>
        #include <unistd.h>
        static void say(long failed) { puts(failed ? strerror(errno) : "done"); }
        int main(int count, char **words) {
            const char *what = words[1];
            if (!strcmp(what, "abort")) abort();
            if (!strcmp(what, "crash")) *(volatile int *)0 = 1;
            if (!strcmp(what, "allocate")) say(calloc(atol(words[2]), 1 << 20) == NULL);
            if (!strcmp(what, "share"))
                say(mmap(0, atol(words[2]) << 20, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
            if (!strcmp(what, "lock")) {
                size_t size = atol(words[2]) << 20;
                say(mlock(mmap(0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), size));
            }
            if (!strcmp(what, "listen")) {
                struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(80)};
                say(bind(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&address, sizeof(address)));
            }
            // time(2) at its fixed address in the vsyscall page, as programs of before 2013 call it.
            if (!strcmp(what, "vsyscall"))
                puts(((long (*)(long *))0xffffffffff600400)(0) > 1000000000 ? "done" : "no time");
            return 0;
        }

        """

    /// Says "32 bits" by write(2) and exits with 32.
    private static let probe32 = """
        static int call(int number, int a, int b, int c) {
            int result;
            __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c) : "memory");
            return result;
        }
        void _start(void) {
            call(4, 1, (int)"32 bits\\n", 8);
            call(1, 32, 0, 0);
        }

        """
}
