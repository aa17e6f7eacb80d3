public import LinuxSystem
import Synchronization
import SystemPackage

/// Serves files and directories of the host, volumes, to a guest that speaks FUSE (include/uapi/linux/fuse.h, 7.31 up).
///
/// The root of all holds nothing that could be listed: a volume is found there by its id. Below a volume's root a
/// guest moves by single names, none of which is a way up, and no link is ever followed here: the guest's kernel
/// resolves links, in its own tree. What is opened is opened beneath a directory's descriptor (RESOLVE_BENEATH), or is the
/// very file of a descriptor. So nothing outside of the volumes can be reached, whatever the guest asks.
///
/// Everything of a request is hostile. Any number of threads may answer; `lock` protects the tables. It is held while a
/// name is looked up anew, which may take as long as a disk does, but for no file's data. The volumes have a lock of their
/// own, taken inside of `lock` or alone, and never held for long.
public final class FileServer: VolumeServer, @unchecked Sendable {
    /// The greatest piece of a file in one request, in bytes.
    public static let maxData = 256 << 10
    /// The longest request: a piece of a file and what comes before it, or an extended attribute.
    public static let maxRequest = maxData + 4096
    /// Volumes at a time.
    public static let maxVolumes = 1024

    static let root: UInt64 = 1

    /// Requests since the server was made, and those of them that were none of FUSE's.
    private let requests = Atomic<UInt64>(0)
    private let malformedRequests = Atomic<UInt64>(0)
    private let malformedRequestObserver = Mutex<(@Sendable (String) -> Void)?>(nil)

    let calls: FileCalls
    let lock = Lock()
    /// Protected by `lock`.
    let nodes: NodeTable
    /// Protected by `lock`.
    var handles: HandleTable
    /// Protected by `lock`.
    var locks: LockTable
    /// By id, with how often each was attached.
    private let volumes = Mutex<[String: (volume: Volume, count: Int)]>([:])
    /// File systems of the host in the order of their appearance. Protected by `lock`.
    private var devices: [UInt64: UInt64] = [:]

    /// - Parameter maxDescriptors: how many descriptors it may have open.
    public init(maxDescriptors: Int) throws(SystemError) {
        calls = try FileCalls()
        nodes = NodeTable(maxDescriptors: min(maxDescriptors / 4, 4096), calls: calls)
        handles = HandleTable(max: min(maxDescriptors / 2, 32_768))
        locks = LockTable(maxDescriptors: min(maxDescriptors / 8, 4096))
    }

    public func connect(_ channels: [OwnedDescriptor]) -> Bool { false }
    public var isServing: Bool { true }
    public func observeLoss(_ observer: @escaping @Sendable (String) -> Void) {}

    /// What each thread does first that is to answer requests.
    public static func prepareThread() { FileCalls.prepareThread() }

    // MARK: Volumes

    /// Shows a file or directory to the guest; the id by which it finds it. The same one with the same options has one id,
    /// and is there until it was detached as often as attached. A constant one has an id, and with it the guest a cache,
    /// for each time: pages of the one that a container uses must not keep another's zone from being emptied.
    public func attach(_ descriptor: OwnedDescriptor, _ options: VolumeOptions) throws(VolumeError) -> String {
        let status: FileStatus
        do { status = try calls.status(of: descriptor) } catch { throw .system(SystemError("examine a volume", error)) }
        guard status.kind == .regular || status.kind == .directory else { throw .kind }
        let key = Volume.Key(device: status.device, inode: status.inode, options: options)
        return try volumes.withLock { volumes throws(VolumeError) in
            if !options.contains(.constant), let (id, entry) = volumes.first(where: { $0.value.volume.key == key }) {
                volumes[id] = (entry.volume, entry.count + 1)
                return id
            }
            guard volumes.count < Self.maxVolumes else { throw .tooMany(Self.maxVolumes) }
            let volume = Volume(key: key, descriptor: descriptor)
            volumes[volume.id] = (volume, 1)
            return volume.id
        }
    }

    /// Takes a volume away. With the last time it was attached every node and handle of it is gone; what is being done
    /// to its files at this moment is finished. May take as long as a disk does.
    public func detach(_ id: String) {
        let gone: Volume? = volumes.withLock { volumes in
            guard let entry = volumes[id] else { return nil }
            volumes[id] = entry.count > 1 ? (entry.volume, entry.count - 1) : nil
            return entry.count > 1 ? nil : entry.volume
        }
        guard let gone else { return }
        // From here on nothing of it is entered any more.
        lock.locked {
            locks.removeAll { $0 === gone }
            handles.removeAll { $0 === gone }
            nodes.removeAll { $0 === gone }
        }
    }

