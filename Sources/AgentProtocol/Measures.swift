/// Every container's.
public struct MeasureContainers: Request, Equatable {
    public typealias Reply = ContainerMeasures
    public static let type = MessageType.measureContainers

    /// Has no fields.
    public init() {}
    public func encode(into encoder: inout MessageEncoder) {}
    public init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {}
}

/// A container's use of resources, from its control group and its zone's node.
public struct ContainerMeasure: Equatable, Sendable {
    /// Whose these are.
    public var container: ContainerNumber
    /// memory.current, in bytes.
    public var memoryCurrent: UInt64 = 0
    /// memory.peak, in bytes.
    public var memoryPeak: UInt64 = 0
    /// memory.max, in bytes; `UInt64.max`: no limit.
    public var memoryMax: UInt64 = 0
    /// memory.stat anon, in bytes.
    public var anonymous: UInt64 = 0
    /// memory.stat file, in bytes; shmem is part of it.
    public var file: UInt64 = 0
    /// memory.stat shmem, in bytes.
    public var shared: UInt64 = 0
    /// memory.stat kernel, in bytes.
    public var kernel: UInt64 = 0
    /// memory.stat inactive_file, in bytes.
    public var inactiveFile: UInt64 = 0
    /// memory.stat pgfault, a count.
    public var pageFaults: UInt64 = 0
    /// memory.stat pgmajfault, a count.
    public var majorPageFaults: UInt64 = 0
    /// memory.events max: how often memory.max was met.
    public var maxEvents: UInt64 = 0
    /// memory.events oom: how often it was out of memory.
    public var oomEvents: UInt64 = 0
    /// memory.events oom_kill: processes killed for that.
    public var oomKills: UInt64 = 0
    /// cpu.stat usage_usec, in nanoseconds.
    public var cpuUsage: UInt64 = 0
    /// cpu.stat user_usec, in nanoseconds.
    public var cpuUser: UInt64 = 0
    /// cpu.stat system_usec, in nanoseconds.
    public var cpuSystem: UInt64 = 0
    /// cpu.stat nr_periods, a count.
    public var cpuPeriods: UInt64 = 0
    /// cpu.stat nr_throttled, a count.
    public var cpuThrottledPeriods: UInt64 = 0
    /// cpu.stat throttled_usec, in nanoseconds.
    public var cpuThrottled: UInt64 = 0
    /// pids.current.
    public var processes: UInt64 = 0
    /// pids.max; `UInt64.max`: no limit.
    public var processesMax: UInt64 = 0
    /// Bytes of its zone that are online; 0 without a zone.
    public var zoneTotal: UInt64 = 0
    /// Bytes of its zone in use; 0 without a zone.
    public var zoneUsed: UInt64 = 0

    /// All numbers 0.
    public init(container: ContainerNumber) { self.container = container }

    /// Every number but the container's, in their order on the wire. A computed list, so that encoding and decoding
    /// cannot differ.
    private var numbers: [UInt64] {
        get {
            [
                memoryCurrent, memoryPeak, memoryMax, anonymous, file, shared, kernel, inactiveFile, pageFaults,
                majorPageFaults, maxEvents, oomEvents, oomKills, cpuUsage, cpuUser, cpuSystem, cpuPeriods,
                cpuThrottledPeriods, cpuThrottled, processes, processesMax, zoneTotal, zoneUsed,
            ]
        }
        set {
            (memoryCurrent, memoryPeak, memoryMax) = (newValue[0], newValue[1], newValue[2])
            (anonymous, file, shared, kernel) = (newValue[3], newValue[4], newValue[5], newValue[6])
            (inactiveFile, pageFaults, majorPageFaults) = (newValue[7], newValue[8], newValue[9])
            (maxEvents, oomEvents, oomKills) = (newValue[10], newValue[11], newValue[12])
            (cpuUsage, cpuUser, cpuSystem) = (newValue[13], newValue[14], newValue[15])
            (cpuPeriods, cpuThrottledPeriods, cpuThrottled) = (newValue[16], newValue[17], newValue[18])
            (processes, processesMax) = (newValue[19], newValue[20])
            (zoneTotal, zoneUsed) = (newValue[21], newValue[22])
        }
    }

    public func encode(into encoder: inout MessageEncoder) {
        encoder.container(container)
        for number in numbers { encoder.integer(number) }
    }

    public init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        container = try decoder.container()
        var values = numbers
        for index in values.indices { values[index] = try decoder.integer() }
        numbers = values
    }
}

/// Each container's use of resources.
public struct ContainerMeasures: Message, Equatable {
    public static let type = MessageType.containerMeasures

    /// In the order of their making; at most `Limits.containers`.
    public var containers: [ContainerMeasure]

    /// Takes the fields as they are; encoding checks them against `Limits`.
    public init(containers: [ContainerMeasure]) { self.containers = containers }

    public func encode(into encoder: inout MessageEncoder) {
        encoder.list(containers, "containers", atMost: Limits.containers) { $1.encode(into: &$0) }
    }

    public init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        containers = try decoder.list("containers", atMost: Limits.containers) { d throws(ProtocolError) in
            try ContainerMeasure(decoding: &d)
        }
    }
}

/// The guest's memory, node by node.
public struct MeasureNodes: Request, Equatable {
    public typealias Reply = NodeMeasures
    public static let type = MessageType.measureNodes

