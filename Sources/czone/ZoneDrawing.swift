import Runtime

/// Draws a VM's memory with characters: one bar for the base and one for each zone that is not free.
///
///     █ in use, as the guest says   ▓ held by the host besides   ░ plugged   · not plugged
///
/// Where no zone has grown to half of what it may become, all zones' bars end there: at twice the largest.
struct ZoneDrawing {
    let isColoured: Bool
    /// Of the terminal.
    let columns: Int

    private var cells: Int { max(16, min(48, columns - 60)) }
    /// Colours of ECMA-48 SGR that differ on dark and on light terminals.
    private static let palette = [32, 36, 35, 33, 34, 92, 96, 95]
    private static let (dim, red, bold) = (2, 31, 1)

    func text(_ map: MemoryReport) -> String {
        let scale = Self.scale(of: map.zones)
        var lines = [
            paint("VM \(map.vm)", Self.bold) + "  \(map.function.shortened(to: 28))  tenant \(map.tenant)  \(map.state)"
        ]
        lines.append(
            row(
                "base", map.base.sizeBytes,
                bar(map.base.sizeBytes, used: map.base.residentBytes, resident: 0, plugged: map.base.sizeBytes),
                colour: 37, "\(ByteSize(bytes: map.base.residentBytes)) resident"))
        var free: [MemoryReport.Zone] = []
        for zone in map.zones {
            if zone.state == "free", zone.residentBytes == 0 {
                free.append(zone)
            } else {
                lines += freeLines(free) + [line(zone, scale)]
                free = []
            }
        }
        return (lines + freeLines(free)).joined(separator: "\n")
    }

    /// How much memory a zone's bar stands for, in bytes.
    private static func scale(of zones: [MemoryReport.Zone]) -> UInt64 {
        let size = zones.map(\.sizeBytes).max() ?? 0
        let largest = zones.map { max($0.pluggedBytes, $0.usedBytes, $0.residentBytes) }.max() ?? 0
        return largest == 0 || largest > size / 2 ? size : largest * 2
    }

    private func line(_ zone: MemoryReport.Zone, _ scale: UInt64) -> String {
        let colour = zone.state == "quarantined" ? Self.red : Self.palette[Int(zone.node) % Self.palette.count]
        var words = [zone.container, zone.state == "online" ? "" : zone.state].filter { !$0.isEmpty }
        if zone.pluggedBytes > 0, zone.pluggedBytes < zone.sizeBytes {
            words.append("\(ByteSize(bytes: zone.pluggedBytes)) plugged")
        }
        words.append("used \(ByteSize(bytes: zone.usedBytes)), resident \(ByteSize(bytes: zone.residentBytes))")
        if !zone.reason.isEmpty { words.append(zone.reason) }
        let bar = bar(
            min(scale, zone.sizeBytes), used: zone.usedBytes, resident: zone.residentBytes, plugged: zone.pluggedBytes)
        return row("zone \(zone.node)", zone.sizeBytes, bar, colour: colour, words.joined(separator: "  "))
    }

    /// Free zones that follow each other share a line.
    private func freeLines(_ zones: [MemoryReport.Zone]) -> [String] {
        guard let first = zones.first, let last = zones.last else { return [] }
        let name = zones.count == 1 ? "zone \(first.node)" : "zones \(first.node)–\(last.node)"
        let bar = String(repeating: "·", count: cells)
        return [row(name, first.sizeBytes, bar, colour: Self.dim, zones.count == 1 ? "free" : "free, each")]
    }

    private func row(_ name: String, _ size: UInt64, _ bar: String, colour: Int, _ words: String) -> String {
        let title = name + String(repeating: " ", count: max(0, 12 - name.count))
        let sizeText = ByteSize(bytes: size).description
        let padding = String(repeating: " ", count: max(0, 9 - sizeText.count))
        return "  \(title)\(padding)\(sizeText) \(paint(bar, colour)) \(words)"
    }

    private func bar(_ size: UInt64, used: UInt64, resident: UInt64, plugged: UInt64) -> String {
        // What is there at all shows at least one cell.
        func count(_ bytes: UInt64) -> Int {
            guard size > 0, bytes > 0 else { return 0 }
            return min(cells, max(1, Int((Double(bytes) / Double(size) * Double(cells)).rounded())))
        }
        let full = count(used)
        let held = max(full, count(resident))
        let there = max(held, count(plugged))
        return String(repeating: "█", count: full) + String(repeating: "▓", count: held - full)
            + String(repeating: "░", count: there - held) + String(repeating: "·", count: cells - there)
    }

    private func paint(_ text: String, _ code: Int) -> String { isColoured ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text }
}
