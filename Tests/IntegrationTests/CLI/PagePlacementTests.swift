import AgentProtocol
import LinuxSystem
import TestSupport
import Testing

/// Where the pages of a container lie, by their physical addresses.
@Suite(.needsKVM, .serialized) struct PagePlacementTests {
    private let host: ContainerHost

    init() throws { host = try ContainerHost() }

    private static let program = """
        import ctypes, hashlib, json, mmap, os, ssl, sys
        memory = bytearray(60 << 20)
        memory[::4096] = b"x" * len(memory[::4096])
        libraries = [ctypes.CDLL(name) for name in ("libm.so.6", "libz.so.1", "libexpat.so.1", "libcrypto.so.3")]
        with open("/tmp/file", "w+b") as file:
            file.write(os.urandom(10 << 20))
            shared = mmap.mmap(file.fileno(), 10 << 20)
        read = sum(shared[::4096]) >= 0
        for directory, _, names in os.walk("/usr"):
            for name in names:
                path = os.path.join(directory, name)
                if os.path.isfile(path):
                    with open(path, "rb") as file: hashlib.sha1(file.read())
        ready, announce = os.pipe()
        if os.fork() == 0:
            # Half of the parent's pages become its own.
            memory[: 30 << 20 : 4096] = b"y" * len(memory[: 30 << 20 : 4096])
            os.write(announce, b"1")
        else:
            os.read(ready, 1)
            print("ready", flush=True)
        sys.stdin.read()
        """

    @Test func everyPageOfAContainerLiesInItsZone() throws {
        // A neighbour, so that there is another zone to stray into.
        let image = try ContainerHost.pythonImage()
        let neighbour = try host.czone(
            ["run", "--detach", "--name", "neighbour", image, "python3", "-c", "import time; time.sleep(1000)"])
        try #require(neighbour.status == 0, "\(neighbour.error)")
        let script = """
            exec 3> >(exec czone run --rm -i --name python \(image) python3 -c "$PROGRAM" >$CZONE_ROOT.out 2>&1)
            until grep -q . $CZONE_ROOT.out; do sleep 0.1; done
            cat $CZONE_ROOT.out
            exec sleep 1000
            """
        let client = try Program(
            "bash", ["-c", script], environment: host.environment.merging(["PROGRAM": Self.program]) { $1 })
        defer { sendSignal(9, to: client.processID) }
        #expect(
            try host.waits(atMost: 100) {
                try FileSystem.contents(of: host.registry + ".out", atMost: 99) == Array("ready\n".utf8)
            })
        for (container, processes, leastInZone) in [("python", 2, 100 << 20), ("neighbour", 1, 1 << 20)] {
            let placement = try host.placement(of: container)
            #expect(placement.processes == processes)
            #expect(placement.inZone * 4096 >= leastInZone, "\(placement)")
            #expect(placement.outsideZone == 0, "\(placement)")
            #expect(placement.fileOutsideZone == 0, "\(placement)")
            // Inodes and directories of the image, in the base; the files' contents would be thousands.
            #expect(placement.cachePages < 200, "\(placement)")
            // Text of Python and its libraries, straight from the image.
            #expect(placement.inImage > 500, "\(placement)")
        }
    }
}
