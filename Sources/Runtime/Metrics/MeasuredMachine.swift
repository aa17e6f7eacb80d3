public import ControlProtocol
import LinuxSystem

/// A living VM and what it has counted.
public struct MeasuredMachine: Sendable {
    public let id: String
    public let key: FunctionKey
    public let record: VirtualMachineRecord
    /// Nil where it did not answer in time.
    public let metrics: VirtualMachineMetrics?

    /// Asks all living VMs at once. One that does not answer within the time, in milliseconds, is there without metrics.
    public static func all(in registry: Registry, within patience: UInt64 = 2000) throws(RuntimeError)
        -> [MeasuredMachine]
    {
        var machines: [(VirtualMachineDirectory, FunctionKey, VirtualMachineRecord)] = []
        for function in try registry.functions() {
            guard let key = try function.key() else { continue }
            for machine in try function.virtualMachines() {
                // What ends meanwhile is gone.
                guard try machine.isAlive(), let record = try machine.record() else { continue }
                machines.append((machine, key, record))
            }
        }
        var questions = MetricsQuestions(machines.map(\.0))
        let metrics = try questions.answers(within: patience)
        return zip(machines, metrics).map { machine, metrics in
            MeasuredMachine(id: machine.0.id, key: machine.1, record: machine.2, metrics: metrics)
        }.sorted { ($0.record.started, $0.id) < ($1.record.started, $1.id) }
    }
}

/// One question to several VMs, all under way at the same time.
private struct MetricsQuestions {
    /// By the VM's place among all; nil: it has answered, or will not.
    private var connections: [ControlConnection?]
    private var answers: [VirtualMachineMetrics?]

    init(_ machines: [VirtualMachineDirectory]) {
        connections = machines.map { machine in
            guard let connection = try? machine.connect(), (try? connection.send(.metrics)) != nil else { return nil }
            return connection
        }
        answers = Array(repeating: nil, count: machines.count)
    }

    /// Waits for all of them, at most so many milliseconds.
    mutating func answers(within patience: UInt64) throws(RuntimeError) -> [VirtualMachineMetrics?] {
        let end = MonotonicClock.nanoseconds + patience * 1_000_000
        while true {
            let open = connections.indices.filter { connections[$0] != nil }
            let now = MonotonicClock.nanoseconds
            guard !open.isEmpty, now < end else { return answers }
            let sockets = open.compactMap { connections[$0]?.socket }.map { ($0, Readiness.readable) }
            let milliseconds = CInt(clamping: (end - now) / 1_000_000 + 1)
            let ready = try system { () throws(SystemError) in
                try wait(for: sockets, timeoutInMilliseconds: milliseconds)
            }
            for (index, readiness) in zip(open, ready) where !readiness.isEmpty { take(from: index) }
        }
    }

    /// A VM that answers something else, or nonsense, is as one that does not answer.
    private mutating func take(from index: Int) {
        guard let connection = connections[index] else { return }
        do throws(RuntimeError) {
            let isOpen = try connection.fill()
            guard let frame = try connection.nextReceived() else {
                // The rest is on its way.
                if !isOpen { connections[index] = nil }
                return
            }
            if case .metrics(let metrics) = frame.content { answers[index] = metrics }
            connections[index] = nil
        } catch {
            connections[index] = nil
        }
    }
}
