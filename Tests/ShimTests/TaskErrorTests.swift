import ContainerdAPI
import ControlProtocol
import FoundationEssentials
import LinuxSystem
import OCI
import Runtime
import SwiftProtobuf
import TTRPC
import Testing

@testable import Shim

/// Every method that is about a container, with a request for this one.
private func requests(_ id: String, exec: String = "") -> [(method: String, request: any SwiftProtobuf.Message)] {
    [
        ("Start", Containerd_Task_V2_StartRequest.with { ($0.id, $0.execID) = (id, exec) }),
        ("Delete", Containerd_Task_V2_DeleteRequest.with { ($0.id, $0.execID) = (id, exec) }),
        ("Wait", Containerd_Task_V2_WaitRequest.with { ($0.id, $0.execID) = (id, exec) }),
        ("State", Containerd_Task_V2_StateRequest.with { ($0.id, $0.execID) = (id, exec) }),
        ("Kill", Containerd_Task_V2_KillRequest.with { ($0.id, $0.execID, $0.signal) = (id, exec, 9) }),
        ("ResizePty", Containerd_Task_V2_ResizePtyRequest.with { ($0.id, $0.execID) = (id, exec) }),
        ("CloseIO", Containerd_Task_V2_CloseIORequest.with { ($0.id, $0.execID) = (id, exec) }),
        ("Pause", Containerd_Task_V2_PauseRequest.with { $0.id = id }),
        ("Resume", Containerd_Task_V2_ResumeRequest.with { $0.id = id }),
        ("Update", limits(of: id, "{}")),
        ("Pids", Containerd_Task_V2_PidsRequest.with { $0.id = id }),
        ("Stats", Containerd_Task_V2_StatsRequest.with { $0.id = id }),
    ]
}

