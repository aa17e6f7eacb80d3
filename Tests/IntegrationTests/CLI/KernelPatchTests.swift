import AgentProtocol
import TestSupport
import Testing

/// What the guest kernel's patches are for, seen from containers (Kernel/patches).
@Suite(.needsKVM, .serialized) struct KernelPatchTests {
    private let host: ContainerHost

    init() throws { host = try ContainerHost() }

    private func freeBaseMemory() throws -> UInt64 {
        try #require(try host.nodes().nodes.first { $0.node == 0 }).freeBytes
    }

    /// Patch 0006: a container's cpuset holds movable memory only, and these pages do not move.
    @Test func pipesAndRequestRingsHaveMemory() throws {
        let program = """
            import ctypes, os
            out, into = os.pipe()
            print(os.write(into, bytes(65536)), len(os.read(out, 65536)))
            libc, context = ctypes.CDLL("libc.so.6", use_errno=True), ctypes.c_ulong()
            print(libc.syscall(206, 128, ctypes.byref(context)), ctypes.get_errno(), context.value != 0)
            """
        let result = try host.czone(["run", "--rm", ContainerHost.pythonImage(), "python3", "-c", program])
        #expect(result.output == "65536 65536\n0 0 True\n", "\(result.error)")
    }

    /// Patch 0009: with 64 possible nodes the first program of a seccomp filter would take 130 MiB.
    /// Patch 0008: the memmap of 512 MiB, 8 MiB, lies in the zone itself.
    @Test func baseMemoryPaysNeitherForFiltersNorForZones() throws {
        _ = try host.runDetached(["--memory", "512M"], ["sleep", "1000"])
        let first = try #require(try host.machines().first).memory.baseResidentBytes
        #expect(first < 100 << 20)
        let before = try freeBaseMemory()
        for _ in 0..<3 { _ = try host.runDetached(["--memory", "512M"], ["sleep", "1000"]) }
        let after = try freeBaseMemory()
        #expect(try host.machines().first?.zones.plugged == 4)
        #expect(before < after + 3 * 4 << 20, "\(before) \(after)")
    }

    /// Patch 0012: the memmap of 128 MiB has 2 MiB; a shell that sleeps needs little of it.
    @Test func aZoneCostsWhatItsContainerUses() throws {
        _ = try host.runDetached([], ["sleep", "1000"])
        let memory = try #require(try host.machines().first).memory
        #expect(memory.zonesResidentBytes < 512 << 10)
    }

    /// Patch 0012: all of a zone is there for its container, in each of its memory blocks, and nothing of it stays.
    @Test func aZoneGrowsWithItsContainer() throws {
        // All of it is one piece.
        let fill = "dd if=/dev/zero of=/dev/null bs=$1 count=1 2>/dev/null && echo $1"
        for (size, count) in [("128M", 100), ("256M", 220)] {
            let result = try host.czone(
                ["run", "--rm", "--memory", size, host.image, "sh", "-c", fill, "sh", "\(count << 20)"])
            #expect(result.output == "\(count << 20)\n", "\(result.error)")
        }
        #expect(try host.waits { try host.machines().allSatisfy { $0.memory.zonesResidentBytes == 0 } })
    }

    /// Patch 0017: what has been mapped of an image's file is mapped 16 pages at a time, each page where it belongs.
    @Test func anImagesPagesAreMappedAroundAFault() throws {
        let program = """
            import mmap, resource
            path = "/usr/bin/python3.11"
            contents = open(path, "rb").read()
            def faults():
                return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
            for _ in range(2):
                with open(path, "rb") as file:
                    mapped = mmap.mmap(file.fileno(), 0, mmap.MAP_PRIVATE, mmap.PROT_READ)
                before, right = faults(), True
                for page in range(0, len(contents), 4096):
                    right = right and mapped[page:page + 4096] == contents[page:page + 4096]
                print(right, (faults() - before) * 10 // (len(contents) // 4096))
            """
        let result = try host.czone(["run", "--rm", ContainerHost.pythonImage(), "python3", "-c", program])
        let lines = result.output.split(separator: "\n")
        #expect(lines.count == 2 && lines.last == "True 0", "\(result.output)\(result.error)")
        #expect(lines.first?.hasPrefix("True ") == true)
    }
}
