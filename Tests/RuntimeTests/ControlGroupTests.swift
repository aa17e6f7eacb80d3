import Glibc
import LinuxSystem
import Testing

@testable import Runtime

/// Groups of the host that the tests run on, of version 1 or 2.
@Suite(.enabled(if: geteuid() == 0 && ControlGroup(path: "/czone-test") != nil)) struct ControlGroupTests {
    private let path = "/czone-test-\(Registry.freshID())"

    private func text(_ path: String) -> String {
        String(decoding: ((try? FileSystem.contents(of: path, atMost: 8192)) ?? nil) ?? [], as: UTF8.self)
    }

    @Test func aProcessIsInItsGroupFromItsBeginningAndGoesWithIt() throws {
        let group = try #require(ControlGroup(path: path))
        try group.make(virtualCPUs: 2, memoryInBytes: 64 << 20)
        defer { try? group.remove() }
        let nothing = try OwnedDescriptor(opening: "/dev/null", flags: O_RDWR)
        var launch = ProcessLaunch(
            "/bin/sleep", arguments: ["sleep", "600"], environment: [], input: nothing, output: nothing, error: nothing)
        launch.groups = try group.entrances()
        launch.seesNoProcesses = true
        let child = try launch.start()
        #expect(text("/proc/\(child.id)/cgroup").contains(path))
        if let limit = group.memoryLimit() {
            try limit.write(all: Array("\(128 << 20)".utf8))
            let files = ["memory.max", "memory.limit_in_bytes"]
            let limits = group.directories.flatMap { directory in files.map { text("\(directory)/\($0)") } }
            #expect(limits.contains("\(128 << 20)\n"))
        }
        try group.remove()
        #expect(try child.waitForEnd() == 128 + SIGKILL)
        for directory in group.directories { #expect(try FileSystem.status(directory) == nil) }
    }
}
