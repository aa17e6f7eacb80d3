/// Measures the steps of a request, one after the other.
struct StepTimer {
    /// When the last step ended.
    private(set) var last: UInt64
    private(set) var timings: [StepTiming] = []

    init() { last = Kernel.monotonicTime }

    /// Goes on with another's measurement.
    init(since last: UInt64, after timings: [StepTiming]) {
        self.last = last
        self.timings = timings
    }

    /// Ends a step: it took since the last one's end.
    mutating func lap(_ step: Step) {
        let now = Kernel.monotonicTime
        let microseconds = UInt32(truncatingIfNeeded: min((now - last) / 1000, UInt64(UInt32.max)))
        last = now
        if timings.count < Limits.timings { timings.append(StepTiming(step: step, microseconds: microseconds)) }
    }

    /// Forgets the time since the last step: it was another's.
    mutating func restart() { last = Kernel.monotonicTime }
}
