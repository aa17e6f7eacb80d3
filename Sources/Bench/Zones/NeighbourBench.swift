import LinuxSystem

/// Times how QEMU takes memory back from a guest in which two containers ran side by side and one has ended.
public struct NeighbourBench {
    private let directory: String
    private let kernel: String
    private let disk: String
    private let virtualCPUs: Int
    /// The guest's memory besides what the containers need.
    private static let baseMemory: UInt64 = 256 << 20
    private static let maxMilliseconds: UInt64 = 60_000

    /// - `executable`: this executable, which does the guest's work.
    /// - `kernel`: the guest kernel with PCI.
    public init(directory: String, executable: String, kernel: String, virtualCPUs: Int) throws {
        self.directory = directory
        self.kernel = kernel
        self.virtualCPUs = virtualCPUs
        disk = "\(directory)/neighbours.cpio"
        guard let program = try FileSystem.contents(of: executable, atMost: 256 << 20) else {
            throw Stopwatch.Failed(description: "there is no file \(executable), which is to run in the guest")
        }
        // Swift's runtime asks /proc where it is.
        let lines = "/bin/busybox mount -t proc proc /proc\nexec /bin/czone \"$@\""
        let archive = try BusyboxRoot.initialRAMDisk(thenRunning: lines, programs: ["czone": program])
        try FileSystem.replace(disk, with: archive)
    }

    /// One virtio-mem device that both containers' memory comes from: once the first has ended, the device is asked to
    /// shrink by as much as the first had. Milliseconds from asking until QEMU has the memory.
    public func sharedDevice(sizeInBytes: UInt64, touched: Int, runs: Int) throws -> Measurements {
        let guest = try start(
            memory: Self.baseMemory, touched,
            ["-object", "memory-backend-ram,id=pool,size=2G", "-device", "virtio-mem-pci,id=shared,memdev=pool"])
        let device = "/machine/peripheral/shared"
        var measurements = Measurements()
        for run in 1...runs {
            try guest.monitor.set("requested-size", of: device, to: 2 * sizeInBytes)
            // The kernel keeps some of the base for itself.
            try guest.order("await \(2 * sizeInBytes + Self.baseMemory / 2)", answeredBy: "there")
            try guest.order("fill", answeredBy: "filled")
            try guest.order("end", answeredBy: "ended")
            measurements.add(
                try time("the shared device to shrink") {
                    try guest.monitor.set("requested-size", of: device, to: sizeInBytes)
                } until: {
                    try guest.monitor.number("size", of: device) <= sizeInBytes
                })
            if run == runs { break }
            try guest.order("clear", answeredBy: "cleared")
            _ = try time("the shared device to go") {
                try guest.monitor.set("requested-size", of: device, to: 0)
            } until: {
                try guest.monitor.number("size", of: device) == 0
            }
        }
        return measurements
    }

    /// A balloon in a guest whose memory is both containers': once the first has ended, it takes as much as that had.
    public func balloon(sizeInBytes: UInt64, touched: Int, runs: Int) throws -> Measurements {
        let memory = Self.baseMemory + 2 * sizeInBytes
        let guest = try start(memory: memory, touched, ["-device", "virtio-balloon-pci"])
        var measurements = Measurements()
        for run in 1...runs {
            try guest.order("fill", answeredBy: "filled")
            try guest.order("end", answeredBy: "ended")
            measurements.add(
                try time("the balloon to grow") {
                    try guest.monitor.setBalloon(leaving: memory - sizeInBytes)
                } until: {
                    try guest.monitor.memoryLeftByBalloon() <= memory - sizeInBytes
                })
            if run == runs { break }
            try guest.order("clear", answeredBy: "cleared")
            _ = try time("the balloon to shrink") {
                try guest.monitor.setBalloon(leaving: memory)
            } until: {
                try guest.monitor.memoryLeftByBalloon() >= memory
            }
        }
        return measurements
    }

    private func start(memory: UInt64, _ touched: Int, _ devices: [String]) throws -> QEMUGuest {
        try QEMUGuest(
            directory: directory, kernel: kernel, initialRAMDisk: disk, virtualCPUs: virtualCPUs, memory: memory,
            bytesEach: touched, devices: devices)
    }

    /// QEMU reports both devices' changes at most once a second, so it is asked, but seldom: asking takes its time.
    private func time(_ what: String, _ action: () throws -> Void, until isDone: () throws -> Bool) throws -> Double {
        let start = MonotonicClock.nanoseconds
        try action()
        while try !isDone() {
            guard MonotonicClock.nanoseconds - start < Self.maxMilliseconds * 1_000_000 else {
                throw Stopwatch.Failed(description: "waited \(Self.maxMilliseconds) ms for \(what)")
            }
            _ = try wait(for: [], timeoutInMilliseconds: 5)
        }
        return Double(MonotonicClock.nanoseconds - start) / 1e6
    }
}
