import ContainerdAPI
import FoundationEssentials
import LinuxSystem
import OCI
import ControlProtocol
import SwiftProtobuf
import TTRPC
import TestSupport
import Testing

@testable import Shim

/// Hooks as runtime-spec has them, with programs of the host.
@Suite(.timeLimit(.minutes(1))) struct HookTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    /// Its standard input goes to a file, behind its point's name; then it does more.
    private func hook(_ point: String, _ more: String = "", timeout: Int? = nil) -> RuntimeSpec.Hook {
        let script = "{ echo \"$1 $WHERE\"; cat; echo; } >>\(directory.path)/log; \(more)"
        return RuntimeSpec.Hook(
            path: "/bin/sh", args: ["sh", "-c", script, "hook", point], env: ["PATH=/usr/bin:/bin", "WHERE=host"],
            timeout: timeout)
    }

    /// What the hooks have received, in their order.
    private func log() throws -> [(point: String, state: RuntimeState)] {
        let text = String(
            decoding: try FileSystem.contents(of: "\(directory.path)/log", atMost: 1 << 20) ?? [], as: UTF8.self)
        let lines = text.split(separator: "\n").map(String.init)
        return try stride(from: 0, to: lines.count - 1, by: 2).map { line in
            (lines[line], try JSONDecoder().decode(RuntimeState.self, from: Data(lines[line + 1].utf8)))
        }
    }

    @Test func everyPointHasItsState() async throws {
        let bench = try await ShimBench()
        try await bench.create("a") { spec in
            spec.annotations = ["dev.example": "x"]
            spec.hooks = RuntimeSpec.Hooks(
                prestart: [hook("prestart")], createRuntime: [hook("createRuntime")], poststart: [hook("poststart")],
                poststop: [hook("poststop")])
        }
        #expect(try log().map(\.point) == ["prestart host", "createRuntime host"])
        let process = try #require(try log().first?.state.pid)
        // A process whose network namespace is not this one's.
        let namespace = try #require(FileSystem.target(ofLink: "/proc/\(process)/ns/net"))
        #expect(namespace != FileSystem.target(ofLink: "/proc/self/ns/net"))
        let state = try await bench.call(
            "State", Containerd_Task_V2_StateRequest.with { $0.id = "a" }, Containerd_Task_V2_StateResponse.self)
        #expect(state.pid == UInt32(process))
        try await bench.start("a")
        _ = try await bench.call("Kill", Containerd_Task_V2_KillRequest.with { ($0.id, $0.signal) = ("a", 9) })
        try await bench.end("a", code: 137)
        #expect(try log().count == 3)
        _ = try await bench.delete("a")
        let states = try log().map(\.state)
        #expect(states.map(\.status) == [.creating, .creating, .running, .stopped])
        #expect(states.map(\.pid) == [process, process, process, nil])
        #expect(
            states.allSatisfy { $0.id == "a" && $0.annotations == ["dev.example": "x"] && $0.bundle.hasSuffix("/a") })
        #expect(try FileSystem.status("/proc/\(process)") == nil, "nobody stands for it any more")
    }

    @Test func aHookThatFailsBeforeTheContainerIsThereUndoesIt() async throws {
        let bench = try await ShimBench()
        let request = try bench.creation(of: "a") { spec in
            spec.hooks = RuntimeSpec.Hooks(
                prestart: [hook("prestart", "echo no such bridge >&2; exit 3")], createRuntime: [hook("createRuntime")],
                poststop: [hook("poststop")])
        }
        let refusal = try await bench.refusal(of: "Create", request)
        #expect(
            refusal
                == Status(.unknown, "the hook prestart \"/bin/sh\" has failed: exit status 3: no such bridge"))
        #expect(try log().map(\.point) == ["prestart host", "poststop host"], "no other, but those of the end")
        #expect(bench.starter.machines.isEmpty)
    }

    @Test func aHookThatFailsLaterChangesNothing() async throws {
        let bench = try await ShimBench()
        try await bench.create("a") { spec in
            spec.hooks = RuntimeSpec.Hooks(poststart: [hook("poststart", "exit 1"), hook("second")])
        }
        try await bench.start("a")
        #expect(try log().map(\.point) == ["poststart host", "second host"])
        #expect(try await bench.status("a") == .running)
    }

    @Test func aHookHasItsTimeout() async throws {
        let bench = try await ShimBench()
        let request = try bench.creation(of: "a") { spec in
            spec.hooks = RuntimeSpec.Hooks(createRuntime: [hook("createRuntime", "exec sleep 100", timeout: 1)])
        }
        let refusal = try await bench.refusal(of: "Create", request)
        #expect(refusal?.message.hasSuffix("has failed: it has not ended within 1 s") == true)
    }

    @Test(arguments: [
        (RuntimeSpec.Hooks(createContainer: [RuntimeSpec.Hook(path: "/x")]), "hooks.createContainer \"/x\""),
        (RuntimeSpec.Hooks(startContainer: [RuntimeSpec.Hook(path: "/x")]), "hooks.startContainer \"/x\""),
        (RuntimeSpec.Hooks(prestart: [RuntimeSpec.Hook(path: "x")]), "hooks.prestart is \"x\""),
        (
            RuntimeSpec.Hooks(poststop: [RuntimeSpec.Hook(path: "/x", timeout: 0)]),
            "timeout of hooks.poststop \"/x\" is 0"
        ),
        (
            RuntimeSpec.Hooks(prestart: [RuntimeSpec.Hook(path: "/no/such")]),
            "\"/no/such\" has failed: it cannot be run"
        ),
    ])
    func whatCannotRunIsRefusedByName(_ hooks: RuntimeSpec.Hooks, _ words: String) async throws {
        let bench = try await ShimBench()
        let refusal = try await bench.refusal(of: "Create", try bench.creation(of: "a") { $0.hooks = hooks })
        #expect(refusal?.message.contains(words) == true, "\(String(describing: refusal))")
    }

    @Test func whoKillsTheProcessOnTheHostKillsTheContainer() async throws {
        let bench = try await ShimBench()
        let (killed, sink) = AsyncStream.makeStream(of: UInt32.self)
        bench.starter.whenStarted { machine in
            machine.follow { request, _ in
                if case .signal(container: _, process: _, let signal, all: _) = request { sink.yield(signal) }
                return false
            }
        }
        try await bench.create("a") { $0.hooks = RuntimeSpec.Hooks(prestart: [hook("prestart")]) }
        try await bench.start("a")
        let process = try #require(try log().first?.state.pid)
        #expect(sendSignal(9, to: process))
        var signals = killed.makeAsyncIterator()
        #expect(await signals.next() == 9)
    }

    @Test func hooksOfADaemonThatWasKilledRunAtTheDeletion() async throws {
        let bench = try await ShimBench()
        let request = try bench.creation(of: "a") { $0.hooks = RuntimeSpec.Hooks(poststop: [hook("poststop")]) }
        _ = try await bench.call("Create", request, Containerd_Task_V2_CreateTaskResponse.self)
        try ContainerHooks.runOwed(Bundle(request.bundle), id: "a")
        #expect(try log().map(\.point) == ["poststop host"])
        try ContainerHooks.runOwed(Bundle(request.bundle), id: "a")
        #expect(try log().count == 1, "once")
    }
}
