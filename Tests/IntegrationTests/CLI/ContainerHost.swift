import FoundationEssentials
import Glibc
import LinuxSystem
import TestSupport
import Testing

/// A registry and a store of a test's own, with a small root file system to run. Whatever runs at its end is stopped,
/// and nothing may be left.
final class ContainerHost: Sendable {
    let directory: String
    /// For `czone run`.
    let image: String
    let registry: String
    private let templateSetting: String
    private let genericTemplateSetting: String

    /// - Parameters:
    ///   - templates: whether VMs are restored from templates, and leave them behind; else nothing runs besides the test.
    ///   - genericTemplate: also the one of every image.
    init(templates: Bool = false, genericTemplate: Bool = false) throws {
        templateSetting = templates ? "on" : "off"
        genericTemplateSetting = genericTemplate ? "on" : "off"
        directory = "/run/czone-test-" + RandomBytes.bytes(6).map { String($0, radix: 16) }.joined()
        registry = directory + "/run"
        image = "dir:\(directory)/rootfs"
        try FileSystem.makeDirectory(directory)
        for name in ["rootfs", "rootfs/bin", "rootfs/tmp", "rootfs/etc", "rootfs/dev", "rootfs/proc", "rootfs/sys"] {
            try FileSystem.makeDirectory("\(directory)/\(name)", mode: 0o755)
        }
        let busybox = try TestSupport.run("cp", ["/bin/busybox", "\(directory)/rootfs/bin/busybox"])
        try #require(busybox.status == 0, "\(busybox.error)")
        _ = try TestSupport.run("/bin/busybox", ["--install", "-s", "\(directory)/rootfs/bin"])
        // Links to the busybox of this machine would lead nowhere in a container.
        let links = "for l in \(directory)/rootfs/bin/*; do [ -L \"$l\" ] && ln -sf busybox \"$l\"; done; true"
        try #require(try TestSupport.run("sh", ["-c", links]).status == 0)
        try FileSystem.replace("\(directory)/rootfs/bin/notexecutable", with: Array("text\n".utf8))
    }

    deinit {
        _ = try? czone(["vm", "stop", "--all"])
        _ = try? TestSupport.run("rm", ["-rf", directory])
    }

    /// Debian's Python, made by Setup/python-root before the tests.
    static func pythonImage() throws -> String {
        let root = "build/python"
        try #require(try FileSystem.status(root + "/usr/bin/python3") != nil, "Setup/python-root \(root) makes it")
        return "dir:" + root
    }

    var environment: [String: String] {
        [
            "CZONE_ROOT": registry, "CZONE_STORE": directory + "/store", "CZONE_TEMPLATES": templateSetting,
            "CZONE_GENERIC_TEMPLATE": genericTemplateSetting,
        ]
    }

    @discardableResult
    func czone(_ arguments: [String], within seconds: Int = 120) throws -> ProgramResult {
        try start(arguments).result(within: seconds)
    }

    func start(_ arguments: [String]) throws -> Program { try Program("czone", arguments, environment: environment) }

    /// Runs a shell's script with `czone`, `$IMAGE` and this registry.
    func shell(_ script: String, within seconds: Int = 120) throws -> ProgramResult {
        try Program("bash", ["-c", script], environment: environment.merging(["IMAGE": image]) { $1 }).result(
            within: seconds)
    }

    /// Runs a container to its end.
    func run(_ options: [String] = [], _ command: [String], within seconds: Int = 120) throws -> ProgramResult {
        try czone(["run", "--rm"] + options + [image] + command, within: seconds)
    }

    /// Runs a container in the background; its name.
    func runDetached(_ options: [String] = [], _ command: [String]) throws -> String {
        let result = try czone(["run", "--detach"] + options + [image] + command)
        try #require(result.status == 0, "\(result.error)")
        return String(result.output.prefix { $0 != "\n" })
    }

