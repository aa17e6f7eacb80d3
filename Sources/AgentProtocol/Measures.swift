/// One container's use of resources.
public struct MeasureContainer: Request, Equatable {
    public typealias Reply = ContainerMeasure
    public static let type = MessageType.measureContainer

    public var container: ContainerNumber

    public init(container: ContainerNumber) { self.container = container }
    public func encode(into encoder: inout MessageEncoder) { encoder.container(container) }
    public init(decoding decoder: inout MessageDecoder) throws(ProtocolError) { container = try decoder.container() }
}

/// Every container's.
public struct MeasureContainers: Request, Equatable {
    public typealias Reply = ContainerMeasures
    public static let type = MessageType.measureContainers

    public init() {}
    public func encode(into encoder: inout MessageEncoder) {}
    public init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {}
}

/// From the container's control group. Bytes, nanoseconds, counts.
public struct ContainerMeasure: Message, Equatable {
    public static let type = MessageType.containerMeasure

    public var container: ContainerNumber
    /// memory.current, memory.peak, memory.max (`UInt64.max`: no limit).
    public var memoryCurrent: UInt64 = 0
    public var memoryPeak: UInt64 = 0
    public var memoryMax: UInt64 = 0
    /// memory.stat: anon, file (shmem in it), shmem, kernel, inactive_file, pgfault, pgmajfault.
    public var anonymous: UInt64 = 0
    public var file: UInt64 = 0
    public var shared: UInt64 = 0
    public var kernel: UInt64 = 0
    public var inactiveFile: UInt64 = 0
    public var pageFaults: UInt64 = 0
    public var majorPageFaults: UInt64 = 0
    /// memory.events: how often it met memory.max, was out of memory, had a process killed for it.
    public var maxEvents: UInt64 = 0
    public var oomEvents: UInt64 = 0
    public var oomKills: UInt64 = 0
    /// cpu.stat.
    public var cpuUsage: UInt64 = 0
    public var cpuUser: UInt64 = 0
    public var cpuSystem: UInt64 = 0
    public var cpuPeriods: UInt64 = 0
    public var cpuThrottledPeriods: UInt64 = 0
    public var cpuThrottled: UInt64 = 0
    /// pids.current, pids.max (`UInt64.max`: no limit).
    public var processes: UInt64 = 0
    public var processesMax: UInt64 = 0
    /// Its zone: bytes online, bytes of it in use. 0 without a zone.
    public var zoneTotal: UInt64 = 0
    public var zoneUsed: UInt64 = 0

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

public struct ContainerMeasures: Message, Equatable {
    public static let type = MessageType.containerMeasures

    public var containers: [ContainerMeasure]

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

    public init() {}
    public func encode(into encoder: inout MessageEncoder) {}
    public init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {}
}

public struct NodeMeasure: Equatable, Sendable {
    public var node: UInt32
    /// nodeN/meminfo, in bytes.
    public var totalBytes: UInt64
    public var freeBytes: UInt64

    public init(node: UInt32, totalBytes: UInt64, freeBytes: UInt64) {
        self.node = node
        self.totalBytes = totalBytes
        self.freeBytes = freeBytes
    }
}

public struct NodeMeasures: Message, Equatable {
    public static let type = MessageType.nodeMeasures

    /// Those that have memory, node 0 first.
    public var nodes: [NodeMeasure]
    /// vmstat pgmigrate_success since boot, in pages.
    public var pagesMigrated: UInt64
    /// The agent's own resident memory, in bytes.
    public var agentResidentBytes: UInt64

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

    public var container: ContainerNumber

    public init(container: ContainerNumber) { self.container = container }
    public func encode(into encoder: inout MessageEncoder) { encoder.container(container) }
    public init(decoding decoder: inout MessageDecoder) throws(ProtocolError) { container = try decoder.container() }
}

/// Pages of 4 KiB, each mapping of each process counted (a page that two processes share counts twice). The zero page
/// and the kernel's own ([vdso], [vvar]) are not counted.
public struct PagePlacement: Message, Equatable {
    public static let type = MessageType.pagePlacement

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
    /// The physical address of the first page outside, 0 when there is none, and of what it is part.
    public var firstOutside: UInt64
    public var firstOutsideMapping: String

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
