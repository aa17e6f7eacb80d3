/// Host memory over time of several sides, as a picture (SVG 1.1).
public enum EventsChart {
    private static let (width, height, margin) = (800.0, 320.0, 48.0)
    private static let colours = ["#1f6feb", "#d1242f", "#2da44e"]

    public static func svg(_ sides: [(name: String, memory: [UInt64])]) -> String {
        let seconds = max(1, sides.map(\.memory.count).max() ?? 1)
        let most = max(1, sides.flatMap(\.memory).max() ?? 1)
        var lines = [
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 \(Int(width)) \(Int(height))\" font-family=\"sans-serif\" font-size=\"12\">",
            "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>",
            text(margin, margin - 8, "host memory of all VMs: up to \(most >> 20) MiB in \(seconds) s"),
        ]
        for (index, side) in sides.enumerated() {
            let colour = colours[index % colours.count]
            let points = side.memory.enumerated().map { second, bytes in
                let x = margin + Double(second) / Double(seconds) * (width - 2 * margin)
                let y = height - margin - Double(bytes) / Double(most) * (height - 2 * margin)
                return "\(milliseconds(x)),\(milliseconds(y))"
            }
            lines.append(
                "<polyline fill=\"none\" stroke=\"\(colour)\" stroke-width=\"2\" points=\"\(points.joined(separator: " "))\"/>"
            )
            lines.append(text(margin + Double(index) * 160, height - 16, side.name, colour))
        }
        return lines.joined(separator: "\n") + "\n</svg>\n"
    }

    private static func text(_ x: Double, _ y: Double, _ text: String, _ colour: String = "#24292f") -> String {
        "<text x=\"\(x)\" y=\"\(y)\" fill=\"\(colour)\">\(text)</text>"
    }
}
