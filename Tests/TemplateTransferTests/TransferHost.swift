import Glibc
import LinuxSystem
import OCI
import SystemPackage
import TestSupport

@testable import Runtime
@testable import TemplateRegistry
@testable import TemplateTransfer

/// A host with a store of its own, whose VMs are made of files with given contents.
struct TransferHost {
    let directory: TemporaryDirectory
    let store: TemplateStore
    let key: TemplateKey

    /// - Parameters:
    ///   - kernel: what its VMs' kernel has; hosts with the same one are of one kind.
    ///   - image: what the templates are of.
    ///   - stored: the directory of its store.
    init(kernel: String = "kernel", image: String = "one", stored: String? = nil) throws {
        directory = try TemporaryDirectory()
        store = TemplateStore(besides: FilePath("\(stored ?? directory.path)/images"))
        let path = try directory.write("kernel", Array(kernel.utf8))
        guard let file = try HostFile(path) else { throw SystemError("find \(path)", .noSuchFileOrDirectory) }
        key = TemplateKey([.text("files "), .file(file), .text("\nimage \(image)\narguments quiet")])
    }

    static let state = Array("a state".utf8)
    /// Of a memory of chunks that are each filled as given; nil: a hole.
    static func memory(_ seeds: [UInt64?]) -> [[UInt8]?] { seeds.map { $0.map(chunk) } }

    /// Bytes that no other seed has; a page of it is zeros.
    static func chunk(_ seed: UInt64) -> [UInt8] {
        var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
        return (0..<Int(ChunkIndex.chunkSize)).map { place in
            if (8192..<12288).contains(place) { return 0 }
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt8(truncatingIfNeeded: state >> 56)
        }
    }

    /// A working set of some pages, as a VM records it.
    static func workingSet(_ runs: [Range<UInt32>]) -> [UInt8] {
        var bytes = [UInt8](repeating: 7, count: 28)
        bytes.append(littleEndian: UInt32(runs.count))
        for run in runs {
            bytes.append(littleEndian: run.lowerBound)
            bytes.append(littleEndian: run.upperBound)
        }
        return bytes
    }

    /// Makes the template as a VM would; its name.
    @discardableResult
    func make(_ seeds: [UInt64?], workingSet: [Range<UInt32>] = []) throws -> String {
        let size = UInt64(seeds.count) * ChunkIndex.chunkSize
        let record = TemplateRecord.test(memoryInBytes: size)
        _ = try store.insert(key) { (directory) throws(RuntimeError) in
            do throws(SystemError) {
                try FileSystem.replace("\(directory)/state", with: Self.state)
                try FileSystem.replace("\(directory)/working-set", with: Self.workingSet(workingSet))
                let memory = try OwnedDescriptor(opening: "\(directory)/memory", flags: O_RDWR | O_CREAT)
                try memory.setSize(size)
                for (number, chunk) in Self.memory(seeds).enumerated() {
                    if let chunk { try memory.write(all: chunk, at: UInt64(number) * ChunkIndex.chunkSize) }
                }
            } catch { throw .system(error) }
            try TemplateStore.write(record, to: "\(directory)/template.json")
        }
        try store.cut(key.directoryName)
        return key.directoryName
    }

    func client(
        _ authority: String, plain: Bool = true, credentials: RegistryCredentials = .none, limit: Int = 60,
        silence: Int? = nil, authorities: String? = nil
    ) throws -> RegistryClient {
        let scheme = plain ? "http://" : ""
        return try RegistryClient(
            RegistryReference("\(scheme)\(authority)/t/python").repository,
            transport: HTTPTransport(limitInSeconds: limit, authorities: authorities, silenceInSeconds: silence),
            credentials: credentials, allowsPlain: false)
    }

    func push(_ client: RegistryClient, tag: String? = nil) throws -> TemplatePush.Result {
        try TemplatePush(to: client, from: store).push(key.directoryName, tag: tag)
    }

    @discardableResult
    func pull(_ client: RegistryClient, limit: UInt64 = 1 << 30, digest: Digest? = nil) throws -> TemplatePull.Result {
        let tag = digest == nil ? try store.portableIdentity(of: key).tag : nil
        return try TemplatePull(from: client, into: store, limit: limit).pull(
            RegistryReference(repository: client.repository, tag: tag, digest: digest), .key(key))
    }

    /// The files of its template; nil where there is none.
    func files() throws -> [String: [UInt8]]? {
        let path = "\(store.root)/\(key.directoryName)"
        guard let names = try FileSystem.names(in: path) else { return nil }
        return try Dictionary(uniqueKeysWithValues: names.map { ($0, try contents(of: "\(path)/\($0)")) })
    }

    /// Nothing but what is known of files and registries is in its store.
    func hasNothing() throws -> Bool {
        let names = Set(try FileSystem.names(in: store.root) ?? []).subtracting(["digests", "repositories", "tmp"])
        return try names.isEmpty && (FileSystem.names(in: "\(store.root)/tmp") ?? []).isEmpty
    }

    var memoryStatus: FileStatus? { try? FileSystem.status("\(store.root)/\(key.directoryName)/memory") }
}

extension TemplateRecord {
    static func test(memoryInBytes: UInt64) -> TemplateRecord {
        TemplateRecord(
            image: "one", imageDigest: "sha256:\(String(repeating: "0a", count: 32))", memoryInBytes: memoryInBytes,
            virtualCPUs: 2, zoneCount: 16, zoneSizeInBytes: 128 << 20, isAlone: false, created: 5)
    }
}

/// The template whose state says what another host's files are.
func leasedIdentity(_ host: TransferHost) throws -> String? { try host.store.lease(host.key)?.identity }
