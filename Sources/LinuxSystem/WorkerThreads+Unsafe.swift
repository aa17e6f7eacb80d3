import Glibc
import Synchronization

/// Threads that do jobs from one queue, in the order of their coming: for work that may keep a thread waiting.
///
/// They are never ended: a job may hang in the host's kernel for as long as a disk or a server does.
@safe
public final class WorkerThreads: Sendable {
    public typealias Job = @Sendable () -> Void

    @safe
    private final class Queue: @unchecked Sendable {
        let jobs = Mutex<[Job]>([])
        /// How many jobs wait. Never freed, as the threads are never ended.
        let count: UnsafeMutablePointer<sem_t>

        init() {
            unsafe count = .allocate(capacity: 1)
            // SAFETY: the memory is this object's own, and has room for one semaphore.
            unsafe sem_init(count, 0, 0)
        }

        func next() -> Job {
            while true {
                // SAFETY: initialized above, and never destroyed.
                while unsafe sem_wait(count) != 0 {}
                if let job = jobs.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) { return job }
            }
        }
    }

    private let queue = Queue()

    /// Jobs wait until threads are started.
    public init() {}

    /// `prepare`: what each thread does first.
    public func start(_ count: Int, named name: String, prepare: @escaping Job = {}) throws(SystemError) {
        for _ in 0..<count {
            _ = try Thread(named: name) { [queue] in
                prepare()
                while true { queue.next()() }
            }
        }
    }

    public func add(_ job: @escaping Job) {
        queue.jobs.withLock { $0.append(job) }
        // SAFETY: initialized with the queue, and never destroyed.
        unsafe sem_post(queue.count)
    }
}
