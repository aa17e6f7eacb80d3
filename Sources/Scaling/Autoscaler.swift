/// Knative's pod autoscaler (KPA): how many containers a function is to have, by the requests that it had. A pure value:
/// its owner feeds it what was, and when; times are milliseconds of a clock that never goes back.
public struct Autoscaler: Equatable, Sendable {
    /// What is wanted.
    public struct Decision: Equatable, Sendable {
        public var wanted: Int
        /// A burst is under way: nothing is taken away.
        public var isPanicking: Bool
    }

    public private(set) var settings: ScalingSettings
    private var window: ConcurrencyWindow
    /// When there was last a burst; nil: none is under way.
    private var panickingSince: Int64?
    /// The most that was wanted in this burst.
    private var maxInPanic = 0

    public init(_ settings: ScalingSettings) {
        self.settings = settings
        window = ConcurrencyWindow(length: settings.stableWindow)
    }

    /// Takes other settings; what was recorded is kept where the window is the same.
    public mutating func change(_ settings: ScalingSettings) {
        if settings.stableWindow != self.settings.stableWindow {
            window = ConcurrencyWindow(length: settings.stableWindow)
        }
        self.settings = settings
    }

    /// Notes that so many requests were there, those that waited too, from one time to the next.
    public mutating func record(_ concurrency: Double, from start: Int64, to end: Int64) {
        window.record(concurrency, from: start, to: end)
    }

    /// What is wanted now, with so many containers ready. One decision a tick: a second or two.
    public mutating func decide(ready: Int, at now: Int64) -> Decision {
        let ready = max(ready, 1)
        let stable = window.average(at: now)
        let panic = window.average(at: now, over: settings.panicWindow)
        let maxByRate = (settings.maxScaleUpRate * Double(ready)).rounded(.up)
        let minByRate = (Double(ready) / settings.maxScaleDownRate).rounded(.down)
        let wantedByPanic = (panic / settings.target).rounded(.up)
        var wanted = Self.count(min(max((stable / settings.target).rounded(.up), minByRate), maxByRate))
        // A function that had nothing in its whole window goes to zero, whatever the rate.
        if stable == 0 { wanted = 0 }
        notePanic(isOver: wantedByPanic / Double(ready) >= settings.panicThreshold, at: now)
        if panickingSince != nil {
            maxInPanic = max(maxInPanic, Self.count(min(max(wantedByPanic, minByRate), maxByRate)))
            wanted = max(wanted, maxInPanic)
        }
        return Decision(
            wanted: min(max(wanted, settings.minCount), settings.maxCount), isPanicking: panickingSince != nil)
    }

    private mutating func notePanic(isOver: Bool, at now: Int64) {
        if isOver {
            panickingSince = now
        } else if let since = panickingSince, since + settings.stableWindow < now {
            panickingSince = nil
            maxInPanic = 0
        }
    }

    private static func count(_ value: Double) -> Int { Int(min(max(value, 0), 1_000_000)) }
}
