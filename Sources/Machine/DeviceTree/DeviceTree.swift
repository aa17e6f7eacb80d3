public import Geometry

/// Why a machine's device tree cannot be written.
public enum DeviceTreeError: Error, Equatable, CustomStringConvertible {
    case tooLarge(capacityInBytes: Int)
    /// libfdt refused what we wrote: a bug of ours; the value is its error code.
    case refused(code: Int32)

    public var description: String {
        switch self {
        case .tooLarge(let capacity): "the device tree does not fit into \(capacity) bytes"
        case .refused(let code): "libfdt refused the device tree with error \(code)"
        }
    }
}

/// The one channel by which the guest's agent learns its machine: a flattened device tree (Devicetree specification 0.4),
/// which the agent reads as a `MachineTree`.
///
/// Linux gets everything that it needs from ACPI; with ACPI present it only unpacks this tree to /proc/device-tree, and
/// makes no device of it, as no node below the root is `compatible` with anything. The blob itself is in
/// /sys/kernel/boot_params/setup_data/0/data, where the agent reads it: that needs no CONFIG_OF.
///
/// A template's memory has the tree of the machine that was saved. A machine is restored only from a template of the same
/// zones and images, so it holds for that too; an image where that had a place for one is no part of it, and `Renew` names it.
///
/// ```
/// / {
///     compatible = "czone,machine";
///     czone,machine-version = <2>;
///     #address-cells = <2>;
///     #size-cells = <2>;
///     zones {
///         zone@200000000 {
///             reg = <base size>;
///             numa-node-id = <1>;
///         };
///     };
///     images {
///         image@8000000000 {
///             reg = <base size>;
///             czone,pmem = <0>;          /* its number among the virtio-pmem devices */
///         };
///     };
/// };
/// ```
public struct DeviceTree: Equatable, Sendable {
    public var machine: MachineTree

    public init(_ machine: MachineTree) { self.machine = machine }

    /// The tree as Linux and libfdt read it, small enough for `AddressMap.setupData`.
    public func blob() throws(DeviceTreeError) -> [UInt8] {
        // A zone or an image takes about 120 bytes; headers and property names 300.
        let largest = Int(AddressMap.setupDataCapacity) - 64
        let count = machine.zones.count + machine.images.count
        var writer = FlatTreeWriter(capacity: min(largest, 1024 + count * 160))
        writer.node("") { root in
            root.property("compatible", text: MachineTree.Format.compatible)
            root.property(
                MachineTree.Format.machineVersionProperty, cells: [MachineTree.Format.machineVersion])
            root.addressCells()
            root.node(MachineTree.Format.zones) { node in
                node.addressCells()
                for zone in machine.zones { node.zone(zone) }
            }
            root.node(MachineTree.Format.images) { node in
                node.addressCells()
                for image in machine.images { node.image(image) }
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

    fileprivate mutating func zone(_ zone: MachineTree.Zone) {
        node("zone@" + String(zone.base, radix: 16)) {
            $0.range(zone.base, zone.sizeInBytes)
            $0.property(MachineTree.Format.node, cells: [zone.node])
        }
    }

    fileprivate mutating func image(_ image: MachineTree.Image) {
        node("image@" + String(image.base, radix: 16)) {
            $0.range(image.base, image.sizeInBytes)
            $0.property(MachineTree.Format.pmem, cells: [image.device])
        }
    }

    private mutating func range(_ base: UInt64, _ sizeInBytes: UInt64) {
        let cells = [base, sizeInBytes].flatMap { [UInt32($0 >> 32), UInt32(truncatingIfNeeded: $0)] }
        property(MachineTree.Format.range, cells: cells)
    }
}