    /// Has no fields.
    public init() {}
    public func encode(into encoder: inout MessageEncoder) {}
    public init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {}
}

/// The memory of a NUMA node.
public struct NodeMeasure: Equatable, Sendable {
    /// 0: the guest's own; from 1: zones.
    public var node: UInt32
    /// MemTotal of nodeN/meminfo, in bytes.
    public var totalBytes: UInt64
    /// MemFree of nodeN/meminfo, in bytes.
    public var freeBytes: UInt64

    /// Takes the fields as they are; encoding checks them against `Limits`.
    public init(node: UInt32, totalBytes: UInt64, freeBytes: UInt64) {
        self.node = node
        self.totalBytes = totalBytes
        self.freeBytes = freeBytes
    }
}

/// The memory of the guest's NUMA nodes.
public struct NodeMeasures: Message, Equatable {
    public static let type = MessageType.nodeMeasures

    /// Those that have memory, node 0 first.
    public var nodes: [NodeMeasure]
    /// vmstat pgmigrate_success since boot, in pages.
    public var pagesMigrated: UInt64
    /// The agent's own resident memory, in bytes.
    public var agentResidentBytes: UInt64

    /// Takes the fields as they are; encoding checks them against `Limits`.
    public init(nodes: [NodeMeasure], pagesMigrated: UInt64, agentResidentBytes: UInt64) {
        self.nodes = nodes
        self.pagesMigrated = pagesMigrated
        self.agentResidentBytes = agentResidentBytes
    }

    public func encode(into encoder: inout MessageEncoder) {
        encoder.list(nodes, "nodes", atMost: Limits.zones + 1) { encoder, node in
            encoder.integer(node.node)
            encoder.integer(node.totalBytes)
            encoder.integer(node.freeBytes)
        }
        encoder.integer(pagesMigrated)
        encoder.integer(agentResidentBytes)
    }

    public init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        nodes = try decoder.list("nodes", atMost: Limits.zones + 1) { d throws(ProtocolError) in
            NodeMeasure(node: try d.integer(), totalBytes: try d.integer(), freeBytes: try d.integer())
        }
        pagesMigrated = try decoder.integer()
        agentResidentBytes = try decoder.integer()
    }
}

/// For tests: where the pages of a container's processes are.
public struct MeasurePlacement: Request, Equatable {
    public typealias Reply = PagePlacement
    public static let type = MessageType.measurePlacement

    /// One that was made; ENOENT else.
    public var container: ContainerNumber

    /// Takes the fields as they are; encoding checks them against `Limits`.
    public init(container: ContainerNumber) { self.container = container }
    public func encode(into encoder: inout MessageEncoder) { encoder.container(container) }
    public init(decoding decoder: inout MessageDecoder) throws(ProtocolError) { container = try decoder.container() }
}

/// Pages of 4 KiB, each mapping of each process counted (a page that two processes share counts twice). The zero page
/// and the kernel's own ([vdso], [vvar]) are not counted.
public struct PagePlacement: Message, Equatable {
    public static let type = MessageType.pagePlacement

    /// Processes that were looked at.
    public var processes: UInt32
    /// Physical address within the zone of the container.
    public var inZone: UInt64
    /// Anonymous or written pages anywhere else but in an image: must be 0.
    public var outsideZone: UInt64
    /// Pages of files (page cache) anywhere else but in an image or the zone: must be 0.
    public var fileOutsideZone: UInt64
    /// Mapped straight from an image's pmem device.
    public var inImage: UInt64
    /// Page cache charged to the container that is no tmpfs (memory.stat file − shmem): 0 where images are on DAX.
    public var cachePages: UInt64
    /// The physical address of the first page outside; 0 where there is none.
    public var firstOutside: UInt64
    /// What the first page outside is part of, as /proc/PID/maps names it; empty where there is none.
    public var firstOutsideMapping: String

    /// Takes the fields as they are; encoding checks them against `Limits`.
    public init(
        processes: UInt32, inZone: UInt64, outsideZone: UInt64, fileOutsideZone: UInt64, inImage: UInt64,
        cachePages: UInt64, firstOutside: UInt64, firstOutsideMapping: String
    ) {
        self.processes = processes
        self.inZone = inZone
        self.outsideZone = outsideZone
        self.fileOutsideZone = fileOutsideZone
        self.inImage = inImage
        self.cachePages = cachePages
        self.firstOutside = firstOutside
        self.firstOutsideMapping = firstOutsideMapping
    }

    public func encode(into encoder: inout MessageEncoder) {
        encoder.integer(processes)
        encoder.integer(inZone)
        encoder.integer(outsideZone)
        encoder.integer(fileOutsideZone)
        encoder.integer(inImage)
        encoder.integer(cachePages)
        encoder.integer(firstOutside)
        encoder.text(firstOutsideMapping, "mapping", atMost: Limits.text)
    }

    public init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        processes = try decoder.integer()
        inZone = try decoder.integer()
        outsideZone = try decoder.integer()
        fileOutsideZone = try decoder.integer()
        inImage = try decoder.integer()
        cachePages = try decoder.integer()
        firstOutside = try decoder.integer()
        firstOutsideMapping = try decoder.message("mapping", atMost: Limits.text)
    }
}
