import Glibc
import LinuxSystem
import Runtime
import SystemPackage

/// Replays a trace of calls against a gateway of its own, and reports what that cost: host memory over time, starts,
/// and how long callers waited.
public struct EventsBench {
    /// One side's figures.
    public struct Result: Sendable {
        /// Host memory of all VMs at each second since the beginning, in bytes.
        public var memory: [UInt64] = []
        /// What callers waited beyond their function's own time, in milliseconds, sorted.
        public var waits: [Double] = []
        public var failures = 0
        public var coldStarts = 0

        /// Bytes times seconds.
        public var memoryTime: Double { memory.reduce(0) { $0 + Double($1) } }

        /// `rank`: 0 to 1.
        public func wait(_ rank: Double) -> Double {
            waits.isEmpty ? 0 : waits[min(waits.count - 1, Int(Double(waits.count) * rank))]
        }
    }

    /// A call of the trace.
    struct Call: Sendable {
        let function: Int
        /// Since the beginning, in milliseconds.
        let at: Double
        let milliseconds: Double
    }

    /// Sleeps as long as it is asked for, and holds memory.
    private static let server = """
        import os, sys, time
        from http.server import BaseHTTPRequestHandler, HTTPServer
        held = bytearray(int(sys.argv[1]) << 20)
        for page in range(0, len(held), 4096): held[page] = 1
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            def do_GET(self):
                time.sleep(float(self.path[1:]) / 1000)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()
            def log_message(self, *words): pass
        HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
        """

    private let trace: EventTrace
    /// How many times faster than it was.
    private let speed: Double
    let calls: [Call]
    private static let maxCallers = 48

    public init(_ trace: EventTrace, speed: Double) {
        self.trace = trace
        self.speed = speed
        var calls: [Call] = []
        for (index, function) in trace.functions.enumerated() {
            for (minute, count) in function.callsByMinute.enumerated() {
                for number in 0..<count {
                    let at = (Double(minute) + (Double(number) + 0.5) / Double(count)) * 60_000 / speed
                    calls.append(
                        Call(function: index, at: at, milliseconds: function.averageMilliseconds / speed))
                }
            }
        }
        self.calls = calls.sorted { $0.at < $1.at }
    }

    /// Runs it once.
    ///
    /// - Parameters:
    ///   - executable: `czone`.
    ///   - image: one with Python, as `czone run` takes it.
    ///   - isolation: `zones`, or `vm` for a VM of its own for each container.
    ///   - directory: the side's own.
    public func measure(executable: String, image: String, isolation: String, directory: String) throws -> Result {
        let (root, store, functions) = ("\(directory)/root", "\(directory)/store", "\(directory)/functions")
        try FileSystem.makeDirectories(FilePath(functions))
        let places = ["--root", root, "--store", store]
        _ = try Stopwatch.milliseconds(of: executable, ["image", "import"] + places + ["--name", "bench", image])
        for (index, function) in trace.functions.enumerated() {
            try FileSystem.replace("\(functions)/f\(index).yaml", with: Array(definition(index, function).utf8))
        }
        let nowhere = try OwnedDescriptor(opening: "/dev/null", flags: O_RDWR)
        let gateway = try Stopwatch.launch(
            executable,
            [
                "serve", "--functions", functions, "--logs", "\(directory)/logs", "--listen", "0", "--isolation",
                isolation,
                "--log-level", "error",
            ] + places, output: nowhere)
        defer {
            sendSignal(SIGTERM, to: gateway.id)
            _ = try? gateway.waitForEnd()
            _ = try? Stopwatch.milliseconds(of: executable, ["vm", "stop"] + places + ["--all"])
        }
        let socket = "\(root)/gateway.sock"
        for _ in 0..<300 where (try? FileSystem.status(socket)) == nil {
            _ = try wait(for: [], timeoutInMilliseconds: 100)
        }
        return try replay(socket: socket, registry: Registry(root: FilePath(root)))
    }

    private func definition(_ index: Int, _ function: EventTrace.Function) -> String {
        let memory = Int(min(max(function.memoryMegabytes, 40), 800))
        func time(_ seconds: Double) -> String { "\(max(1000, Int(seconds * 1000 / speed)))ms" }
        return """
            name: f\(index)
            image: bench
            command: [python3, -c, \(Self.quoted(Self.server)), "\(memory / 4)"]
            memory: \(memory)M
            timeout: 300s
            queue: 10000
            scale: {max: 16, window: \(time(60)), panic: 1s, idle: \(time(600)), pause: \(time(60))}
            """
    }

    private static func quoted(_ text: String) -> String {
        "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n") + "\""
    }

    private func replay(socket: String, registry: Registry) throws -> Result {
        let replay = EventReplay(calls, socket: socket)
        try replay.start(callers: Self.maxCallers)
        while replay.isRunning {
            _ = try wait(for: [], timeoutInMilliseconds: 1000)
            let processes = try registry.virtualMachines().compactMap { try $0.processID() }
            replay.note(memory: try MemoryCost(processes: processes, shared: []).total)
        }
        var result = replay.result
        result.coldStarts = try EventReplay.coldStarts(socket: socket)
        return result
    }
}
