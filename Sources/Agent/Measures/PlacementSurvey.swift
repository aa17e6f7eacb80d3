import Geometry

/// Finds where each page of a container's processes lies (Documentation/admin-guide/mm/pagemap.rst of Linux).
struct PlacementSurvey {
    let zone: MachineTree.Zone?
    let images: [MachineTree.Image]
    let processes: [UInt32]
    let group: ControlGroup

    private static let present: UInt64 = 1 << 63
    private static let fileOrShared: UInt64 = 1 << 61
    private static let frameMask: UInt64 = (1 << 55) - 1
    /// KPF_SWAPBACKED, KPF_ZERO_PAGE of /proc/kpageflags.
    private static let swapBacked: UInt64 = 1 << 14
    private static let zeroPage: UInt64 = 1 << 24
    /// Pages looked at for each process: 16 GiB of addresses.
    private static let maxPages: UInt64 = 4 << 20

    /// The encoded `PagePlacement`.
    func run() -> [UInt8] {
        var placement = PagePlacement(
            processes: 0, inZone: 0, outsideZone: 0, fileOutsideZone: 0, inImage: 0, cachePages: 0, firstOutside: 0,
            firstOutsideMapping: "")
        let flags = Descriptor(taking: Kernel.open("/proc/kpageflags", OpenFlag.read))
        for process in processes { survey(process, flags, &placement) }
        let memory = group.file("memory.stat")
        placement.cachePages = (memory.number(after: "file") &- memory.number(after: "shmem")) / 4096
        var encoder = MessageEncoder()
        placement.encode(into: &encoder)
        return encoder.bytes
    }

    private func survey(_ process: UInt32, _ flags: Descriptor, _ placement: inout PagePlacement) {
        let pages = Descriptor(taking: Kernel.open("/proc/\(process)/pagemap", OpenFlag.read))
        guard pages.rawValue >= 0 else { return }
        placement.processes += 1
        var left = PlacementSurvey.maxPages
        var entries = [UInt64](repeating: 0, count: 512)
        // "7f00-8000 r-xp 00000000 08:01 123  /lib/x"
        for line in TextFile("/proc/\(process)/maps").bytes.split(separator: 0x0A) {
            let (start, rest) = TextFile.hexadecimal(in: line)
            let (end, properties) = TextFile.hexadecimal(in: rest.dropFirst())
            let fields = properties.split(separator: 0x20)
            let name = fields.count > 4 ? fields[4] : []
            // [vdso], [vvar], [vvar_vclock], [vsyscall]: the kernel's.
            if name.starts(with: "[v") { continue }
            var page = start / 4096
            while page < end / 4096 && left > 0 {
                let wanted = min(512, end / 4096 - page)
                let count = Kernel.readWords(pages.rawValue, into: &entries, count: Int(wanted), at: page * 8)
                if count <= 0 { break }
                for entry in entries[..<count] where entry & PlacementSurvey.present != 0 {
                    add(entry, name, flags, &placement)
                }
                page += UInt64(count)
                left -= min(left, UInt64(count))
            }
        }
    }

    private func add(
        _ entry: UInt64, _ name: ArraySlice<UInt8>, _ flags: Descriptor, _ placement: inout PagePlacement
    ) {
        let frame = entry & PlacementSurvey.frameMask
        let address = frame * 4096
        if let zone, address >= zone.base, address - zone.base < zone.sizeInBytes {
            placement.inZone += 1
            return
        }
        for image in images where address >= image.base && address - image.base < image.sizeInBytes {
            placement.inImage += 1
            return
        }
        var word: [UInt64] = [0]
        _ = Kernel.readWords(flags.rawValue, into: &word, count: 1, at: frame * 8)
        if word[0] & PlacementSurvey.zeroPage != 0 { return }
        let isFile = entry & PlacementSurvey.fileOrShared != 0 && word[0] & PlacementSurvey.swapBacked == 0
        if isFile { placement.fileOutsideZone += 1 } else { placement.outsideZone += 1 }
        if placement.firstOutside == 0 {
            placement.firstOutside = address
            placement.firstOutsideMapping = String(decoding: name.prefix(Limits.text), as: UTF8.self)
        }
    }
}
