import LinuxSystem

/// Runs the same container in a zone of a VM for many, and alone in a VM with plain memory, in turn, and compares what it
/// says of its own speed: lines of a workload's name and milliseconds.
public struct SlowdownBench {
    /// One workload's times on both sides.
    public struct Workload: Sendable {
        public let name: String
        public var zone = Measurements()
        public var plain = Measurements()
        /// How much longer it takes in a zone, of the medians; 1 is as long.
        public var ratio: Double { zone.median / plain.median }
    }

    private let executable: String
    private let places: [String]
    private let command: [String]
    private static let image = "bench"

    /// - `image`: as for `czone run`.
    /// - `memory`: of a container on either side, in bytes.
    /// - `command`: what runs in it, ends by itself, and prints nothing but workloads' lines.
    public init(directory: String, executable: String, image: String, memory: UInt64, command: [String]) throws {
        self.executable = executable
        places = ["--root", directory + "/root", "--store", directory + "/store"]
        self.command = ["--rm", "--memory", "\(memory)", Self.image] + command
        _ = try Stopwatch.milliseconds(of: executable, ["image", "import"] + places + ["--name", Self.image, image])
        // Made before, on both sides: else it would be made beside what is measured.
        for options in [[], ["--one-per-vm"]] {
            _ = try Stopwatch.milliseconds(
                of: executable,
                ["template", "create"] + places + options + ["--memory", "\(memory)", Self.image])
        }
    }

    /// Ends what the bench has started.
    public func end() { _ = try? Stopwatch.milliseconds(of: executable, ["vm", "stop"] + places + ["--all"]) }

    /// The workloads in the order in which they were printed first.
    public func measure(runs: Int) throws -> [Workload] {
        var workloads: [Workload] = []
        // The first use of anything is not what is measured.
        _ = try times([])
        for _ in 0..<runs {
            for (name, time) in try times([]) { workloads.with(name) { $0.zone.add(time) } }
            for (name, time) in try times(["--one-per-vm"]) { workloads.with(name) { $0.plain.add(time) } }
        }
        return workloads
    }

    private func times(_ options: [String]) throws -> [(String, Double)] {
        let output = try Stopwatch.output(of: executable, ["run"] + places + options + command)
        return try String(decoding: output, as: UTF8.self).split(separator: "\n").map { line in
            let words = line.split(separator: " ")
            guard words.count == 2, let time = Double(words[1]), time > 0 else {
                throw Stopwatch.Failed(
                    description: "the container printed \"\(line)\": expected a workload's name and milliseconds")
            }
            return (String(words[0]), time)
        }
    }
}

extension [SlowdownBench.Workload] {
    fileprivate mutating func with(_ name: String, _ body: (inout SlowdownBench.Workload) -> Void) {
        let index = firstIndex { $0.name == name } ?? count
        if index == count { append(SlowdownBench.Workload(name: name)) }
        body(&self[index])
    }
}
