/// Why a device tree is not one of a czone machine.
public enum MachineTreeError: Error, Equatable {
    /// It does not begin as a flattened device tree.
    case noTree
    /// A version of the format that is not understood.
    case unknownFormat(version: UInt32)
    /// It ends before something does; where in its bytes.
    case truncated(offset: Int)
    /// It contradicts itself, or has what no machine's tree has; where in its bytes.
    case malformed(offset: Int)
    /// It is another machine's.
    case notCompatible
    /// The machine has another version than this program knows.
    case machineVersion(UInt32)
    /// More zones or images than a machine can have.
    case tooMany
    /// A zone or image without a range or a number, or whose range is none.
    case incomplete

    /// In words. Not `CustomStringConvertible`: the agent is Embedded Swift.
    public var reason: String {
        switch self {
        case .noTree: "it is no flattened device tree"
        case .unknownFormat(let version): "its format has version \(version), expected 17"
        case .truncated(let offset): "it ends early, at byte \(offset)"
        case .malformed(let offset): "it is malformed at byte \(offset)"
        case .notCompatible: "it is not compatible with \(MachineTree.Format.compatible)"
        case .machineVersion(let version):
            "the machine has version \(version), expected \(MachineTree.Format.machineVersion)"
        case .tooMany: "it has more zones or images than a machine can have"
        case .incomplete: "a zone or image lacks its range or number"
        }
    }
}

/// What a guest's agent learns of its machine: the zones and the images, which the host describes in the device tree that
/// the kernel is booted with.
public struct MachineTree: Equatable, Sendable {
    /// A zone as the guest sees it.
    public struct Zone: Equatable, Sendable {
        /// Its NUMA node, from 1.
        public var node: UInt32
        /// Its first guest-physical address, a multiple of a block.
        public var base: UInt64
        /// The most that can be plugged, whole blocks.
        public var sizeInBytes: UInt64

        public init(node: UInt32, base: UInt64, sizeInBytes: UInt64) {
            self.node = node
            self.base = base
            self.sizeInBytes = sizeInBytes
        }
    }

    /// An image as the guest sees it: an EROFS file system on a virtio-pmem device.
    public struct Image: Equatable, Sendable {
        /// The N of /dev/pmemN: the devices count from 0 in the order of their virtio-mmio addresses.
        public var device: UInt32
        /// The device's memory, which distinguishes image pages from others.
        public var base: UInt64
        /// In bytes; whole 2 MiB.
        public var sizeInBytes: UInt64

        public init(device: UInt32, base: UInt64, sizeInBytes: UInt64) {
            self.device = device
            self.base = base
            self.sizeInBytes = sizeInBytes
        }
    }

    /// The most images of a machine.
    public static let maxImageCount = 64

    /// At most `ZoneGeometry.maxZoneCount`, in the order of their nodes.
    public var zones: [Zone]
    /// At most `maxImageCount`, in the order of their devices.
    public var images: [Image]

    public init(zones: [Zone] = [], images: [Image] = []) {
        self.zones = zones
        self.images = images
    }

    /// The names in the tree, for its writer and its reader.
    public enum Format {
        /// The root's `compatible`.
        public static let compatible = "czone,machine"
        /// Raised when an agent of before could no longer read the tree, or drive the machine.
        public static let machineVersion: UInt32 = 2
        /// Of the root: `machineVersion`, one cell.
        public static let machineVersionProperty = "czone,machine-version"
        /// The node whose children are the zones.
        public static let zones = "zones"
        /// The node whose children are the images.
        public static let images = "images"
        /// Base and size, two cells each.
        public static let range = "reg"
        /// Of a zone, one cell.
        public static let node = "numa-node-id"
        /// Of an image: the N of /dev/pmemN, one cell.
        public static let pmem = "czone,pmem"
    }
}

extension MachineTree {
    /// Reads a flattened tree. Nodes and properties that are not known are passed over.
    public init(parsing blob: [UInt8]) throws(MachineTreeError) {
        var reader = try FlatTreeReader(blob)
        self.init()
        var builder = Builder()
        while true {
            switch try reader.next() {
            case .node(let name): builder.begin(name)
            case .property(let name, let value): try builder.note(name, value)
            case .nodeEnd: try builder.end(into: &self)
            case .end:
                guard builder.isClosed else { throw .truncated(offset: blob.count) }
                guard builder.isCompatible else { throw .notCompatible }
                guard builder.machineVersion == Format.machineVersion else {
                    throw .machineVersion(builder.machineVersion)
                }
                return
            }
        }
    }

    /// Where in the tree the reader is, and what it has seen of the present zone or image.
    private struct Builder {
        private enum Section { case zones, images, other }

        private(set) var isCompatible = false
        private(set) var machineVersion: UInt32 = 0
        /// Of nodes that have begun and not ended: 1 in the root, 3 in a zone. Bounded by the blob's size.
        private var depth = 0
        private var hasRoot = false
        private var section = Section.other
        private var range: (base: UInt64, sizeInBytes: UInt64)?
        private var number: UInt32?

        var isClosed: Bool { hasRoot && depth == 0 }

        mutating func begin(_ name: ArraySlice<UInt8>) {
            depth += 1
            hasRoot = true
            if depth == 2 {
                section =
                    name.elementsEqual(Format.zones.utf8)
                    ? .zones : name.elementsEqual(Format.images.utf8) ? .images : .other
            }
            if depth == 3 { (range, number) = (nil, nil) }
        }

        mutating func note(_ name: ArraySlice<UInt8>, _ value: ArraySlice<UInt8>) throws(MachineTreeError) {
            if depth == 1 {
                if name.elementsEqual("compatible".utf8) {
                    isCompatible = value.dropLast().elementsEqual(Format.compatible.utf8)
                } else if name.elementsEqual(Format.machineVersionProperty.utf8) {
                    machineVersion = UInt32(truncatingIfNeeded: try Self.number(value, cells: 1))
                }
            }
            guard depth == 3, section != .other else { return }
            if name.elementsEqual(Format.range.utf8) {
                guard value.count == 16 else { throw .malformed(offset: value.startIndex) }
                range = (try Self.number(value.prefix(8), cells: 2), try Self.number(value.dropFirst(8), cells: 2))
            } else if name.elementsEqual((section == .zones ? Format.node : Format.pmem).utf8) {
                number = UInt32(truncatingIfNeeded: try Self.number(value, cells: 1))
            }
        }

        mutating func end(into tree: inout MachineTree) throws(MachineTreeError) {
            guard depth > 0 else { throw .malformed(offset: 0) }
            defer { depth -= 1 }
            guard depth == 3, section != .other else { return }
            guard let range, let number, range.sizeInBytes > 0,
                !range.base.addingReportingOverflow(range.sizeInBytes).overflow
            else { throw .incomplete }
            if section == .zones {
                guard tree.zones.count < ZoneGeometry.maxZoneCount else { throw .tooMany }
                guard number > 0 else { throw .incomplete }
                tree.zones.append(Zone(node: number, base: range.base, sizeInBytes: range.sizeInBytes))
            } else {
                guard tree.images.count < MachineTree.maxImageCount else { throw .tooMany }
                tree.images.append(Image(device: number, base: range.base, sizeInBytes: range.sizeInBytes))
            }
        }

        /// A big-endian number of so many cells of 4 bytes.
        private static func number(_ value: ArraySlice<UInt8>, cells: Int) throws(MachineTreeError) -> UInt64 {
            guard value.count == 4 * cells else { throw .malformed(offset: value.startIndex) }
            var number: UInt64 = 0
            for byte in value { number = number << 8 | UInt64(byte) }
            return number
        }
    }
}
