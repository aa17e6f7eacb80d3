import Glibc
import LinuxSystem
import NIOCore
import NIOPosix
import Runtime
import SystemPackage

/// What handlers are compiled and served with. Immutable.
struct AccelerationSettings: Sendable {
    let group: MultiThreadedEventLoopGroup
    /// One: a compilation at a time, and what starts a process.
    let threads: NIOThreadPool
    let logs: FunctionLogs
    /// For functions' files, one directory each; root's alone.
    let directory: String
    /// Finds the programs; throws the first that is missing.
    var programs: @Sendable () throws -> Programs = Programs.installed

    /// Finds a user for a sandbox's jail; nil: it has filters alone, for tests of what it does.
    var jail: (@Sendable () throws -> Jail)?

    /// The walls of one sandbox.
    struct Jail: Sendable {
        /// The sandbox has it as long as it lives.
        let user: UserLease
        /// It goes on without a wall that the host refuses.
        let isReduced: Bool

        /// A user that no VM and no other process of the registry has.
        static func lease(of registry: Registry) throws -> Jail {
            let configuration = try Configuration.load()
            return Jail(
                user: try UserLease(in: registry, from: configuration.firstUser),
                isReduced: configuration.reducesJail)
        }
    }

    /// The programs of acceleration, and what they need.
    struct Programs: Sendable {
        let compiler: String
        let sandbox: String
        let wasmtime: String
        let runtime: String

        /// Those beside this process's program, or where czone is installed.
        @Sendable static func installed() throws -> Programs {
            let artefacts = Artefacts()
            return Programs(
                compiler: try artefacts.compiler().string, sandbox: try artefacts.sandbox().string,
                wasmtime: try artefacts.wasmtime().string, runtime: try artefacts.traceRuntime().string)
        }
    }

    /// Makes the directory, without what an earlier gateway has left there.
    func prepare() throws {
        try FileSystem.makeDirectories(.init(directory))
        for function in try FileSystem.names(in: directory) ?? [] {
            for file in try FileSystem.names(in: "\(directory)/\(function)") ?? [] {
                try FileSystem.removeFile("\(directory)/\(function)/\(file)")
            }
            try FileSystem.removeDirectory("\(directory)/\(function)")
        }
    }
}

/// One run of czone-compile.
struct Compilation: Sendable {
    /// What its report says.
    struct Report: Equatable, Sendable {
        struct Position: Equatable, Sendable {
            let line: Int
            let column: Int
        }

        var path = ""
        var codeBytes = 0
        /// By the numbers that aborts have.
        var sites: [Position] = []
        var unsupported: [Position] = []
    }

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// By the clock: its limit of CPU time may take long on a host that is busy.
    private static let patience: CInt = 120_000
    private static let maxReport = 4 << 20
    private static let maxReason = 2048

    let programs: AccelerationSettings.Programs
    /// Of the function.
    let directory: String
    /// Distinguishes the files of versions.
    let version: UInt64

    /// The file of a version's code.
    static func module(_ directory: String, _ version: UInt64) -> String { "\(directory)/\(version).cwasm" }

    /// Compiles a container's trace. Blocks.
    func run(_ trace: [UInt8]) throws -> Report {
        try FileSystem.makeDirectories(.init(directory))
        let (input, output, reasons) = (
            "\(directory)/\(version).trace", "\(directory)/\(version).report", "\(directory)/\(version).reasons"
        )
        defer { for file in [input, output, reasons] { try? FileSystem.removeFile(file) } }
        try FileSystem.replace(input, with: trace)
        let flags = O_WRONLY | O_CREAT | O_TRUNC
        let launch = ProcessLaunch(
            programs.compiler,
            arguments: [
                "czone-compile", "--library", programs.wasmtime, "--runtime", programs.runtime, "--trace", input,
                "--output", Self.module(directory, version),
            ],
            environment: ["SWIFT_BACKTRACE=enable=no"],
            input: try OwnedDescriptor(opening: "/dev/null", flags: O_RDONLY),
            output: try OwnedDescriptor(opening: output, flags: flags),
            error: try OwnedDescriptor(opening: reasons, flags: flags))
        switch try launch.start().waitForEnd(withinMilliseconds: Self.patience) {
        case 0: break
        case nil: throw Failure(description: "czone-compile has not ended within \(Self.patience / 1000) s")
        case let status?:
            let text = try FileSystem.contents(of: reasons, atMost: Self.maxReason) ?? []
            let line = printable(String(decoding: text, as: UTF8.self), atMost: Self.maxReason)
            throw Failure(description: line.isEmpty ? "czone-compile has ended with \(status)" : line)
        }
        guard let bytes = try FileSystem.contents(of: output, atMost: Self.maxReport), let report = Report(bytes)
        else { throw Failure(description: "czone-compile has written no report") }
        return report
    }
}
