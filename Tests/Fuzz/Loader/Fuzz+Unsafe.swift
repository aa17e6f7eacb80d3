import LinuxSystem
import Machine
import Memory
import TestSupport

private let memorySizeInBytes = 8 << 20
private let fileSizeInBytes = 8192

/// Entry of libFuzzer: the input is a kernel file, either as it is or as changes to the headers of a good one, and the
/// wishes for a machine to boot it in. What is not refused must lie within its bounds, and load without a trap.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    // SAFETY: libFuzzer passes `count` readable bytes, which are copied here.
    var input = FuzzInput(unsafe [UInt8](UnsafeBufferPointer(start: start, count: count)))
    checkLayout(request(&input))
    let initrdSize: UInt64? = input.integer(UInt8.self) & 1 == 0 ? nil : size(&input)
    let bytes = input.integer(UInt8.self) & 1 == 0 ? input.bytes(fileSizeInBytes) : changedKernel(&input)
    guard let file = memoryFile(bytes), let kernel = try? KernelImage(reading: file) else { return 0 }
    check(kernel, fileSize: UInt64(bytes.count))
    load(kernel, from: file, initrdSize: initrdSize)
    return 0
}

private func memoryFile(_ bytes: [UInt8]) -> OwnedDescriptor? {
    guard let file = try? MemoryFile(name: "fuzz", sizeInBytes: UInt64(bytes.count)) else { return nil }
    try? file.descriptor.write(all: bytes)
    return file.descriptor
}

/// A kernel of four segments whose headers the input changes in places.
private func changedKernel(_ input: inout FuzzInput) -> [UInt8] {
    var bytes = [UInt8](repeating: 0xcc, count: fileSizeInBytes)
    func put(_ value: UInt64, _ width: Int, at offset: Int) {
        for index in 0..<width where offset + index < bytes.count {
            bytes[offset + index] = UInt8(truncatingIfNeeded: value >> UInt64(index * 8))
        }
    }
    for (offset, width, value) in [
        (0, 8, 0x10102_464c_457f), (16, 2, 2), (18, 2, 62), (24, 8, 0x10_0000), (32, 8, 64), (54, 2, 56), (56, 2, 4),
    ] as [(Int, Int, UInt64)] { put(value, width, at: offset) }
    for index in 0..<4 {
        let base = 64 + index * 56
        put(1, 4, at: base)
        put(UInt64(1024 * (index + 1)), 8, at: base + 8)
        put(0x10_0000 * UInt64(index + 1), 8, at: base + 24)
        put(1024, 8, at: base + 32)
        put(2048, 8, at: base + 40)
    }
    while !input.isEmpty {
        put(number(&input), 1 << input.number(below: 4), at: Int(input.integer(UInt8.self)) * 2)
    }
    return bytes
}

/// Small, of any power of two, or close to the ends.
private func number(_ input: inout FuzzInput) -> UInt64 {
    let value = UInt64(input.integer(UInt16.self))
    switch input.integer(UInt8.self) {
    case 0..<64: return value
    case 64..<128: return value << (value & 63)
    case 128..<192: return 0 &- value
    default: return input.integer()
    }
}

private func size(_ input: inout FuzzInput) -> UInt64 { number(&input) }

private func request(_ input: inout FuzzInput) -> MachineLayout.Request {
    MachineLayout.Request(
        baseMemory: number(&input) & ~0x1f_ffff, zoneCount: Int(truncatingIfNeeded: number(&input)),
        zoneSize: number(&input), imageSizes: (0..<input.number(below: 4)).map { _ in size(&input) },
        deviceCount: Int(truncatingIfNeeded: number(&input)),
        physicalAddressBits: Int(truncatingIfNeeded: number(&input)))
}

private func checkLayout(_ request: MachineLayout.Request) {
    guard let layout = try? MachineLayout(request) else { return }
    let all = layout.baseRanges + layout.zones.map(\.range) + layout.images
    precondition(zip(all, all.dropFirst()).allSatisfy { $0.end <= $1.start }, "ranges of a machine overlap")
    precondition(
        all.allSatisfy { $0.end.rawValue <= 1 << UInt64(request.physicalAddressBits) }, "beyond the address bits")
    guard let tables = try? ACPITables(processorCount: 2, layout: layout) else { preconditionFailure("no tables") }
    precondition(tables.bytes.count <= Int(AddressMap.acpiTablesCapacity), "tables beyond their room")
}

private func check(_ kernel: KernelImage, fileSize: UInt64) {
    for (index, segment) in kernel.segments.enumerated() {
        precondition(segment.range.start >= AddressMap.highMemory && segment.range.end <= AddressMap.endOfLowBase)
        precondition(segment.sizeInFile <= segment.range.sizeInBytes, "a segment larger in the file")
        precondition(segment.fileOffset + segment.sizeInFile <= fileSize, "a segment beyond the file")
        precondition(!kernel.segments[..<index].contains { $0.range.overlaps(segment.range) }, "segments overlap")
    }
    precondition(kernel.segments.contains { $0.range.contains(kernel.entry) }, "an entry outside of all segments")
}

private func load(_ kernel: KernelImage, from file: OwnedDescriptor, initrdSize: UInt64?) {
    guard let memory = try? GuestMemory.zeroed(sizeInBytes: memorySizeInBytes) else { return }
    try? kernel.load(from: file, into: memory)
    guard let layout = try? MachineLayout(.init(baseMemory: 512 << 20)),
        let plan = try? BootPlan(layout: layout, kernel: kernel, initrdSize: initrdSize, commandLine: "quiet")
    else { return }
    if let initrd = plan.initrd {
        precondition(layout.lowBase.contains(initrd) && initrd.start >= kernel.end, "an initial RAM disk out of place")
    }
    try? plan.writeParameters(into: memory, acpiRootPointer: ACPITables.rootPointer, setupData: [.randomSeed])
}
