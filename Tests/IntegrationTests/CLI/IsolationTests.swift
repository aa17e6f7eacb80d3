import LinuxSystem
import TestSupport
import Testing

/// What a container cannot do to its siblings, whatever it was allowed.
@Suite(.needsKVM, .serialized) struct IsolationTests {
    private let host: ContainerHost

    init() throws { host = try ContainerHost() }

    private func images() throws -> String {
        try host.shell("sha256sum $CZONE_STORE/images/*.erofs").output
    }

    /// Each line of what it tries says whether it worked. The numbers are those of the guest's first pmem device.
    @Test func noneChangesTheImageUnderItsSiblings() throws {
        let sibling = try host.runDetached([], ["sleep", "1000"])
        let before = try host.czone(["exec", sibling, "sha256sum", "/bin/busybox"]).output
        #expect(before.count > 64)
        let stored = try images()
        #expect(!stored.isEmpty)
        let attempts = """
            try() { name=$1; shift; if "$@" 2>/dev/null; then echo "$name worked"; else echo "$name failed"; fi; }
            mkdir -p /tmp/m /tmp/d /tmp/s /tmp/p
            major=$(awk '$2 == "blkext" || $2 == "pmem" {print $1; exit}' /proc/devices)
            for minor in 0 1; do mknod /tmp/pmem$minor b ${major:-259} $minor; done
            mknod /tmp/mem c 1 1
            try devtmpfs mount -t devtmpfs dev /tmp/d
            try cgroups mount -t cgroup2 cgroup /tmp/s
            for device in /tmp/d/pmem* /tmp/pmem* /tmp/mem; do
              test -e $device || continue
              test -c $device || test -b $device || echo "$device is no device"
              try "write $device" dd if=/dev/zero of=$device bs=4096 count=1 conv=notrunc
              try "read $device" dd if=$device of=/dev/null bs=4096 count=1
              try "writable $device" mount -t erofs -o rw $device /tmp/m
              try "plain $device" mount -t erofs $device /tmp/m
            done
            for file in cpuset.mems memory.max pids.max; do
              for group in /tmp/s /sys/fs/cgroup; do
                test -e $group/$file || continue
                try "$file" sh -c "echo 0 >$group/$file"
              done
            done
            try remount mount -o remount,rw /
            try change sh -c 'echo changed >/bin/busybox'
            echo done
            """
        let result = try host.run(["--cap-add", "SYS_ADMIN", "--cap-add", "MKNOD"], ["sh", "-c", attempts])
        #expect(result.output.hasSuffix("done\n"), "\(result.output)\(result.error)")
        // The agent's own devices are out of reach, and those that it makes itself are not opened.
        #expect(result.output.contains("devtmpfs failed"), "\(result.output)\(result.error)")
        #expect(result.output.contains("write /tmp/pmem0 failed"), "\(result.output)\(result.error)")
        #expect(result.output.contains("cpuset.mems failed"), "\(result.output)\(result.error)")
        for line in result.output.split(separator: "\n") where line.hasSuffix(" worked") {
            // What a container writes goes into its own layer.
            #expect(
                ["change worked", "cgroups worked", "remount worked"].contains(line),
                "\(result.output)")
        }
        #expect(try host.czone(["exec", sibling, "sha256sum", "/bin/busybox"]).output == before)
        #expect(try host.run([], ["sha256sum", "/bin/busybox"]).output == before)
        #expect(try images() == stored)
    }

    @Test func oneThatNeedsTooMuchEndsAlone() throws {
        let limit = ["--memory", "128M"]
        let sibling = try host.runDetached(limit, ["sleep", "1000"])
        let greedy = ["run", "--name", "greedy"] + limit + [host.image, "tail", "/dev/zero"]
        #expect(try host.czone(greedy).status == 137)
        let ended = try #require(try host.containers().first { $0.id == "greedy" }?.exit)
        #expect(ended.outOfMemory)
        #expect(try host.czone(["exec", sibling, "true"]).status == 0)
        #expect(try host.waits { try host.machines().first?.zones.plugged == 1 })
        #expect(try host.machines().first?.zones.quarantined == 0)
    }
}
