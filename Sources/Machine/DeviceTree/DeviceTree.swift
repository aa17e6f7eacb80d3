public import Memory

/// Why a machine's device tree cannot be written.
public enum DeviceTreeError: Error, Equatable, CustomStringConvertible {
    case tooLarge(capacityInBytes: Int)
    case digest(String)
    /// libfdt refused what we wrote: a bug of ours, told by its error code.
    case refused(code: Int32)

    public var description: String {
        switch self {
        case .tooLarge(let capacity): "the device tree does not fit into \(capacity) bytes"
        case .digest(let digest):
            "image digest \"\(digest)\": expected 1 to \(DeviceTree.longestDigest) printable ASCII characters"
        case .refused(let code): "libfdt refused the device tree with error \(code)"
        }
    }
}

/// What the guest's agent learns about its machine: a flattened device tree (Devicetree specification 0.4).
///
/// Linux gets everything that it needs from ACPI; with ACPI present it only unpacks this tree to /proc/device-tree
/// (and, as it was, to /sys/firmware/fdt) and makes no device of it, as no node below the root is `compatible` with
/// anything. Where a kernel has no CONFIG_OF the blob is in /sys/kernel/boot_params/setup_data/0/data.
///
/// ```
/// / {
///     compatible = "czone,machine";
///     czone,machine-version = <1>;
///     #address-cells = <2>;
///     #size-cells = <2>;
///     zones {
///         zone@200000000 {
///             reg = <base size>;
///             numa-node-id = <1>;
///             czone,device = <index of its virtio-mem device, as _UID in the DSDT>;
///         };
///     };
///     images {
///         image@8000000000 {
///             reg = <base size>;
///             czone,pmem = <0>;          /* its number among the virtio-pmem devices */
///             czone,device = <index>;
///             czone,digest = "sha256:…";
///         };
///     };
/// };
/// ```
public struct DeviceTree: Equatable, Sendable {
    /// Raised when an agent of before could no longer read the tree, or drive the machine.
    public static let machineVersion: UInt32 = 1
    public static let longestDigest = 128

    public struct Zone: Equatable, Sendable {
        public var node: UInt32
        public var range: GuestRange
        /// The index of the zone's virtio-mem device among all virtio devices.
        public var device: UInt32

        public init(node: UInt32, range: GuestRange, device: UInt32) {
            self.node = node
            self.range = range
            self.device = device
        }
    }

    public struct Image: Equatable, Sendable {
        public var range: GuestRange
        /// The index of the image's virtio-pmem device among all virtio devices.
        public var device: UInt32
        /// As the image store names it, algorithm included.
        public var digest: String

        public init(range: GuestRange, device: UInt32, digest: String) {
            self.range = range
            self.device = device
            self.digest = digest
        }
    }

    public var zones: [Zone]
    /// In the order of their pmem numbers.
    public var images: [Image]

    public init(zones: [Zone] = [], images: [Image] = []) {
        self.zones = zones
        self.images = images
    }

    /// The tree as Linux and libfdt read it, small enough for `AddressMap.setupData`.
    public func blob() throws(DeviceTreeError) -> [UInt8] {
        for image in images {
            guard (1...Self.longestDigest).contains(image.digest.utf8.count),
                image.digest.utf8.allSatisfy({ (0x21...0x7e).contains($0) })
            else { throw .digest(image.digest) }
        }
        // A zone takes about 120 bytes, an image with the longest digest 270; headers and property names 300.
        let largest = Int(AddressMap.setupDataCapacity) - 64
        var writer = FlatTreeWriter(capacity: min(largest, 1024 + zones.count * 160 + images.count * 320))
        writer.node("") { root in
            root.property("compatible", text: "czone,machine")
            root.property("czone,machine-version", cells: [Self.machineVersion])
            root.addressCells()
            root.node("zones") { node in
                node.addressCells()
                for zone in zones { node.zone(zone) }
            }
            root.node("images") { node in
                node.addressCells()
                for (number, image) in images.enumerated() { node.image(image, number: UInt32(number)) }
            }
        }
        return try writer.finish()
    }
}

extension FlatTreeWriter {
    fileprivate mutating func addressCells() {
        property("#address-cells", cells: [2])
        property("#size-cells", cells: [2])
    }

    fileprivate mutating func zone(_ zone: DeviceTree.Zone) {
        node("zone@" + String(zone.range.start.rawValue, radix: 16)) {
            $0.range(zone.range)
            $0.property("numa-node-id", cells: [zone.node])
            $0.property("czone,device", cells: [zone.device])
        }
    }

    fileprivate mutating func image(_ image: DeviceTree.Image, number: UInt32) {
        node("image@" + String(image.range.start.rawValue, radix: 16)) {
            $0.range(image.range)
            $0.property("czone,pmem", cells: [number])
            $0.property("czone,device", cells: [image.device])
            $0.property("czone,digest", text: image.digest)
        }
    }

    private mutating func range(_ range: GuestRange) {
        let values = [range.start.rawValue, range.sizeInBytes]
        property("reg", cells: values.flatMap { [UInt32($0 >> 32), UInt32(truncatingIfNeeded: $0)] })
    }
}
