import LeanJSON

/// Starts as a file for trace viewers (Trace Event Format, "JSON Object Format"; ui.perfetto.dev and chrome://tracing read
/// it): a track for each side, on it the stages of each start.
public struct ChromeTrace {
    private var events: [[UInt8]] = []
    private var tracks: [String] = []
    /// What times count from: the first start.
    private var origin: UInt64?

    public init() {}

    /// Adds a start to a side's track.
    public mutating func add(_ timings: StartTimings, to track: String) {
        let number = number(of: track)
        let origin = origin ?? timings.beganAt
        self.origin = origin
        var at = timings.beganAt > origin ? (timings.beganAt - origin) / 1000 : 0
        for (stage, microseconds) in timings.stages {
            var event = JSONWriter()
            event.text("name", stage.rawValue)
            event.text("cat", "start")
            // A complete event.
            event.text("ph", "X")
            event.number("ts", at)
            event.number("dur", microseconds)
            event.number("pid", 1)
            event.number("tid", number)
            events.append(event.object)
            at &+= microseconds
        }
    }

    public var bytes: [UInt8] {
        var trace = JSONWriter()
        trace.text("displayTimeUnit", "ms")
        trace.list("traceEvents", events)
        return trace.object + [UInt8(ascii: "\n")]
    }

    private mutating func number(of track: String) -> Int {
        if let index = tracks.firstIndex(of: track) { return index + 1 }
        tracks.append(track)
        var name = JSONWriter()
        name.text("name", track)
        var event = JSONWriter()
        event.text("name", "thread_name")
        // Metadata.
        event.text("ph", "M")
        event.number("pid", 1)
        event.number("tid", tracks.count)
        event.object("args", name.object)
        events.append(event.object)
        return tracks.count
    }
}
