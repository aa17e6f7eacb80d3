import ControlProtocol
import LinuxSystem
public import Runtime

/// Starts one container and reports when its first instruction and its first output came: a client without a process of
/// its own to start, as a long-lived one such as a shim is.
public struct StartProbe: Sendable {
    /// Milliseconds from the request.
    public let firstInstruction: Double
    public let firstByte: Double
    public let timings: StartTimings

    /// The container must print something and then end.
    ///
    /// - `requestedAt`: when the request was made, by `MonotonicClock`.
    /// - `order`: its streams are replaced.
    public init(_ order: Placement.Order, by placement: Placement, requestedAt: UInt64) throws {
        let (streams, far) = try StreamEnds.make(input: false, terminal: false)
        var order = order
        order.streams = far
        let placed = try placement.place(order)
        defer { try? placed.container.remove() }
        var (instruction, byte): (Double?, Double?)
        var stages = StartStages()
        var hasEnded = false
        while byte == nil || !hasEnded {
            while let frame = try placed.connection.nextReceived() {
                guard frame.request == placed.request else { continue }
                switch frame.content {
                case .started(let started):
                    instruction = Self.elapsed(since: requestedAt)
                    stages = started.stages
                case .exited: hasEnded = true
                case .refused(let refusal): throw RuntimeError.refused(refusal)
                default: break
                }
            }
            if hasEnded && byte != nil { break }
            // Once it has been read from, poll(2) would report its end for ever.
            let outputs = byte == nil ? [(streams.output, Readiness.readable)] : []
            let ready = try wait(for: [(placed.connection.socket, .readable)] + outputs)
            if byte == nil, !ready[1].isEmpty {
                guard try !streams.output.read(atMost: 4096).isEmpty else {
                    throw Stopwatch.Failed(description: "the container ended and printed nothing")
                }
                byte = Self.elapsed(since: requestedAt)
            }
            if !ready[0].isEmpty, try !placed.connection.fill() {
                throw RuntimeError.virtualMachineEnded(id: placed.machine.id, lastWords: placed.machine.lastWords())
            }
        }
        guard let instruction, let byte else {
            throw Stopwatch.Failed(description: "the container ended before it began")
        }
        (firstInstruction, firstByte) = (instruction, byte)
        timings = StartTimings(beganAt: requestedAt, placed.moments, stages)
    }

    private static func elapsed(since start: UInt64) -> Double { Double(MonotonicClock.nanoseconds - start) / 1e6 }
}
