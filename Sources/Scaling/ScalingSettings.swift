/// What a function's autoscaler aims at: Knative's (KPA) with its names and usual values. Times in milliseconds.
public struct ScalingSettings: Equatable, Sendable {
    /// Requests at once that one container is to have: its concurrency times the target utilization.
    public var target: Double
    public var minCount: Int
    public var maxCount: Int
    /// `stable-window`: concurrency is averaged over it.
    public var stableWindow: Int64
    /// `panic-window-percentage` of it: a shorter one that shows a burst.
    public var panicWindow: Int64
    /// `panic-threshold-percentage`: so many times what is ready is a burst.
    public var panicThreshold = 2.0
    /// `max-scale-up-rate`, `max-scale-down-rate`: what one decision multiplies or divides by at most.
    public var maxScaleUpRate = 1000.0
    public var maxScaleDownRate = 2.0

    public init(target: Double, minCount: Int, maxCount: Int, stableWindow: Int64, panicWindow: Int64) {
        self.target = max(target, 0.01)
        self.minCount = minCount
        self.maxCount = maxCount
        self.stableWindow = stableWindow
        self.panicWindow = min(panicWindow, stableWindow)
    }
}
