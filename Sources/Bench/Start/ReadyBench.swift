import ControlProtocol
import LinuxSystem
import Runtime
import SystemPackage

/// Starts a function's containers on several sides in turn, each up to its first HTTP 200.
///
/// The function is a Python program that asks itself, over its own loopback, and prints the status: so no side's network
/// is in the figures. Before it opens its server it marks its point (docs/templates.md), but for runtimes that would
/// leave it stopped.
public final class ReadyBench {
    /// What a start is compared with.
    public enum Rival: String, CaseIterable, Sendable {
        case runc
        case runsc
    }

    /// Milliseconds from each command's start to its first HTTP 200.
    public struct Figures: Sendable {
        public var plain = Measurements()
        public var warm = Measurements()
        public var runc: Measurements?
        public var runsc: Measurements?
        /// The first copy in a restored, prewarmed VM, and a further one behind it.
        public var first: Measurements?
        public var further: Measurements?
    }

    private let directory: String
    private let rivals: [Rival]
    private let executable: String
    private let registry: Registry
    private static let image = "bench"
    static let status = "200"
    /// How long a process template may take to its point, in milliseconds: in the emulated host a program takes long.
    private static let templateTimeout: UInt64 = 300_000

    private var places: [String] { ["--root", directory + "/root", "--store", directory + "/store"] }

    /// Imports the image, starts the VM that containers start in, and waits for the process template in it.
    ///
    /// - Parameters:
    ///   - directory: a bench's own; registry (`root`) and store are made in it.
    ///   - executable: `czone`.
    ///   - root: a directory with Python, the image's root.
    ///   - rivals: what ours is compared with.
    public init(directory: String, executable: String, root: String, rivals: [Rival]) throws {
        self.directory = directory
        self.executable = executable
        self.rivals = rivals
        registry = try Registry(root: FilePath(directory + "/root"))
        try czone(["image", "import"], ["--name", Self.image, "dir:" + root])
        let path = root.hasPrefix("/") ? root : CurrentProcess.workingDirectory.appending(root).string
        try FileSystem.replace(
            directory + "/config.json",
            with: Array(RuncBundle.configuration(root: path, arguments: Self.command(isStopped: false)).utf8))
        try czone(["run"], ["--detach", "--name", "resident", Self.image, "sh", "-c", "exec sleep 100000"])
        // The first one starts plainly; behind it the template is made.
        _ = try time(["--warm-start"])
        try waitForTemplate()
    }

    /// Ends what the bench has started.
    public func end() { _ = try? Stopwatch.milliseconds(of: executable, ["vm", "stop"] + places + ["--all"]) }

    public func measure(runs: Int) throws -> Figures {
        var figures = Figures()
        if rivals.contains(.runc) { figures.runc = Measurements() }
        if rivals.contains(.runsc) { figures.runsc = Measurements() }
        for index in 0..<runs {
            figures.plain.add(try time([]))
            figures.warm.add(try time(["--warm-start"]))
            let bundle = ["run", "-b", directory, "czone-ready-\(index)"]
            if rivals.contains(.runc) {
                figures.runc?.add(try Stopwatch.milliseconds(of: "runc", bundle, toItsWord: Self.status))
            }
            if rivals.contains(.runsc) {
                let options = ["--ignore-cgroups", "--network=none"]
                figures.runsc?.add(try Stopwatch.milliseconds(of: "runsc", options + bundle, toItsWord: Self.status))
            }
        }
        return figures
    }

    private func czone(_ verb: [String], _ arguments: [String]) throws {
        _ = try Stopwatch.milliseconds(of: executable, verb + places + arguments)
    }

    private func time(_ options: [String]) throws -> Double {
        let arguments = ["run"] + places + options + ["--rm", Self.image] + Self.command(isStopped: true)
        let elapsed = try Stopwatch.milliseconds(of: executable, arguments, toItsWord: Self.status)
        try rest()
        return elapsed
    }

    /// - Throws: the reason where the template is refused, or where it takes more than `templateTimeout`.
    private func waitForTemplate() throws {
        let end = MonotonicClock.nanoseconds + Self.templateTimeout * 1_000_000
        while MonotonicClock.nanoseconds < end {
            let templates = try HostedProcessTemplates.all(in: registry).map(\.status)
            if let refused = templates.first(where: { $0.state == "refused" }) {
                throw Stopwatch.Failed(description: "there is no process template: \(refused.reason)")
            }
            if templates.contains(where: { $0.state == "ready" }) { return }
            _ = try wait(for: [], timeoutInMilliseconds: 100)
        }
        throw Stopwatch.Failed(description: "the process template took more than \(Self.templateTimeout / 1000) s")
    }

    /// Waits until the resident container is the only one: no zone is on its way. At most a minute, as a start does.
    private func rest() throws {
        for _ in 0..<3000 {
            let machines = try registry.virtualMachines()
            if machines.count == 1, (try? machines[0].describe(measured: false))?.containers.count == 1 { break }
            _ = try wait(for: [], timeoutInMilliseconds: 20)
        }
        try registry.cleanUp()
    }

    /// - Parameter isStopped: the program marks its point by stopping itself.
    static func command(isStopped: Bool) -> [String] {
        let point = isStopped ? "os.kill(os.getpid(), signal.SIGSTOP)" : ""
        let program = """
            import http.server, json, os, signal, socketserver, ssl, threading, urllib.request, uuid
            class Handler(http.server.BaseHTTPRequestHandler):
                def do_GET(self):
                    body = json.dumps({"id": str(uuid.uuid4())}).encode()
                    self.send_response(200)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
                def log_message(self, *words):
                    pass
            \(point)
            server = socketserver.TCPServer(("127.0.0.1", 8080), Handler)
            threading.Thread(target=server.serve_forever, daemon=True).start()
            print(urllib.request.urlopen("http://127.0.0.1:8080/").status, flush=True)
            os._exit(0)
            """
        // Without compiled files: a container would write them into its own layer, runc's into the root that the next has.
        return ["python3", "-B", "-c", program]
    }
}

extension Stopwatch {
    /// Milliseconds from the program's start until its output has this text; its end, a success, is waited for.
    static func milliseconds(of program: String, _ arguments: [String], toItsWord text: String) throws -> Double {
        let start = MonotonicClock.nanoseconds
        let (output, child) = try launchToRead(program, arguments)
        let word = Result { try read(output, until: text, of: program) }
        let elapsed = MonotonicClock.nanoseconds - start
        let status = try child.waitForEnd()
        try word.get()
        guard status == 0 else { throw Failed(description: "\(program) ended with status \(status)") }
        return Double(elapsed) / 1e6
    }
}
