import Glibc
import LinuxSystem
import Sandbox
import SandboxProtocol
import Testing
import TraceRuntime
import WasmModule

/// Where what Setup/acceleration installs is; nil: it is not there, and tests that need it are skipped.
private let library: String? = {
    let path = FileSystem.target(ofLink: "/proc/self/cwd") ?? "."
    let file = "\(path)/build/acceleration/libwasmtime.so"
    return isReadable(file) ? file : nil
}()

private let engine: SandboxEngine? = library.flatMap { path in
    guard let engine = try? SandboxEngine(library: path) else { return nil }
    try? engine.startClock()
    return engine
}

/// Modules that are not from czone's compiler: they have its imports and exports, and do with them what they like.
@Suite(.enabled(if: library != nil, "build/acceleration/libwasmtime.so is missing (Setup/acceleration)"), .serialized)
struct HostileModuleTests {
    private static let imports: [(String, [WasmModule.ValueType], [WasmModule.ValueType])] = [
        ("abort", [.i32], []), ("fetch", [.i32, .i32, .i32], []), ("now", [], [.f64]), ("random", [], [.f64]),
        ("answer", [.i32, .i32], []), ("log", [.i32, .i32, .i32], []),
    ]

    /// A module whose `start` is made by the body; `allocate` gives the address.
    private func module(
        allocating address: Int32 = 1024, memory: String = "memory", data: [UInt8] = [],
        start body: (inout CodeWriter) -> Void
    ) -> WasmModule {
        var module = WasmModule()
        for (name, parameters, results) in Self.imports {
            let type = module.index(of: WasmModule.FunctionType(parameters, results))
            module.imports.append(WasmModule.Import(module: "czone", name: name, type: type))
        }
        module.memory = WasmModule.Limits(min: 2, max: 256)
        if !data.isEmpty { module.data = [WasmModule.Segment(address: 64, bytes: data)] }
        var allocate = CodeWriter(parameterCount: 1)
        allocate.i32(address)
        let first = module.addFunction(WasmModule.FunctionType([.i32], [.i32]), body: allocate.finish())
        var start = CodeWriter(parameterCount: 2)
        body(&start)
        let second = module.addFunction(WasmModule.FunctionType([.i32, .i32], []), body: start.finish())
        module.exports = [
            WasmModule.Export(name: memory, kind: .memory, index: 0),
            WasmModule.Export(name: "allocate", kind: .function, index: first),
            WasmModule.Export(name: "start", kind: .function, index: second),
        ]
        return module
    }

    private func run(_ module: WasmModule) throws -> (Activation.Progress, Journal) {
        let engine = try #require(engine)
        let path = "/tmp/czone-hostile-\(getpid()).cwasm"
        try FileSystem.replace(path, with: try engine.compile(module.encoded()))
        defer { try? FileSystem.removeFile(path) }
        let activation = try Activation(try SandboxModule(engine, path: path))
        let progress = activation.start(Array("[1]".utf8))
        return (progress, activation.journal)
    }

    private func reason(_ module: WasmModule) throws -> AbortReason? {
        if case .aborted(let abort) = try run(module).0 { abort.reason } else { nil }
    }

    @Test func anEndlessLoopEndsByTime() throws {
        let before = MonotonicClock.nanoseconds
        let looping = module { code in
            let top = code.loop()
            code.branch(to: top)
            code.end()
        }
        #expect(try reason(looping) == .time)
        // Compiling and a busy machine take their time too; a loop that nobody ends takes all of it.
        #expect(MonotonicClock.nanoseconds - before < 10_000_000_000)
    }

    @Test func anEndlessRecursionEndsByStack() throws {
        // `start` is the function after six imports and `allocate`.
        let deep = module { code in
            code.i32(0)
            code.i32(0)
            code.call(7)
        }
        #expect(try reason(deep) == .stack)
    }

