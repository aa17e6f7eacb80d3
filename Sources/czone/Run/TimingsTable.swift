import Runtime

extension StartTimings {
    /// For people, in milliseconds.
    var table: String {
        var table = Table(["STAGE", "MS"], rightAligned: [1])
        for (stage, microseconds) in stages { table.add([stage.rawValue, Self.milliseconds(microseconds)]) }
        table.add(["total", Self.milliseconds(total)])
        return table.text
    }

    private static func milliseconds(_ microseconds: UInt64) -> String {
        let part = String(microseconds % 1000)
        return "\(microseconds / 1000)." + String(repeating: "0", count: 3 - part.utf8.count) + part
    }
}
