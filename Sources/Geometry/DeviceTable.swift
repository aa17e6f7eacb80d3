/// The virtio devices of a machine, in the order of their register windows, their interrupt lines and their entries in
/// the DSDT. The guest numbers its pmem devices in this order, and a template can be restored only into a machine with
/// the same: a change of the order raises the version of the template's state file.
public struct DeviceTable: Equatable, Sendable {
    /// A device; images and zones by their index.
    public enum Device: Equatable, Sendable {
        case entropy
        case vsock
        /// virtio-pmem; the index is also the N of /dev/pmemN.
        case image(Int)
        /// virtio-mem, a device for each zone.
        case zone(Int)
        case balloon
        case network
        case fileSystem
    }

    /// The index of vsock in a machine that has it. Nearly all interrupts are its, so its line is never shared.
    public static let vsockIndex = 1

    /// How many places for images a VM of many containers has besides its own image's: for containers of other images.
    public static let furtherImageCount = 3

    /// By index.
    public let devices: [Device]

    /// - `takesContainers`: whether the machine has vsock, a balloon and a network interface.
    /// - `hasFileSystem`: whether volumes are shown to it.
    public init(imageCount: Int, zoneCount: Int, takesContainers: Bool, hasFileSystem: Bool) {
        var devices: [Device] = [.entropy]
        if takesContainers { devices.append(.vsock) }
        for image in 0..<imageCount { devices.append(.image(image)) }
        for zone in 0..<zoneCount { devices.append(.zone(zone)) }
        if takesContainers {
            devices.append(.balloon)
            devices.append(.network)
        }
        if hasFileSystem { devices.append(.fileSystem) }
        self.devices = devices
    }
}