extension ShimBench {
    /// How each method is answered that is not allowed: its code.
    fileprivate func codes(
        _ id: String, exec: String = "", of methods: [String]
    ) async throws -> [String: Status.Code?] {
        var codes: [String: Status.Code?] = [:]
        for method in methods {
            let request = try #require(requests(id, exec: exec).first { $0.method == method }).request
            let refusal = try await refusal(of: method, request)
            codes.updateValue(refusal?.code, forKey: method)
            // A reader knows what was meant.
            if let refusal { #expect(refusal.message.contains(id), "\(method): \(refusal)") }
        }
        return codes
    }

    fileprivate func expect(
        _ code: Status.Code?, of methods: String..., for id: String, exec: String = "",
        at location: SourceLocation = #_sourceLocation
    ) async throws {
        let found = try await codes(id, exec: exec, of: methods)
        for method in methods {
            let reported = found[method] ?? nil
            #expect(reported == code, "\(method)", sourceLocation: location)
        }
    }

    /// The end of a container's first process.
    func end(_ id: String, code: UInt8 = 0) async throws {
        let record = ExitRecord(
            container: "\(id)@test", process: 0, code: code, outOfMemory: false, time: 1, reason: "")
        try #require(try machine.maker(of: "\(id)@test")).reply(.exited(record))
        _ = try await wait(id)
    }
}

/// As containerd's own shims answer: clients decide by the code.
@Suite(.timeLimit(.minutes(1))) struct TaskErrorTests {
    @Test func whatIsNotThereIsNotFound() async throws {
        let bench = try await ShimBench()
        for (method, request) in requests("nobody") {
            let refusal = try await bench.refusal(of: method, request)
            #expect(refusal == Status(.notFound, "there is no container \"nobody\" in this shim"), "\(method)")
        }
        let exec = try await bench.refusal(of: "Exec", bench.execution("x", in: "nobody"))
        #expect(exec?.code == .notFound)
        try await bench.run("a")
        for (method, request) in requests("a", exec: "nothing").prefix(7) {
            let refusal = try await bench.refusal(of: method, request)
            #expect(refusal == Status(.notFound, "there is no process \"nothing\" in the container a"), "\(method)")
        }
        let connect = Containerd_Task_V2_ConnectRequest.with { $0.id = "nobody" }
        let connected = try await bench.call("Connect", connect, Containerd_Task_V2_ConnectResponse.self)
        #expect(connected.taskPid == 0 && connected.shimPid > 0, "it is the shim that is connected to")
    }

    @Test func whatIsThereAlreadyIsNotMadeAgain() async throws {
        let bench = try await ShimBench()
        try await bench.run("a")
        let create = try await bench.refusal(of: "Create", try bench.creation(of: "a"))
        #expect(create == Status(.alreadyExists, "there is a container \"a\" already"))
        _ = try await bench.call("Exec", bench.execution("x", in: "a"))
        let exec = try await bench.refusal(of: "Exec", bench.execution("x", in: "a"))
        #expect(exec == Status(.alreadyExists, "there is a process \"x\" in the container a already"))
    }

    @Test(arguments: ["", ".", "..", "../a", "a/b", "a@b", "a b", "a\n", "ü", String(repeating: "x", count: 129)])
    func whatIsNoIdIsRefused(_ id: String) async throws {
        let bench = try await ShimBench()
        var request = try bench.creation(of: "bundle")
        request.id = id
        #expect(try await bench.refusal(of: "Create", request)?.code == .invalidArgument)
        try await bench.run("a")
        #expect(try await bench.refusal(of: "Exec", bench.execution(id, in: "a"))?.code == .invalidArgument)
    }

    @Test func whatIsNoRequestIsRefusedByItsName() async throws {
        let bench = try await ShimBench()
        for method in requests("a").map(\.method) + ["Create", "Exec", "Connect", "Shutdown"] {
            // A field of the wire type 7, which there is not.
            let refusal = try await bench.refusal(of: method, payload: [0x0F])
            #expect(refusal?.code == .invalidArgument, "\(method)")
            #expect(refusal?.message.contains("containerd.task.v2.") == true, "\(method)")
        }
    }

    @Test func whatIsNotDoneIsUnimplemented() async throws {
        let bench = try await ShimBench()
        for method in ["Checkpoint", "Migrate", ""] {
            let refusal = try await bench.refusal(of: method, payload: [])
            #expect(refusal?.code == .unimplemented, "\(method)")
        }
        var request = try bench.creation(of: "a")
        request.checkpoint = "/there"
        #expect(try await bench.refusal(of: "Create", request)?.code == .unimplemented)
    }

    @Test func eachMethodHasItsTime() async throws {
        let bench = try await ShimBench()
        try await bench.create("a")
        try await bench.expect(.failedPrecondition, of: "Pause", "Resume", "Update", "ResizePty", for: "a")
        #expect(try await bench.refusal(of: "Exec", bench.execution("x", in: "a"))?.code == .failedPrecondition)
        try await bench.expect(nil, of: "State", "Pids", "Stats", "CloseIO", "Kill", for: "a")
        try await bench.start("a")
        try await bench.expect(.failedPrecondition, of: "Start", "Delete", "Resume", "ResizePty", for: "a")
        try await bench.expect(nil, of: "Update", "Pause", for: "a")
        try await bench.expect(.failedPrecondition, of: "Pause", for: "a")
        let paused = try await bench.refusal(of: "Exec", bench.execution("x", in: "a"))
        #expect(paused == Status(.failedPrecondition, "cannot run another process in the container a: it is paused"))
        try await bench.expect(nil, of: "Resume", for: "a")
        try await bench.end("a")
        try await bench.expect(.failedPrecondition, of: "Start", "Pause", "Resume", "Update", for: "a")
        #expect(try await bench.refusal(of: "Exec", bench.execution("x", in: "a"))?.code == .failedPrecondition)
        try await bench.expect(.notFound, of: "Kill", "Pids", "Stats", for: "a")
        try await bench.expect(nil, of: "State", "Wait", "CloseIO", "Delete", for: "a")
        try await bench.expect(.notFound, of: "State", "Delete", for: "a")
    }

    @Test func eachMethodHasItsTimeInAnExecutedProcess() async throws {
        let bench = try await ShimBench()
        try await bench.run("a")
        _ = try await bench.call("Exec", bench.execution("x", in: "a"))
        try await bench.expect(.failedPrecondition, of: "Kill", "ResizePty", for: "a", exec: "x")
        try await bench.start("a", exec: "x")
        try await bench.expect(.failedPrecondition, of: "Start", "Delete", "ResizePty", for: "a", exec: "x")
        try await bench.end("a")
        try await bench.expect(.notFound, of: "Kill", for: "a", exec: "x")
        try await bench.expect(nil, of: "Wait", "Delete", for: "a", exec: "x")
    }

    @Test func valuesThatMakeNoSenseAreRefused() async throws {
        let bench = try await ShimBench()
        try await bench.run("a")
        let signal = Containerd_Task_V2_KillRequest.with { ($0.id, $0.signal) = ("a", 65) }
        #expect(try await bench.refusal(of: "Kill", signal) == Status(.invalidArgument, "there is no signal 65"))
        let size = Containerd_Task_V2_ResizePtyRequest.with { ($0.id, $0.width, $0.height) = ("a", 65536, 1) }
        #expect(try await bench.refusal(of: "ResizePty", size)?.code == .invalidArgument)
        for process in ["", "{", "[]", #"{"args":[],"cwd":"/","user":{"uid":0,"gid":0}}"#] {
            // A process that is no JSON is refused at once, one that cannot be when it is started.
            var refusal = try await bench.refusal(of: "Exec", bench.execution("x", in: "a", process))
            if refusal == nil {
                let start = Containerd_Task_V2_StartRequest.with { ($0.id, $0.execID) = ("a", "x") }
                refusal = try await bench.refusal(of: "Start", start)
            }
            #expect(refusal?.code == .invalidArgument, "\(process): \(String(describing: refusal))")
        }
        for (resources, code) in [
            ("", Status.Code.invalidArgument), ("[]", .invalidArgument), (#"{"cpu":{"period":1}}"#, .invalidArgument),
            (#"{"memory":{"limit":1}}"#, .invalidArgument), (#"{"unified":{"io.max":"8:0 rbps=1"}}"#, .unimplemented),
        ] {
            let refusal = try await bench.refusal(of: "Update", limits(of: "a", resources))
            #expect(refusal?.code == code, "\(resources): \(String(describing: refusal))")
        }
    }
}

/// What can be wrong with a container before it is there.
@Suite(.timeLimit(.minutes(1))) struct CreationErrorTests {
    private func refusal(
        _ bench: ShimBench, _ change: (inout RuntimeSpec) -> Void = { _ in },
        request: (inout Containerd_Task_V2_CreateTaskRequest) -> Void = { _ in }
    ) async throws -> Status? {
        var create = try bench.creation(of: "a", change)
        request(&create)
        return try await bench.refusal(of: "Create", create)
    }

    @Test func bundlesAreRefusedByWhatIsWrongWithThem() async throws {
        let bench = try await ShimBench()
        let missing = try await refusal(bench, request: { $0.bundle = "/nonexistent" })
        #expect(missing == Status(.notFound, "there is no /nonexistent/config.json"))
        let broken = try await refusal(
            bench,
            request: { create in
                try? FileSystem.replace("\(create.bundle)/config.json", with: Array("{".utf8))
            })
        #expect(broken?.code == .invalidArgument && broken?.message.contains("config.json") == true)
        #expect(try await refusal(bench, { $0.process?.args = [] })?.code == .invalidArgument)
        #expect(try await refusal(bench, { $0.process?.cwd = "x" })?.code == .invalidArgument)
        let host = try await refusal(bench, { $0.linux?.namespaces?.removeAll { $0.type == "network" } })
        #expect(host?.code == .unimplemented && host?.message.contains("network") == true)
        let little = try await refusal(bench) { spec in
            spec.linux?.resources = try? RuntimeSpec.Resources(json: Array(#"{"memory":{"limit":1}}"#.utf8))
        }
        #expect(little?.code == .invalidArgument)
        let volume = try await refusal(bench) { spec in
            spec.mounts = [
                RuntimeSpec.Mount(destination: "/data", type: "bind", source: "/nonexistent", options: ["rbind"])
            ]
        }
        #expect(volume?.code == .invalidArgument && volume?.message.contains("/nonexistent") == true)
        let network = try await refusal(bench) { spec in
            spec.linux?.namespaces?.removeAll { $0.type == "network" }
            spec.linux?.namespaces?.append(RuntimeSpec.Namespace(type: "network", path: "/run/netns/nonexistent"))
        }
        #expect(network?.code == .failedPrecondition && network?.message.contains("nonexistent") == true)
        // Nothing is left of all these.
        try await bench.run("a")
    }

    @Test func rootsAreRefusedByWhatIsWrongWithThem() async throws {
        let bench = try await ShimBench()
        let none = try await refusal(bench, { $0.root = nil }, request: { $0.rootfs = [] })
        #expect(none == Status(.invalidArgument, "the container has no root file system"))
        #expect(try await refusal(bench, request: { $0.rootfs[0].type = "btrfs" })?.code == .unimplemented)
        let two = try await refusal(bench, request: { $0.rootfs.append($0.rootfs[0]) })
        #expect(two?.code == .unimplemented)
        let missing = try await refusal(bench, request: { $0.rootfs[0].source = "/nonexistent" })
        #expect(missing?.code == .invalidArgument && missing?.message.contains("/nonexistent") == true)
        #expect(try await refusal(bench, request: { $0.stdout = "/nonexistent/fifo" })?.code == .invalidArgument)
        #expect(try await refusal(bench, request: { $0.stdin = "relative" })?.code == .invalidArgument)
    }

    @Test(arguments: [
        (Refusal.Reason.invalid, Status.Code.invalidArgument), (.notFound, .notFound), (.exists, .alreadyExists),
        (.wrongState, .failedPrecondition), (.guestFailed, .unknown), (.failed, .unknown), (.programNotFound, .unknown),
        (.programNotRunnable, .unknown), (.lost, .unavailable), (.late, .deadlineExceeded), (.full, .resourceExhausted),
    ])
    func whatAVMRefusesHasItsCode(_ reason: Refusal.Reason, _ code: Status.Code) async throws {
        let bench = try await ShimBench()
        try await bench.create("a")
        try bench.machine.follow { request, client in
            guard case .start = request else { return false }
            client.reply(.refused(Refusal(reason, "because")))
            return true
        }
        let start = Containerd_Task_V2_StartRequest.with { $0.id = "a" }
        // docker ends with 127 by these words.
        let words = reason == .programNotFound ? "executable file not found: because" : "because"
        #expect(try await bench.refusal(of: "Start", start) == Status(code, words))
        #expect(try await bench.status("a") == .created, "what was refused has not begun")
    }

    @Test func aVMThatDiesMeanwhileIsUnavailable() async throws {
        let bench = try await ShimBench()
        try await bench.create("a")
        let machine = try bench.machine
        machine.follow { request, _ in
            guard case .start = request else { return false }
            machine.die()
            return true
        }
        let start = Containerd_Task_V2_StartRequest.with { $0.id = "a" }
        #expect(try await bench.refusal(of: "Start", start) == Status(.unavailable, "the VM has ended"))
        #expect(try await bench.wait("a") == 255)
    }

    @Test func aVMThatDiesWhileItMakesAContainerIsUnavailable() async throws {
        let bench = try await ShimBench()
        try await bench.run("first")
        let machine = try bench.machine
        machine.follow { request, client in
            guard case .create(let create) = request else { return false }
            client.reply(.accepted(container: create.run.id, zone: 2))
            machine.die()
            return true
        }
        let refusal = try await bench.refusal(of: "Create", try bench.creation(of: "a"))
        #expect(refusal?.code == .unavailable && refusal?.message.contains("ended") == true)
        // In another VM.
        try await bench.run("a")
    }
}

@Suite(.timeLimit(.minutes(1))) struct SandboxErrorTests {
    private func pod(_ bench: ShimBench) async throws {
        try await bench.create("s") { $0.annotations = ["io.kubernetes.cri.container-type": "sandbox"] }
        try await bench.start("s")
    }

    private func member(_ bench: ShimBench, _ id: String, of sandbox: String) throws
        -> Containerd_Task_V2_CreateTaskRequest
    {
        try bench.creation(of: id) { spec in
            spec.annotations = [
                "io.kubernetes.cri.container-type": "container", "io.kubernetes.cri.sandbox-id": sandbox,
            ]
        }
    }

    @Test func whatASandboxHasNotIsRefused() async throws {
        let bench = try await ShimBench()
        try await pod(bench)
        try await bench.expect(.unimplemented, of: "Pause", "Resume", for: "s")
        #expect(try await bench.refusal(of: "Exec", bench.execution("x", in: "s"))?.code == .unimplemented)
        try await bench.expect(.failedPrecondition, of: "Start", "Delete", for: "s")
        try await bench.expect(nil, of: "Pids", "Stats", "Update", for: "s")
        let member = try await bench.refusal(of: "Create", try member(bench, "m", of: "other"))
        #expect(member == Status(.notFound, "there is no sandbox \"other\" in this shim"))
    }

    @Test func anEndedSandboxTakesNoMore() async throws {
        let bench = try await ShimBench()
        try await pod(bench)
        try await bench.expect(nil, of: "Kill", for: "s")
        #expect(try await bench.wait("s") == 137)
        #expect(try await bench.refusal(of: "Create", try member(bench, "m", of: "s"))?.code == .failedPrecondition)
    }

    @Test func whyASandboxCouldNotBeMadeIsReported() async throws {
        let bench = try await ShimBench()
        try await bench.run("other")
        try bench.machine.follow { request, client in
            guard case .create(let create) = request, create.run.id == "s@test" else { return false }
            client.reply(.accepted(container: create.run.id, zone: 0))
            client.reply(.refused(Refusal(.guestFailed, "the guest cannot make a network")))
            return true
        }
        try await pod(bench)
        let refusal = try await bench.refusal(of: "Create", try member(bench, "m", of: "s"))
        #expect(refusal == Status(.unknown, "the guest cannot make a network"))
        // The next container of the pod has better luck.
        try bench.machine.follow { _, _ in false }
        _ = try await bench.call(
            "Create", try member(bench, "m", of: "s"), Containerd_Task_V2_CreateTaskResponse.self)
    }
}
