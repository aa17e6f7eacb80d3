import LinuxSystem
import Runtime
import SystemPackage

/// What containers cost their host, one more at a time.
public struct DensityBench {
    /// Costs with 0, 1, 2 … containers, and after all have ended.
    public struct Result: Sendable {
        public var costs: [MemoryCost] = []
        /// What the side's control group is charged; empty where there is none.
        public var charged: [UInt64] = []
        public var left = MemoryCost.none

        /// The slope from the first container to the last, in bytes.
        public var bytesPerContainer: Double { Self.slope(costs.dropFirst().map(\.total)) }
        public var chargedPerContainer: Double? { charged.isEmpty ? nil : Self.slope(Array(charged.dropFirst())) }

        private static func slope(_ costs: [UInt64]) -> Double {
            guard costs.count > 1, let first = costs.first, let last = costs.last else { return 0 }
            return (Double(last) - Double(first)) / Double(costs.count - 1)
        }
    }

    private let executable: String
    private let places: [String]
    private let store: String
    private let registry: Registry
    private let options: [String]
    private let command: [String]
    private var environment: [String] = []
    /// What processes and pages need to come to rest after a start or an end.
    private static let restInMilliseconds: CInt = 500

    /// - `places`: `--root` and `--store` options of the side's own.
    /// - `options`: what `czone run` gets besides.
    /// - `command`: image and arguments of a container that prints something once it has what it needs, and stays.
    public init(executable: String, root: String, store: String, options: [String], command: [String]) throws {
        self.executable = executable
        self.store = store
        places = ["--root", root, "--store", store]
        registry = try Registry(root: FilePath(root))
        self.options = options
        self.command = command
    }

    public mutating func measure(containers: Int, in group: BenchGroup?) throws -> Result {
        defer { _ = try? Stopwatch.milliseconds(of: executable, ["vm", "stop"] + places + ["--all"]) }
        guard let group else { return try measure(containers) { _ in } }
        // VMs go into groups of their own, which are to be in this one.
        environment = ["CZONE_CGROUP_PARENT=\(group.pathBelowRoot)"]
        return try group.run { try measure(containers) { $0.charged.append(group.chargedBytes) } }
    }

    private func measure(_ containers: Int, note: (inout Result) -> Void) throws -> Result {
        var result = Result()
        for index in 0...containers {
            if index > 0 { try start("density-\(index)") }
            try Self.rest()
            result.costs.append(try cost())
            note(&result)
        }
        for index in 1...max(1, containers) where index <= containers {
            _ = try Stopwatch.milliseconds(of: executable, ["rm"] + places + ["--force", "density-\(index)"])
        }
        try Self.rest()
        result.left = try cost()
        return result
    }

    private func start(_ name: String) throws {
        _ = try Stopwatch.milliseconds(
            of: executable, ["run"] + places + options + ["--detach", "--name", name] + command,
            environment: environment)
        // It has its memory when it has printed.
        while try Stopwatch.output(of: executable, ["logs"] + places + [name]).isEmpty {
            _ = try wait(for: [], timeoutInMilliseconds: 50)
        }
    }

    static func rest() throws { _ = try wait(for: [], timeoutInMilliseconds: restInMilliseconds) }

    private func cost() throws -> MemoryCost {
        let processes = try registry.virtualMachines().compactMap { try $0.processID() }
        return try MemoryCost(processes: processes, shared: Self.files(below: store))
    }

    /// Images and templates: every file of the store.
    private static func files(below directory: String) throws -> [String] {
        var files: [String] = []
        for name in try FileSystem.names(in: directory) ?? [] {
            let path = "\(directory)/\(name)"
            if try FileSystem.status(path)?.isDirectory == true {
                files += try Self.files(below: path)
            } else {
                files.append(path)
            }
        }
        return files
    }
}