    /// Ends every container; the VMs stay.
    func removeContainers() throws {
        for container in try containers() { _ = try czone(["rm", "--force", container.id]) }
    }

    struct Machine: Decodable {
        struct Zones: Decodable { var total: Int, plugged: Int, quarantined: Int }
        struct Memory: Decodable {
            var baseResidentBytes: UInt64, zonesResidentBytes: UInt64, vmmPrivateBytes: UInt64
        }
        var id: String, function: String, tenant: String, pid: Int32, state: String, containers: Int
        var zones: Zones, memory: Memory, bootMs: Double
    }

    struct Template: Decodable {
        var id: String, image: String, sizeBytes: UInt64, memoryBytes: UInt64, inUse: Bool
    }

    func templates() throws -> [Template] { try json(["template", "list", "--json"]) }

    /// Those of running VMs.
    func processTemplates() throws -> [ProcessTemplate] {
        let all: [ListedTemplate] = try json(["template", "list", "--json"])
        return all.compactMap(\.process)
    }

    /// Of a VM, or a process template of one that runs.
    private struct ListedTemplate: Decodable {
        enum Keys: CodingKey { case kind }

        var process: ProcessTemplate?

        init(from decoder: any Decoder) throws {
            let kind = try decoder.container(keyedBy: Keys.self).decode(String.self, forKey: .kind)
            if kind == "process" { process = try ProcessTemplate(from: decoder) }
        }
    }

    struct ProcessTemplate: Decodable {
        var id: String, kind: String, state: String, reason: String, command: String, instances: Int, reachedMs: Double
    }

    func machines() throws -> [Machine] { try json(["vm", "list", "--json"]) }

    struct Container: Decodable {
        struct Exit: Decodable { var code: Int, outOfMemory: Bool, reason: String }
        var id: String, state: String, vm: String, exit: Exit?
    }

    func containers() throws -> [Container] { try json(["ps", "--all", "--json"]) }

    struct Usage: Decodable {
        struct Zone: Decodable {
            var node: UInt32, base: UInt64, sizeBytes: UInt64, pluggedBytes: UInt64, usedBytes: UInt64,
                residentBytes: UInt64
        }
        var id: String, vm: String, zone: Zone, cpuNs: UInt64, pids: UInt64
    }

    func usages() throws -> [Usage] { try json(["stats", "--json"]) }

    private func json<Value: Decodable>(_ arguments: [String]) throws -> Value {
        let result = try czone(arguments)
        try #require(result.status == 0, "\(result.error)")
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(Value.self, from: Data(result.output.utf8))
    }

    /// Waits until something is so, looking again and again; whether it came to be.
    func waits(atMost seconds: Int = 30, until isSo: () throws -> Bool) throws -> Bool {
        for _ in 0..<(seconds * 20) {
            if try isSo() { return true }
            _ = try wait(for: [], timeoutInMilliseconds: 50)
        }
        return false
    }

    /// Whether the registry is as if nothing had ever run.
    func isClean() throws -> Bool {
        let functions = try FileSystem.names(in: registry + "/functions") ?? []
        let containers = try FileSystem.names(in: registry + "/containers") ?? []
        return functions.isEmpty && containers.isEmpty
    }
}

/// One host for the tests of a suite, which run one after the other: they share its VM instead of booting one each.
struct SharedContainerHost: SuiteTrait, TestScoping {
    @TaskLocal static var current: ContainerHost?

    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @concurrent @Sendable () async throws -> Void
    ) async throws {
        try await Self.$current.withValue(try ContainerHost(), operation: function)
    }
}

extension Trait where Self == SharedContainerHost {
    static var sharedContainerHost: Self { Self() }
}

extension ContainerHost {
    /// The suite's host, without the containers of the test before.
    static func shared() throws -> ContainerHost {
        let host = try #require(SharedContainerHost.current)
        try host.removeContainers()
        return host
    }
}
