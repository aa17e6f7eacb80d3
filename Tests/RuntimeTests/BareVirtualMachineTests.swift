import LinuxSystem
import SystemPackage
import Testing

@testable import Runtime

/// What a bench compares with ours starts with words that ours starts with too.
@Test func aComparedMonitorGetsNoOtherKernelParameters() throws {
    let root = (0..<3).reduce(FilePath(#filePath)) { path, _ in path.removingLastComponent() }
    let contents = try FileSystem.contents(of: root.appending("Kernel/cmdline").string, atMost: 1 << 16)
    let lines = String(decoding: try #require(contents), as: UTF8.self).split(separator: "\n")
    let ours = Set(lines.filter { !$0.hasPrefix("#") }.flatMap { $0.split(separator: " ") })
    let added = AddressRandomization.kernelArgument()
    let its = BareVirtualMachine.kernelCommandLine.split(separator: " ").filter { $0 != added }
    #expect(!its.isEmpty)
    #expect(its.filter { !ours.contains($0) }.isEmpty)
}
