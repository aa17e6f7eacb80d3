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
            for minor in 0 1; do try mknod$minor mknod /tmp/pmem$minor b ${major:-259} $minor; done
            try mknodchar mknod /tmp/mem c 1 1
            try devtmpfs mount -t devtmpfs dev /tmp/d
            for device in /tmp/d/pmem* /tmp/pmem*; do
              try open dd if=/dev/zero of=$device bs=4096 count=1 conv=notrunc
              try writable mount -t erofs -o rw $device /tmp/m
              try plain mount -t erofs $device /tmp/m
            done
            try remount mount -o remount,rw /
            try change sh -c 'echo changed >/bin/busybox'
            sha256sum /bin/busybox >/dev/null
            echo done
            """
        let result = try host.run(["--cap-add", "SYS_ADMIN", "--cap-add", "MKNOD"], ["sh", "-c", attempts])
        #expect(result.output.contains("done"), "\(result.output)\(result.error)")
        for line in result.output.split(separator: "\n") where line.hasSuffix(" worked") {
            // What a container writes goes into its own layer.
            #expect(["change worked", "devtmpfs worked", "remount worked"].contains(line), "\(result.output)")
        }
        #expect(try host.czone(["exec", sibling, "sha256sum", "/bin/busybox"]).output == before)
        #expect(try host.run([], ["sha256sum", "/bin/busybox"]).output == before)
        #expect(try images() == stored)
    }

    /// The kernel tells of each page that is written; the last line comes before the zone is full.
    @Test func theEndOfOneThatNeedsTooMuchIsToldAtOnce() throws {
        let sibling = try host.runDetached([], ["sleep", "1000"])
        // It writes 8 MiB at a time into memory of its own, and says so: what is told last is at most that long before.
        let greedy = "i=0; while :; do head -c 1048576 /dev/zero >/tmp/f$i; i=$((i+1)); echo $i; done"
        let client = try Program(
            "czone", ["run", "--name", "greedy", host.image, "sh", "-c", greedy], environment: host.environment)
        let lastOutput = try client.lastOutputTime(within: 120)
        #expect(try client.result().status == 137)
        let ended = try #require(try host.containers().first { $0.id == "greedy" }?.exit)
        #expect(ended.outOfMemory)
        #expect(ended.timeNs > lastOutput)
        #expect(ended.timeNs < lastOutput + 100_000_000, "\((ended.timeNs - lastOutput) / 1_000_000) ms")
        #expect(try host.czone(["exec", sibling, "true"]).status == 0)
        #expect(try host.waits { try host.machines().first?.zones.plugged == 1 })
        #expect(try host.machines().first?.zones.quarantined == 0)
    }
}
