import AgentProtocol
import ControlProtocol
import FoundationEssentials
import Glibc
import LinuxSystem
import OCI
import SystemPackage
import Testing

@testable import Runtime

/// A registry and a store with one image in a temporary directory, and fake VMs.
struct Bench: Sendable {
    let directory: TemporaryDirectory
    let registry: Registry
    let store: ImageStore
    let image: StoredImage
    let placement: Placement
    let files: VirtualMachineFiles

    /// - Parameter parent: the directory that its own is in.
    init(
        _ starter: any VirtualMachineStarter = FakeStarter(), configuration: Configuration = Configuration(),
        in parent: String = "/tmp"
    ) throws {
        directory = try TemporaryDirectory(in: parent)
        registry = try Registry(root: directory.path.appending("run"))
        store = try ImageStore(root: directory.path.appending("images"))
        image = try Self.image(in: directory.path.appending("images"), store)
        files = try VirtualMachineFiles(monitor: "/bin/true", kernel: "/bin/true", initialRAMDisk: "/bin/true")
        placement = Placement(
            registry: registry, configuration: configuration, files: files, starter: starter, provider: NoProvider())
    }

    /// An image that is in the store, although there is nothing in it.
    private static func image(in directory: FilePath, _ store: ImageStore) throws -> StoredImage {
        let hex = String(repeating: "ab", count: 32)
        let description = """
            {"digest":"sha256:\(hex)","name":"test","origin":"/nowhere","config":{"Cmd":["/bin/true"]},
            "accounts":{"users":[],"groups":[]},"erofsSizeInBytes":0,"imported":1}
            """
        try FileSystem.makeDirectories(directory)
        try FileSystem.replace(directory.appending("\(hex).erofs").string, with: [])
        try FileSystem.replace(directory.appending("\(hex).json").string, with: Array(description.utf8))
        return try #require(try store.find(hex))
    }

    /// The registry's entries, below the directory, but for what stays: the files by whose locks users are leased, and the
    /// mark that lost logs were removed.
    func registryContents() throws -> [String] {
        try directory.contents().filter { $0.hasPrefix("run/") && !$0.hasPrefix("run/users") && $0 != "run/logs-swept" }
    }

    func key(function: String = "hello", tenant: String = "default") -> FunctionKey {
        FunctionKey(
            function: function, tenant: tenant, image: image.digest, kernel: files.identity, zoneSizeInBytes: 128 << 20)
    }

    func record(_ id: String, _ key: FunctionKey? = nil, detached: Bool = true, removed: Bool = false)
        -> ContainerRecord
    {
        ContainerRecord(
            id: id, key: key ?? self.key(), image: "test", created: currentTimeInNanoseconds(),
            memoryLimitInBytes: 120 << 20, process: RuntimeSpec.Process(args: ["/bin/true"]), isDetached: detached,
            isRemovedAtEnd: removed)
    }

    func place(
        _ id: String, _ key: FunctionKey? = nil, detached: Bool = true, removed: Bool = false,
        streams: StreamEnds.Far = .none
    ) throws -> Placement.Placed {
        try placement.place(containerOrder(id, key, detached: detached, removed: removed, streams: streams))
    }

    func containerOrder(
        _ id: String, _ key: FunctionKey? = nil, detached: Bool = true, removed: Bool = false,
        streams: StreamEnds.Far = .none
    ) -> Placement.Order {
        let specification = ContainerSpecification(
            root: RootFileSystem(layers: [.image(device: 0)]), process: ProcessSpecification(arguments: ["/bin/true"]))
        return Placement.Order(
            key: key ?? self.key(), record: record(id, key, detached: detached, removed: removed),
            specification: specification, streams: streams, image: image, store: store)
    }
}

/// Prewarms nothing.
struct NoProvider: Provider {
    func provide(_ order: Placement.MachineOrder, behind machine: VirtualMachineDirectory) {}
}

func exit(_ id: String, code: UInt8, reason: String = "") -> ExitRecord {
    ExitRecord(container: id, process: 0, code: code, outOfMemory: false, time: 1, reason: reason)
}