    /// What is held now.
    public struct Usage: Equatable, Sendable {
        public let volumes: Int
        public let nodes: Int
        public let handles: Int
        public let lockOwners: Int
        public let cachedDescriptors: Int
    }

    public var requestCount: UInt64 { requests.load(ordering: .relaxed) }
    public var malformedRequestCount: UInt64 { malformedRequests.load(ordering: .relaxed) }

    /// Has each malformed request reported, with what is wrong with it, on the thread that would have answered it. It is
    /// called as often as the guest likes.
    public func observeMalformedRequests(_ observer: @escaping @Sendable (String) -> Void) {
        malformedRequestObserver.withLock { $0 = observer }
    }

    private func noteMalformed(_ reason: String) {
        malformedRequests.add(1, ordering: .relaxed)
        malformedRequestObserver.withLock { $0 }?(reason)
    }

    public var usage: Usage {
        lock.locked {
            Usage(
                volumes: volumes.withLock { $0.count }, nodes: nodes.count, handles: handles.count,
                lockOwners: locks.count, cachedDescriptors: nodes.descriptorCount)
        }
    }

    func volume(named name: FileName) -> Volume? { volumes.withLock { $0[name.text]?.volume } }
    /// What is entered into the tables is so with `lock` held since it was asked, or it could stay for ever.
    func isAttached(_ volume: Volume) -> Bool { volumes.withLock { $0[volume.id]?.volume === volume } }

    /// The guest begins anew: it knows nothing and has nothing open.
    public func forgetEverything() {
        lock.locked {
            locks.removeAll { _ in true }
            handles.removeAll { _ in true }
            nodes.removeAll { _ in true }
        }
    }

    /// Different files must not look alike to the guest, for which all volumes are one file system: the host's file
    /// systems differ in the upper bits.
    func inode(_ inode: UInt64, on device: UInt64) -> UInt64 {
        lock.locked {
            let number = devices[device] ?? UInt64(devices.count)
            devices[device] = number
            return inode ^ number << 48
        }
    }

    // MARK: Requests

    /// Carries out a request; the answer, at most `room` bytes, or nothing where none is wanted.
    public func answer(_ bytes: [UInt8], room: Int) -> [UInt8] {
        requests.add(1, ordering: .relaxed)
        guard var request = Request(bytes) else {
            noteMalformed("it is shorter than its header says")
            return []
        }
        let opcode = Opcode(rawValue: request.opcode)
        if opcode == nil { noteMalformed("there is no operation \(request.opcode)") }
        let reply: [UInt8]
        do throws(Errno) {
            guard let opcode else { throw .noFunction }
            reply = try perform(opcode, &request, room: room - Reply.headerSize).answering(request.unique)
        } catch {
            reply = Reply.failure(error, request.unique)
        }
        guard opcode?.hasReply ?? true, room >= Reply.headerSize else { return [] }
        return reply.count <= room ? reply : Reply.failure(.outOfRange, request.unique)
    }

    private func perform(_ opcode: Opcode, _ request: inout Request, room: Int) throws(Errno) -> Reply {
        switch opcode {
        case .lookUp: return try lookUp(&request)
        case .forget, .forgetMany: return try forget(&request, many: opcode == .forgetMany)
        case .getAttributes: return try getAttributes(&request)
        case .setAttributes: return try setAttributes(&request)
        case .readLink: return try readLink(&request)
        case .makeLink, .makeNode, .makeDirectory: return try make(opcode, &request)
        case .unlink, .removeDirectory: return try remove(&request, isDirectory: opcode == .removeDirectory)
        case .rename, .rename2: return try rename(&request, hasFlags: opcode == .rename2)
        case .link: return try link(&request)
        case .create, .createNameless: return try create(&request, isNameless: opcode == .createNameless)
        case .open: return try open(&request)
        case .openDirectory: return try openDirectory(&request)
        case .release, .releaseDirectory: return try release(&request)
        case .read: return try read(&request, room: room)
        case .write: return try write(&request)
        case .readDirectory, .readDirectoryPlus:
            return try readDirectory(&request, room: room, withStatus: opcode == .readDirectoryPlus)
        case .synchronize, .synchronizeDirectory: return try synchronize(&request)
        case .flush: return try LockOperations(of: self).flush(&request)
        case .setLock, .setLockWaiting: return try LockOperations(of: self).set(&request)
        case .getLock: return try LockOperations(of: self).get(&request)
        case .control: return try control(&request, room: room)
        case .copy: return try copy(&request)
        case .extendedStatus: return try extendedStatus(&request)
        case .allocate: return try allocate(&request)
        case .seek: return try seek(&request)
        case .fileSystemStatus: return try fileSystemStatus(&request)
        case .getExtendedAttribute: return try getExtendedAttribute(&request, room: room)
        case .listExtendedAttributes: return try listExtendedAttributes(&request, room: room)
        case .setExtendedAttribute: return try setExtendedAttribute(&request)
        case .removeExtendedAttribute: return try removeExtendedAttribute(&request)
        case .initialize: return try initialize(&request)
        case .destroy:
            forgetEverything()
            return Reply()
        // Nothing that is under way waits for anything but the host's files, which cannot be interrupted.
        case .interrupt: return Reply()
        }
    }
}

