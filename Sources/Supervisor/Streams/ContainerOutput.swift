/// A container's output on its way to client and log. Protected by the device lock.
final class ContainerOutput {
    private var taps: [OutputTap] = []
    private var onAllEnded: (() -> Void)?

    func insert(_ tap: OutputTap) { taps.append(tap) }

    /// A process has printed all that it will, and its client and log have it.
    func noteEnd(of tap: OutputTap) {
        taps.removeAll { $0 === tap }
        callIfAllEnded()
    }

    /// Calls `action` once, when nothing is on its way any more: at once where that is so.
    func whenAllEnded(_ action: @escaping () -> Void) {
        onAllEnded = action
        callIfAllEnded()
    }

    private func callIfAllEnded() {
        guard taps.isEmpty, let action = onAllEnded else { return }
        onAllEnded = nil
        action()
    }
}