    @Test(arguments: [
        (0xffff_fff0 as UInt32, 32 as UInt32), (131_072, 1), (131_071, 2), (0, 131_073), (0x8000_0000, 0x8000_0000),
    ])
    func rangesOutsideOfMemoryAreRefused(address: UInt32, count: UInt32) throws {
        let place = Int32(bitPattern: address)
        let size = Int32(bitPattern: count)
        let expected: AbortReason = count > 1 << 20 ? .memory : .violation
        let fetching = module { code in
            code.i32(0)
            code.i32(place)
            code.i32(size)
            code.call(1)
        }
        #expect(try reason(fetching) == expected)
        let logging = module { code in
            code.i32(1)
            code.i32(place)
            code.i32(size)
            code.call(5)
        }
        #expect(try reason(logging) == expected)
        let answering = module { code in
            code.i32(place)
            code.i32(size)
            code.call(4)
        }
        #expect(try reason(answering) == expected)
    }

    @Test(arguments: [Int32(bitPattern: 0xffff_ffff), 131_070, 0x7fff_ffff])
    func anEventIsNotPlacedOutsideOfMemory(address: Int32) throws {
        #expect(try reason(module(allocating: address) { _ in }) == .violation)
    }

    @Test func aModuleWithoutMemoryIsRefused() throws {
        #expect(try reason(module(memory: "other") { _ in }) == .violation)
    }

    @Test(arguments: [
        (#"{"url":"http://a/\nX: y"}"#, AbortReason.value), (#"{"url":"file:///etc/passwd"}"#, .value),
        (#"{"url":"http:///x"}"#, .value), (#"{"url":"http://u@h/"}"#, .value), (#"{"url":"http://a/ b"}"#, .value),
        (#"{"url":"http://a/","method":"GET / HTTP/1.1"}"#, .value), (#"{"url":"http://a/","method":"get"}"#, .value),
        (#"{"url":"http://a/","headers":{"a b":"c"}}"#, .value),
        (#"{"url":"http://a/","headers":{"a":"b\r\nc"}}"#, .value),
        (#"{"url":"http://a/","headers":{"a":1}}"#, .violation), (#"{"url":"http://a/","body":"x"}"#, .value),
        (#"{"url":"http://a/","more":"x"}"#, .violation), ("{", .value), (#"{"method":"GET"}"#, .violation),
    ])
    func requestsThatNoClientSendsAreRefused(json: String, reason expected: AbortReason) throws {
        let bytes = Array(json.utf8)
        let fetching = module(data: bytes) { code in
            code.i32(0)
            code.i32(64)
            code.i32(Int32(bytes.count))
            code.call(1)
        }
        #expect(try reason(fetching) == expected)
    }

    @Test func callsAreNumberedAndCounted() throws {
        let bytes = Array(#"{"url":"http://a/"}"#.utf8)
        func fetch(_ code: inout CodeWriter, _ number: Int32) {
            code.i32(number)
            code.i32(64)
            code.i32(Int32(bytes.count))
            code.call(1)
        }
        #expect(try reason(module(data: bytes) { fetch(&$0, 1) }) == .violation)
        let many = module(data: bytes) { code in for number in 0..<65 { fetch(&code, Int32(number)) } }
        let (progress, journal) = try run(many)
        #expect(progress == .aborted(Abort(reason: .calls, site: -1)))
        #expect(journal.calls.count == 64)
    }

    @Test func readingsOfTheClockAndLogsAreBounded() throws {
        let reading = module { code in
            let top = code.loop()
            code.call(2)
            code.add(.drop)
            code.branch(to: top)
            code.end()
        }
        #expect(try reason(reading) == .calls)
        let logging = module { code in
            let top = code.loop()
            code.i32(1)
            code.i32(0)
            code.i32(100_000)
            code.call(5)
            code.branch(to: top)
            code.end()
        }
        #expect(try reason(logging) == .memory)
        let strange = module { code in
            code.i32(3)
            code.i32(0)
            code.i32(1)
            code.call(5)
        }
        #expect(try reason(strange) == .violation)
    }

    @Test func anEventIsAnsweredOnce() throws {
        let twice = module { code in
            for _ in 0..<2 {
                code.i32(0)
                code.i32(0)
                code.call(4)
            }
        }
        #expect(try reason(twice) == .violation)
    }

    @Test func anUnknownReasonIsAViolation() throws {
        let aborting = module { code in
            code.i32(77)
            code.call(0)
        }
        #expect(try reason(aborting) == .violation)
    }

    @Test func moreMemoryThanTheLimitIsNoModule() throws {
        var large = module { _ in }
        large.memory = WasmModule.Limits(min: 257, max: 300)
        #expect(throws: SandboxError.self) { try run(large) }
    }
}
