import LinuxSystem
import Machine
import Testing

@Suite struct KernelCommandLineTests {
    /// Kernel/cmdline explains each parameter; the monitor passes them.
    @Test func isWhatTheKernelsDirectorySays() throws {
        let path = "\(#filePath)".split(separator: "/").dropLast(3).map { "/" + $0 }.joined() + "/Kernel/cmdline"
        let file = try OwnedDescriptor(opening: path, flags: 0)
        let lines = String(decoding: try file.read(atMost: 1 << 16), as: UTF8.self).split(separator: "\n")
        let words = lines.filter { !$0.hasPrefix("#") }.flatMap { $0.split(separator: " ") }
        #expect(KernelCommandLine.base.split(separator: " ") == words)
    }
}
