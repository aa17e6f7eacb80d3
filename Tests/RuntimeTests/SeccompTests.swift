import AgentProtocol
import OCI
import Testing

@testable import Runtime

private let allow: UInt32 = 0x7FFF_0000
private func errno(_ number: UInt32) -> UInt32 { 0x0005_0000 | number }

private func program(_ profile: RuntimeSpec.Seccomp) throws -> FilterProgram {
    FilterProgram(try SeccompCompiler().filter(for: profile).program)
}

@Test func theDefaultProfileKeepsContainersFromTheKernelsAdministration() throws {
    let filter = try program(DefaultSeccompProfile.seccomp())
    // read, execve, openat, clone3 of x86-64.
    #expect(try filter.verdict(0) == allow)
    #expect(try filter.verdict(59) == allow)
    #expect(try filter.verdict(257) == allow)
    #expect(try filter.verdict(435) == errno(38))
    // mount, bpf, mbind, reboot, kexec_load.
    for number: UInt32 in [165, 321, 237, 169, 246] { #expect(try filter.verdict(number) == errno(1)) }
    // clone with CLONE_NEWUSER, and with none of the namespaces.
    #expect(try filter.verdict(56, [0x1000_0000]) == errno(1))
    #expect(try filter.verdict(56, [0x0100_0011]) == allow)
    // socket(AF_VSOCK), socket(AF_INET).
    #expect(try filter.verdict(41, [40]) == errno(1))
    #expect(try filter.verdict(41, [2]) == allow)
}

@Test func capabilitiesLiftWhatTheyAreFor() throws {
    let filter = try program(DefaultSeccompProfile.seccomp(for: ["CAP_SYS_ADMIN", "CAP_SYS_TIME"]))
    // mount, unshare, clone3, clone with CLONE_NEWUSER, clock_settime.
    for number: UInt32 in [165, 272, 435, 227] { #expect(try filter.verdict(number) == allow) }
    #expect(try filter.verdict(56, [0x1000_0000]) == allow)
    // bpf, mbind, reboot, init_module, socket(AF_VSOCK): still not.
    for number: UInt32 in [321, 237, 169, 175] { #expect(try filter.verdict(number) == errno(1)) }
    #expect(try filter.verdict(41, [40]) == errno(1))
}

@Test func aProfileThatAllowsSaysWhatItDoesOtherwise() throws {
    let filter = try program(
        RuntimeSpec.Seccomp(
            defaultAction: "SCMP_ACT_ERRNO", defaultErrnoRet: 38, architectures: ["SCMP_ARCH_X86_64"],
            syscalls: [
                RuntimeSpec.SyscallRule(names: ["read", "write", "a_call_of_the_future"], action: "SCMP_ACT_ALLOW"),
                RuntimeSpec.SyscallRule(names: ["ptrace"], action: "SCMP_ACT_KILL_PROCESS"),
            ]))
    #expect(try filter.verdict(0) == allow)
    #expect(try filter.verdict(2) == errno(38))
    #expect(try filter.verdict(101) == 0x8000_0000)
    // Another architecture's calls have other numbers: killed.
    #expect(try filter.verdict(0, architecture: FilterProgram.i386) == 0)
}

@Test func theOtherArchitecturesOfTheMachineAreFilteredToo() throws {
    let filter = try program(
        RuntimeSpec.Seccomp(
            defaultAction: "SCMP_ACT_ALLOW", architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_AARCH64"],
            syscalls: [RuntimeSpec.SyscallRule(names: ["reboot"], action: "SCMP_ACT_ERRNO")]))
    #expect(try filter.verdict(169) == errno(1))
    #expect(try filter.verdict(88, architecture: FilterProgram.i386) == errno(1))
    #expect(try filter.verdict(3, architecture: FilterProgram.i386) == allow)
}

@Test func conditionsOnOneArgumentAreAlternatives() throws {
    let personality = [UInt64(0), 8].map { RuntimeSpec.SyscallArgument(index: 0, value: $0, op: "SCMP_CMP_EQ") }
    let filter = try program(
        RuntimeSpec.Seccomp(
            defaultAction: "SCMP_ACT_ERRNO",
            syscalls: [RuntimeSpec.SyscallRule(names: ["personality"], action: "SCMP_ACT_ALLOW", args: personality)]))
    #expect(try filter.verdict(135, [0]) == allow)
    #expect(try filter.verdict(135, [8]) == allow)
    #expect(try filter.verdict(135, [1]) == errno(1))
}

@Test func conditionsOnSeveralArgumentsHoldTogether() throws {
    let both = [
        RuntimeSpec.SyscallArgument(index: 0, value: 2, op: "SCMP_CMP_EQ"),
        RuntimeSpec.SyscallArgument(index: 1, value: 3, op: "SCMP_CMP_EQ"),
    ]
    let filter = try program(
        RuntimeSpec.Seccomp(
            defaultAction: "SCMP_ACT_ALLOW",
            syscalls: [RuntimeSpec.SyscallRule(names: ["socket"], action: "SCMP_ACT_ERRNO", args: both)]))
    #expect(try filter.verdict(41, [2, 3]) == errno(1))
    #expect(try filter.verdict(41, [2, 1]) == allow)
    #expect(try filter.verdict(41, [1, 3]) == allow)
}

private func profile(
    action: String = "SCMP_ACT_ERRNO", name: String = "read", flags: [String]? = nil, op: String? = nil
) -> RuntimeSpec.Seccomp {
    var profile = RuntimeSpec.Seccomp(
        defaultAction: "SCMP_ACT_ALLOW",
        syscalls: [
            RuntimeSpec.SyscallRule(
                names: [name], action: action,
                args: op.map { [RuntimeSpec.SyscallArgument(index: 0, value: 0, op: $0)] })
        ])
    profile.flags = flags
    return profile
}

@Test(arguments: [
    (profile(action: "SCMP_ACT_NOTIFY"), "SCMP_ACT_NOTIFY"), (profile(action: "SCMP_ACT_MAYBE"), "SCMP_ACT_MAYBE"),
    (profile(name: "a_call_of_the_future"), "a_call_of_the_future"),
    (profile(flags: ["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"]), "WAIT_KILLABLE_RECV"),
    (profile(op: "SCMP_CMP_ABOUT"), "SCMP_CMP_ABOUT"),
])
func profilesThatCannotBeHonouredAreRefusedByName(profile: RuntimeSpec.Seccomp, word: String) {
    do {
        _ = try SeccompCompiler().filter(for: profile)
        Issue.record("it was taken")
    } catch { #expect("\(error)".contains(word)) }
}

@Test func aListenerIsRefused() {
    var profile = RuntimeSpec.Seccomp(defaultAction: "SCMP_ACT_ALLOW")
    profile.listenerPath = "/run/agent.sock"
    #expect(throws: SpecificationError.self) { try SeccompCompiler().filter(for: profile) }
}