/// fuse.h, FUSE_… flags of INIT, and what they ask of us.
private enum Feature {
    /// Several readings of one file at a time.
    static let asynchronousRead: UInt32 = 1 << 0
    /// Emptying a file is a part of opening it.
    static let atomicTruncate: UInt32 = 1 << 3
    static let bigWrites: UInt32 = 1 << 5
    /// Locks of ranges (fcntl(2)) and of whole files (flock(2)) are ours.
    static let locks: UInt32 = 1 << 1 | 1 << 10
    /// The mask of a new file's mode is left to us: a directory's default access control list goes before it.
    static let masks: UInt32 = 1 << 6
    /// The guest drops what it has of a file when its size or time of change is another.
    static let automaticInvalidation: UInt32 = 1 << 12
    /// Listings come with the entries' attributes where these are asked for afterwards.
    static let directoriesWithStatus: UInt32 = 1 << 13 | 1 << 14
    /// Access control lists count in the guest as on the host, and set-id bits go when one is set by a user who may not
    /// keep them.
    static let accessControlLists: UInt32 = 1 << 20 | 1 << 29
    static let parallelDirectoryOperations: UInt32 = 1 << 18
    static let maxPages: UInt32 = 1 << 22
    /// We take set-id bits away from a file that is written to, and receive a flag when.
    static let handlesPrivileges: UInt32 = 1 << 28
    /// There are more flags behind the others.
    static let extended: UInt32 = 1 << 30
    /// Mounts may map owners: what is made says whose it is, what is not says nobody (of the second flags).
    static let mappedOwners: UInt32 = 1 << 8

    // Not the cache of changes that are written back later: others would see them late, and lose theirs to them.
    static let all =
        asynchronousRead | locks | atomicTruncate | bigWrites | masks | automaticInvalidation | directoriesWithStatus
        | parallelDirectoryOperations | accessControlLists | maxPages | handlesPrivileges
        | extended
}

extension FileServer {
    private static let majorVersion: UInt32 = 7
    /// That of our layouts: the least whose INIT has all that is used, the greatest that was looked at.
    private static let minorVersions: ClosedRange<UInt32> = 31...41
    private static let pageSize = 4096

    /// INIT (struct fuse_init_in, fuse_init_out): both sides say what they can do. The guest starts with nothing known.
    func initialize(_ request: inout Request) throws(Errno) -> Reply {
        let major: UInt32 = try request.integer()
        let minor: UInt32 = try request.integer()
        guard major >= Self.majorVersion, minor >= Self.minorVersions.lowerBound || major > Self.majorVersion else {
            throw .protocolError
        }
        forgetEverything()
        var reply = Reply()
        reply.integer(Self.majorVersion)
        // A newer guest asks again, with the version of this answer.
        guard major == Self.majorVersion else {
            reply.integer(Self.minorVersions.upperBound)
            reply.zeros(56)
            return reply
        }
        let readAhead: UInt32 = try request.integer()
        let offered: UInt32 = try request.integer()
        let more: UInt32 = offered & Feature.extended != 0 ? try request.integer() : 0
        reply.integer(min(minor, Self.minorVersions.upperBound))
        reply.integer(min(readAhead, UInt32(Self.maxData)))
        reply.integer(offered & Feature.all)
        // Requests in the background, and from how many on the guest holds back.
        reply.integer(UInt16(16))
        reply.integer(UInt16(12))
        reply.integer(UInt32(Self.maxData))
        // Times are in nanoseconds.
        reply.integer(UInt32(1))
        reply.integer(UInt16(Self.maxData / Self.pageSize))
        // No shared memory, no alignment of it.
        reply.zeros(2)
        reply.integer(more & Feature.mappedOwners)
        reply.zeros(28)
        return reply
    }
}
