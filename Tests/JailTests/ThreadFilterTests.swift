import Testing

@testable import Jail

@Suite struct ThreadFilterTests {
    static let kinds: [ThreadKind] = [
        .event, .savingEvent, .terminalEvent, .processor, .network, .files, .disk, .fileServer,
    ]
    /// What no thread of a VM's has a use for, and much harm can be done with.
    private static let never = [
        "execve", "execveat", "clone", "clone3", "fork", "vfork", "ptrace", "socket", "connect", "bind", "listen",
        "mount",
        "umount2", "fsopen", "open_tree", "move_mount", "unshare", "setns", "bpf", "userfaultfd", "io_uring_setup",
        "keyctl", "process_vm_readv", "process_vm_writev", "kill", "open_by_handle_at", "pidfd_getfd", "memfd_create",
        "prctl", "seccomp", "rt_sigaction", "open", "chroot", "pivot_root", "setresuid", "capset", "mremap",
    ]

    @Test(arguments: kinds)
    func aFilterIsCompiledForEachKindOfThread(kind: ThreadKind) throws { _ = try ThreadFilter(kind) }

    @Test(arguments: kinds)
    func noThreadMayDoWhatNoneNeeds(kind: ThreadKind) {
        let names = Set(kind.allowedCalls(process: 1).map(\.name))
        #expect(names.isDisjoint(with: Self.never))
        #expect(names.contains("openat") == (kind == .fileServer))
    }

    @Test func theFabricConnectsAndRunsNothing() throws {
        _ = try ThreadFilter(.fabric)
        let names = Set(ThreadKind.fabric.allowedCalls(process: 1).map(\.name))
        #expect(names.isSuperset(of: ["connect", "openat", "clone3"]))
        let connecting = ["clone", "clone3", "socket", "connect", "bind", "prctl", "rt_sigaction", "mremap"]
        #expect(names.isDisjoint(with: Set(Self.never).subtracting(connecting)))
    }

    /// It accepts connections, and keeps its memory: nothing is opened, connected to or started.
    @Test func theSandboxReachesNothing() throws {
        _ = try ThreadFilter(.sandbox)
        let names = Set(ThreadKind.sandbox.allowedCalls(process: 1).map(\.name))
        #expect(names.isSuperset(of: ["accept4", "sendmsg", "epoll_wait"]))
        #expect(names.isDisjoint(with: Set(Self.never).subtracting(["mremap"])))
        #expect(names.isDisjoint(with: ["openat", "socket", "connect", "bind", "clone3", "prctl"]))
    }

    @Test(arguments: kinds + [.fabric, .sandbox])
    func noMemoryCanBeMadeExecutable(kind: ThreadKind) {
        for call in kind.allowedCalls(process: 1) where ["mmap", "mprotect"].contains(call.name) {
            #expect(call.conditions == [.withoutExecution(argument: 2)])
        }
    }

    @Test(arguments: kinds + [.fabric, .sandbox])
    func everyDeviceRequestIsNamed(kind: ThreadKind) {
        for call in kind.allowedCalls(process: 1) where call.name == "ioctl" { #expect(!call.conditions.isEmpty) }
    }
}
