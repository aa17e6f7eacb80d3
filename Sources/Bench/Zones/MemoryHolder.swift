import Glibc
import LinuxSystem

/// What the benches run where memory is measured: a process that holds memory which it has touched. In a container of
/// ours and in QEMU's guest it is the same program, this executable.
public enum MemoryHolder {
    /// What it prints when it has its memory.
    public static let heldLine = "czone: the memory is held"
    /// What is touched for each turn.
    static let bytesPerTurn = 1 << 20

    /// Touches the memory, says so, and holds it until it is killed.
    public static func hold(_ bytes: Int) throws {
        let memory = try Mapping(.anonymous, sizeInBytes: bytes)
        memory.touch(0..<bytes)
        try StandardStream.output.descriptor.write(all: Array((heldLine + "\n").utf8))
        withExtendedLifetime(memory) { while true { pause() } }
    }

    /// Touches 1 MiB for each byte that comes on standard input, answers with one, and holds all until that ends.
    public static func holdInTurns(_ bytes: Int) throws {
        let memory = try Mapping(.anonymous, sizeInBytes: bytes)
        var touched = 0
        while try !StandardStream.input.descriptor.read(atMost: 1).isEmpty {
            memory.touch(touched..<(touched + bytesPerTurn))
            touched += bytesPerTurn
            try StandardStream.output.descriptor.write(all: [1])
        }
        withExtendedLifetime(memory) {}
    }
}

/// All that a guest does: two processes whose memory lies interleaved, 1 MiB of the one after 1 MiB of the other,
/// as that of two containers does that share a guest's memory. Does what the lines on the console say.
///
/// | line | does | then prints |
/// |---|---|---|
/// | `await BYTES` | waits until the guest has so much memory | `there` |
/// | `fill` | starts both | `filled` |
/// | `end` | ends the first | `ended` |
/// | `clear` | ends the second | `cleared` |
public struct MemoryNeighbours {
    /// What it prints before each answer.
    public static let prefix = "neighbours: "
    private let bytesEach: Int
    private var holders: [Holder] = []

    private struct Holder {
        let process: ChildProcess
        let socket: OwnedDescriptor

        init(_ bytes: Int) throws {
            let (mine, its) = try UnixSocket.pair()
            socket = mine
            process = try ProcessLaunch(
                CurrentProcess.executablePath, arguments: ["czone", "bench", "hold-memory", "--in-turns", "\(bytes)"],
                environment: [],
                input: its, output: its, error: StandardStream.error.descriptor
            ).start()
        }

        func takeTurn() throws {
            try socket.write(all: [1])
            guard try socket.read(atMost: 1) == [1] else {
                throw Stopwatch.Failed(description: "a process that holds memory ended before its turn")
            }
        }

        func end() throws {
            socket.endWriting()
            _ = try process.waitForEnd()
        }
    }

    public init(bytesEach: Int) { self.bytesEach = bytesEach }

    /// Serves the console until it ends.
    public mutating func run() throws {
        say("ready")
        var line: [UInt8] = []
        while true {
            let bytes = try StandardStream.input.descriptor.read(atMost: 256)
            if bytes.isEmpty { return }
            for byte in bytes {
                if byte != UInt8(ascii: "\n") {
                    line.append(byte)
                } else {
                    try obey(String(decoding: line, as: UTF8.self).split(separator: " ").map(String.init))
                    line = []
                }
            }
        }
    }

    private mutating func obey(_ words: [String]) throws {
        switch words.first {
        case "await":
            let pages = (words.dropFirst().first.flatMap { Int($0) } ?? 0) / 4096
            // Init receives no event for memory that came online. A minute at most: then it says nothing, and is given up.
            for _ in 0..<6000 {
                if sysconf(CInt(_SC_PHYS_PAGES)) >= pages { return say("there") }
                usleep(10_000)
            }
        case "fill":
            holders = try (0..<2).map { _ in try Holder(bytesEach) }
            for _ in 0..<(bytesEach / MemoryHolder.bytesPerTurn) { for holder in holders { try holder.takeTurn() } }
            say("filled")
        case "end":
            try holders.removeFirst().end()
            say("ended")
        case "clear":
            for holder in holders { try holder.end() }
            holders = []
            say("cleared")
        default: break
        }
    }

    private func say(_ answer: String) {
        try? StandardStream.output.descriptor.write(all: Array("\(Self.prefix)\(answer)\n".utf8))
    }
}
