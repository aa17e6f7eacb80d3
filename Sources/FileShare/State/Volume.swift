public import LinuxSystem
import Synchronization

/// A file or directory of the host that a guest sees, with all that is below it.
final class Volume: Sendable {
    /// The volumes with the same key, but for constant ones, are the same for the guest: it has one cache of their files,
    /// and one set of locks.
    struct Key: Hashable, Sendable {
        let device: UInt64
        let inode: UInt64
        let options: VolumeOptions
    }

    /// Its name in the guest's share: 128 random bits. Immutable.
    let id: String
    let key: Key
    /// The file or directory itself. Immutable.
    let descriptor: OwnedDescriptor
    /// How many of its nodes there are, those that live on only as the directory of another too.
    let nodeCount = Atomic<Int>(0)
    /// How many of its files and directories the guest has open.
    let handleCount = Atomic<Int>(0)

    init(key: Key, descriptor: OwnedDescriptor) {
        id = RandomBytes.bytes(16).map { String(UInt16($0) | 0x100, radix: 16).dropFirst() }.joined()
        self.key = key
        self.descriptor = descriptor
    }

    /// For how long a guest may keep a file's attributes.
    func validity(of kind: FileKind?) -> Validity {
        if isConstant { return .constant }
        return kind == .regular || kind == .directory ? .tick : .none
    }

    /// For how long a name leads to a file. What nobody changes is kept; of all else no more than some thousand names,
    /// which the guest would have in its memory, and directories, which it passes on its way, longer than files.
    func validityOfName(of kind: FileKind?) -> Validity {
        let count = nodeCount.load(ordering: .relaxed)
        if isConstant { return count < NodeTable.maxNodes / 2 ? .constant : .none }
        switch kind {
        case .directory: return count < Self.maxKeptDirectories ? .tick : .none
        case .regular: return count < Self.maxKeptFiles ? .tick : .none
        default: return .none
        }
    }

    /// Above so many nodes the guest is to forget files, and directories, once it does not use them.
    private static let maxKeptFiles = 4096
    private static let maxKeptDirectories = 16_384

    var isReadOnly: Bool { key.options.contains(.readOnly) }
    var isConstant: Bool { key.options.contains(.constant) }
}

/// For how long a guest may keep what it has received.
enum Validity: Equatable {
    /// It asks each time. So for links: config maps swap one in one step, and what it led to goes away right after.
    case none
    /// A tick of the guest's clock or two, 20 ms at most: long enough for the questions that one system call puts about
    /// each directory of a path, and for those that follow a listing.
    case tick
    /// Nobody changes anything.
    case constant

    var seconds: UInt64 { self == .constant ? 86_400 : 0 }
    /// The guest counts in ticks, and rounds up.
    var nanoseconds: UInt32 { self == .tick ? 1_000_000 : 0 }
}

/// How a volume is seen.
public struct VolumeOptions: OptionSet, Hashable, Sendable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// The guest can change nothing.
    public static let readOnly = VolumeOptions(rawValue: 1)
    /// The descriptor shows the mounts below it too.
    public static let recursive = VolumeOptions(rawValue: 2)

    /// Nobody changes anything of it while it is attached, the guest least of all (it is read-only): what the guest
    /// has received holds, and it need not ask twice.
    public static let constant: VolumeOptions = [.readOnly, VolumeOptions(rawValue: 4)]

    public static let all: VolumeOptions = [.readOnly, .recursive, .constant]
}

/// Why something cannot be a volume.
public enum VolumeError: Error, Equatable, CustomStringConvertible {
    /// It is neither a file nor a directory.
    case kind
    /// There are as many as there can be.
    case tooMany(Int)
    case system(SystemError)
    /// The process that serves files has refused it: its words.
    case refused(String)
    /// There is no process that serves files, or not any more.
    case serverGone

    public var description: String {
        switch self {
        case .kind: "a volume is neither a regular file nor a directory"
        case .tooMany(let most): "the VM has \(most) volumes, and can have no more"
        case .system(let error): "\(error)"
        case .refused(let reason): reason
        case .serverGone: "the process that serves the VM's volumes has ended, or answers nothing"
        }
    }
}
