import Glibc
import LinuxSystem
import Testing

@testable import Runtime

/// The command of the release build, which `make release` makes.
private let command = "build/bin/czone"

/// What `czone metrics` costs a host that is asked every few seconds: the command as users have it, with VMs that answer as
/// `czone-vm` does. Their own time is not the command's.
@Suite(.enabled(if: try FileSystem.status(command) != nil)) struct MetricsCostTests {
    /// The processor time that the command takes from its first instruction to its end, in milliseconds.
    private func cost(_ bench: Bench) throws -> Double {
        let nothing = try OwnedDescriptor(opening: "/dev/null", flags: O_RDWR)
        let path = "\(bench.directory.path)/output"
        let output = try OwnedDescriptor(opening: path, flags: O_WRONLY | O_CREAT | O_TRUNC)
        let child = try ProcessLaunch(
            command, arguments: ["czone", "metrics"], environment: ["CZONE_ROOT=\(bench.registry.root)"],
            input: nothing, output: output, error: nothing
        ).start()
        var (status, usage): (CInt, rusage) = (0, rusage())
        // SAFETY: both are local variables, borrowed for the call; the child is waited for here alone.
        while unsafe wait4(child.id, &status, 0, &usage) < 0 { try #require(errno == EINTR) }
        try #require(status == 0)
        let text = String(decoding: try #require(try FileSystem.contents(of: path, atMost: 1 << 20)), as: UTF8.self)
        try #require(text.split(separator: "\n").count { $0.hasPrefix("czone_container_info{") } == 16)
        try #require(text.split(separator: "\n").count { $0.hasPrefix("czone_vm_up{") && $0.hasSuffix(" 1") } == 2)
        let microseconds: [Int] = [usage.ru_utime, usage.ru_stime].map { $0.tv_sec * 1_000_000 + $0.tv_usec }
        return Double(microseconds[0] + microseconds[1]) / 1000
    }

    @Test func metricsOfSixteenContainersInTwoVMsTakeTenMilliseconds() throws {
        let bench = try Bench()
        for index in 0..<16 {
            _ = try bench.place("container-\(index)", bench.key(function: index < 8 ? "first" : "second"))
        }
        try #require(bench.registry.virtualMachines().count == 2)
        // The least of several: what else runs on the machine costs caches, and is not the command's.
        let least = try (0..<20).map { _ in try cost(bench) }.min() ?? .infinity
        print("czone metrics of 16 containers in 2 VMs: \(least) ms of CPU")
        #expect(least <= 10)
    }
}
