public import LinuxSystem
import Synchronization

/// Work that may wait for a disk, done by threads of its own, and what follows it on the event loop.
///
/// Work is bounded by its caller: a file has at most one piece of work under way (`FileQueue`, `ExitRecordFile`). Protected
/// by the device lock; the threads never take it.
public final class DiskWork {
    /// What the threads hand back.
    private final class Finished: Sendable {
        let numbers = Mutex<[UInt64]>([])
        let event: EventDescriptor

        init() throws(SystemError) { event = try EventDescriptor() }
    }

    /// A value on its way between two threads.
    private final class Box<Value: Sendable>: Sendable {
        let value = Mutex<Value?>(nil)
    }

    private let threads: WorkerThreads
    private let finished: Finished
    private var completions: [UInt64: () -> Void] = [:]
    private var nextNumber: UInt64 = 0

    /// - Parameters:
    ///   - loop: calls completions.
    ///   - threads: do the work, which waits until they are started.
    public init(on loop: EventLoop, _ threads: WorkerThreads) throws(SystemError) {
        self.threads = threads
        finished = try Finished()
        try loop.add(finished.event.descriptor, for: .readable) { [unowned self] _ in complete() }
    }

    /// Does `work` on one of the threads; `completion` is called with its result, with the device lock held.
    public func perform<Result: Sendable>(
        _ work: @escaping @Sendable () -> Result, then completion: @escaping (Result) -> Void
    ) {
        let (number, box) = (nextNumber, Box<Result>())
        nextNumber += 1
        completions[number] = {
            if let result = box.value.withLock({ $0 }) { completion(result) }
        }
        threads.add { [finished] in
            let result = work()
            box.value.withLock { $0 = result }
            finished.numbers.withLock { $0.append(number) }
            finished.event.signal()
        }
    }

    /// Waits until nothing is under way any more, at most so long; whether that came to be. For the end of the process,
    /// when the event loop turns no more.
    @discardableResult
    public func finish(withinMilliseconds limit: UInt64) -> Bool {
        let end = MonotonicClock.nanoseconds + limit * 1_000_000
        while !completions.isEmpty {
            let now = MonotonicClock.nanoseconds
            guard now < end else { return false }
            let left = CInt(clamping: (end - now) / 1_000_000 + 1)
            guard (try? wait(for: [(finished.event.descriptor, .readable)], timeoutInMilliseconds: left)) != nil else {
                return false
            }
            complete()
        }
        return true
    }

    private func complete() {
        finished.event.drain()
        let numbers = finished.numbers.withLock { numbers in
            defer { numbers = [] }
            return numbers
        }
        for number in numbers { completions.removeValue(forKey: number)?() }
    }
}
