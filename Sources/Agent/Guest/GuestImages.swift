import Geometry

/// The images that the guest has mounted, each at its number's directory, with DAX.
final class GuestImages {
    /// What still has an image at its container's end goes with the container's mount namespace: how often that is
    /// looked for, and how long in between, in milliseconds.
    private static let maxLooks = 100
    private static let interval: UInt32 = 20

    private let loop: PollLoop
    private let workers: Workers
    /// The device is the image's number, which is also the N of /dev/pmemN for those that were there at the boot.
    private(set) var all: [MachineTree.Image] = []
    /// Where those are that came later.
    private var arrived: [Arrived] = []

    private struct Arrived {
        let image: UInt32
        /// On the platform's bus.
        let name: String
        /// The N of /dev/pmemN.
        let disk: UInt32
    }

    init(loop: PollLoop, workers: Workers) {
        self.loop = loop
        self.workers = workers
    }

    /// Those of the device tree.
    func mountAll(_ images: [MachineTree.Image]) throws(Failure) {
        for image in images where !all.contains(where: { $0.device == image.device }) {
            try mount(image.device, from: image.device)
            all.append(image)
        }
    }

    /// A device has an image where the guest was saved with a place for one: the kernel looked there as it booted and
    /// found a placeholder.
    func fill(_ places: [UInt8]) throws(Failure) {
        for place in places {
            let number = UInt32(all.count)
            try bind(Self.name(of: place))
            try mount(number, from: number)
            all.append(Self.describe(number, on: number))
        }
    }

    // MARK: requests

    func bring(_ request: BringImage, _ caller: Caller) throws(Failure) {
        guard !all.contains(where: { $0.device == request.image }) else {
            throw Failure(code: ErrorNumber.exists, step: .image, text: "mount image \(request.image) twice")
        }
        let name = Self.name(of: request.device)
        try bind(name)
        do throws(Failure) {
            guard let disk = Self.disk(at: request.base) else {
                throw Failure(code: ErrorNumber.noEntry, step: .image, text: "find the image of \(name)")
            }
            try mount(request.image, from: disk)
            all.append(Self.describe(request.image, on: disk))
            arrived.append(Arrived(image: request.image, name: name, disk: disk))
        } catch {
            try? Self.unbind(name)
            throw error
        }
        caller.reply(Done())
    }

    func release(_ request: ReleaseImage, _ caller: Caller) throws(Failure) {
        guard let image = arrived.first(where: { $0.image == request.image }) else {
            let text = "release image \(request.image), which has not come"
            throw Failure(code: ErrorNumber.noEntry, step: .image, text: text)
        }
        let directory = AgentDirectory.image(image.image)
        try check(Kernel.detachMount(directory), .image, "detach \(directory)")
        awaitRelease(image, looks: 0, caller)
    }

    /// The disk is free once no mount namespace has it any more: a file system claims its disk for itself (O_EXCL).
    private func awaitRelease(_ image: Arrived, looks: Int, _ caller: Caller) {
        let disk = Kernel.open("/dev/pmem\(image.disk)", OpenFlag.read | OpenFlag.exclusive)
        if disk >= 0 {
            Kernel.close(disk)
            return remove(image, caller)
        }
        guard looks < Self.maxLooks else { return keep(image, -disk, caller) }
        _ = loop.after(milliseconds: Self.interval) { [self] in awaitRelease(image, looks: looks + 1, caller) }
    }

    /// To unbind its driver frees the page descriptors, which takes the kernel its time.
    private func remove(_ image: Arrived, _ caller: Caller) {
        let work = { () -> [UInt8] in
            do throws(Failure) {
                try Self.unbind(image.name)
                return [1]
            } catch { return [] }
        }
        do throws(Failure) {
            try workers.run(timeout: WaitLimit.work, group: nil, work) { [self] result in
                guard !result.isEmpty else { return keep(image, ErrorNumber.timedOut, caller) }
                arrived.removeAll { $0.image == image.image }
                all.removeAll { $0.device == image.image }
                caller.reply(Done())
            }
        } catch { keep(image, error.code, caller) }
    }

    /// It stays as it was.
    private func keep(_ image: Arrived, _ code: Int32, _ caller: Caller) {
        do throws(Failure) {
            try mount(image.image, from: image.disk)
            throw Failure(code: code, step: .image, text: "release image \(image.image)")
        } catch { caller.reply(error) }
    }

    // MARK: devices

    private static func name(of place: UInt8) -> String {
        let digits = Array("0123456789abcdef".utf8)
        let number = String(decoding: [digits[Int(place >> 4)], digits[Int(place & 15)]], as: UTF8.self)
        return "LNRO0005:\(number)"
    }

    private static let driver = "/sys/bus/platform/drivers/virtio-mmio"

    private func bind(_ name: String) throws(Failure) {
        try writeValue(name, to: Self.driver + "/bind", .image)
        // The driver goes on by itself; to read this waits until it has finished (drivers/nvdimm, nd_synchronize).
        for bus in 0...UInt32(all.count) { _ = TextFile("/sys/bus/nd/devices/ndbus\(bus)/wait_probe") }
    }

    private static func unbind(_ name: String) throws(Failure) { try writeValue(name, to: driver + "/unbind", .image) }

    /// The N of the /dev/pmemN that lies at an address: numbers that became free are given anew.
    private static func disk(at base: UInt64) -> UInt32? {
        (0..<UInt32(MachineTree.maxImageCount)).first { address(ofDisk: $0) == base }
    }

    /// "0x8000000000"
    private static func address(ofDisk disk: UInt32) -> UInt64 {
        TextFile.hexadecimal(in: TextFile("/sys/bus/nd/devices/region\(disk)/resource").bytes.dropFirst(2)).value
    }

    private static func describe(_ number: UInt32, on disk: UInt32) -> MachineTree.Image {
        let size = TextFile("/sys/bus/nd/devices/region\(disk)/size").number
        return MachineTree.Image(device: number, base: address(ofDisk: disk), sizeInBytes: size)
    }

    private func mount(_ number: UInt32, from disk: UInt32) throws(Failure) {
        let directory = AgentDirectory.image(number)
        let made = Kernel.makeDirectory(directory)
        if made != -ErrorNumber.exists { try check(made, .image, "make \(directory)") }
        try check(
            Kernel.mount(
                "/dev/pmem\(disk)", on: directory, type: "erofs",
                flags: MountFlag.readOnly | MountFlag.noDevices, data: "dax=always"),
            .image, "mount image /dev/pmem\(disk)")
    }
}
