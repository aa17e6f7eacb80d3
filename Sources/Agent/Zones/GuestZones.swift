import Geometry

/// All zones, kept up to date by the kernel's device events.
final class GuestZones {
    private(set) var zones: [GuestZone] = []
    private let events: Descriptor
    /// Called after a block of a zone went online. One that goes offline is its caller's doing.
    var wentOnline: ((GuestZone) -> Void)?
    private var buffer = [UInt8](repeating: 0, count: 4096)

    init(loop: PollLoop) throws(Failure) {
        events = Descriptor(taking: try check(Kernel.openDeviceEvents(), .request, "listen to device events"))
        loop.watch(events.rawValue, for: Ready.readable) { [self] _ in takeEvents() }
    }

    subscript(node: UInt32) -> GuestZone? { zones.first { $0.description.node == node } }

    func set(_ descriptions: [MachineTree.Zone]) throws(Failure) {
        let text = TextFile("/sys/devices/system/memory/block_size_bytes")
        let blockSize = TextFile.hexadecimal(in: text.bytes[...]).value
        guard descriptions.isEmpty || blockSize > 0 else {
            throw Failure(code: ErrorNumber.notSupported, step: .zoneOnline, text: "find the size of memory blocks")
        }
        for zone in descriptions where zone.base % blockSize != 0 || zone.sizeInBytes % blockSize != 0 {
            let text = "use zone \(zone.node) at \(zone.base) of \(zone.sizeInBytes) bytes: blocks have \(blockSize)"
            throw Failure(code: ErrorNumber.invalid, step: .zoneOnline, text: text)
        }
        // As a guest begins: with the base's memory, node 0's, alone.
        let isEmpty = TextFile("/sys/devices/system/node/has_memory").bytes.elementsEqual("0\n".utf8)
        zones = descriptions.map { GuestZone($0, blockSize: blockSize, isEmpty: isEmpty && $0.node != 0) }
    }

    /// Takes the events that are there. Called also before a zone's state is relied on: the host may know already what
    /// an event that still waits would report.
    func takeEvents() {
        while true {
            let count = Kernel.read(events.rawValue, into: &buffer)
            if count == -Int(ErrorNumber.noBuffers) {
                for zone in zones { zone.scan() }
                continue
            }
            if count <= 0 { return }
            take(buffer[..<count])
        }
    }

    /// "online@/devices/system/memory/memory40", then properties.
    private func take(_ event: ArraySlice<UInt8>) {
        let isOnline = event.starts(with: "online@")
        guard isOnline || event.starts(with: "offline@") || event.starts(with: "remove@"),
            let at = event.firstIndex(of: UInt8(ascii: "@"))
        else { return }
        let path = event[(at + 1)...]
        let prefix: StaticString = "/devices/system/memory/memory"
        guard path.starts(with: prefix) else { return }
        let block = TextFile.number(in: path.dropFirst(prefix.utf8CodeUnitCount))
        for zone in zones where zone.blocks.contains(block) {
            zone.blockChanged(block, isOnline: isOnline)
            if isOnline { wentOnline?(zone) }
        }
    }
}
