/// Rows of text in aligned columns.
struct Table {
    private var rows: [[String]]
    /// Columns whose texts end, not begin, at the same place.
    private let rightAligned: Set<Int>

    init(_ header: [String], rightAligned: Set<Int> = []) {
        rows = [header]
        self.rightAligned = rightAligned
    }

    mutating func add(_ row: [String]) { rows.append(row) }

    var text: String {
        let widths = (rows.first ?? []).indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            let cells = row.enumerated().map { column, text in
                let padding = String(repeating: " ", count: widths[column] - text.count)
                return rightAligned.contains(column) ? padding + text : text + padding
            }
            var line = cells.joined(separator: "   ")
            while line.last == " " { line.removeLast() }
            return line
        }.joined(separator: "\n")
    }
}

/// How long ago something was, in words.
func age(since nanoseconds: UInt64, now: UInt64) -> String {
    let seconds = now > nanoseconds ? (now - nanoseconds) / 1_000_000_000 : 0
    return switch seconds {
    case 0..<120: "\(seconds) s"
    case 120..<7200: "\(seconds / 60) min"
    case 7200..<172_800: "\(seconds / 3600) h"
    default: "\(seconds / 86_400) days"
    }
}

extension String {
    /// At most so many characters, an ellipsis among them.
    func shortened(to most: Int) -> String { count <= most ? self : prefix(most - 1) + "…" }
}
