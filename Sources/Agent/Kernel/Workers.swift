/// Children of the agent that do what would keep the agent waiting, each with a pipe for its result.
final class Workers {
    private let loop: PollLoop
    private var running: [Worker] = []

    private final class Worker {
        let process: Descriptor
        let pipe: Descriptor
        var result: [UInt8] = []
        var deadline: PollLoop.Deadline?

        init(process: Descriptor, pipe: Descriptor) {
            self.process = process
            self.pipe = pipe
        }
    }

    init(loop: PollLoop) { self.loop = loop }

    /// Does the work in a child and gives its result to `done`: empty if it was killed, which it is after `timeout`
    /// milliseconds, or hangs in the kernel even then. Of the agent's descriptors the work has only `group`'s.
    ///
    /// - Parameter joins: the child is in the group, has its memory, and is killed with it.
    func run(
        timeout: UInt32, group: ControlGroup?, joins: Bool = false, _ work: () -> [UInt8],
        _ done: @escaping ([UInt8]) -> Void
    ) throws(Failure) {
        let (reading, writing) = try Kernel.makePipe()
        let directory = group?.directory.rawValue ?? -1
        switch try Kernel.clone(namespaces: 0, controlGroup: joins ? directory : -1) {
        case .child:
            _ = Kernel.resetSignals()
            Kernel.closeAll(but: [2, directory, writing.rawValue].sorted())
            let result = work()
            var rest = result[...]
            while !rest.isEmpty {
                let count = Kernel.write(writing.rawValue, rest)
                if count <= 0 { break }
                rest = rest.dropFirst(count)
            }
            Kernel.exit(0)
        case .parent(_, let descriptor):
            let worker = Worker(process: descriptor, pipe: reading)
            worker.deadline = loop.after(milliseconds: timeout) { [self] in
                _ = Kernel.signal(worker.process, 9)
                worker.result = []
                worker.deadline = loop.after(milliseconds: WaitLimit.reap) { [self] in end(worker, done) }
            }
            running.append(worker)
            loop.watch(reading.rawValue, for: Ready.readable) { [self] _ in collect(worker, done) }
        }
    }

    private func collect(_ worker: Worker, _ done: ([UInt8]) -> Void) {
        var buffer = [UInt8](repeating: 0, count: 8192)
        let count = Kernel.read(worker.pipe.rawValue, into: &buffer)
        if count > 0 {
            worker.result += buffer[..<count]
            return
        }
        if count == -Int(ErrorNumber.interrupted) { return }
        end(worker, done)
    }

    private func end(_ worker: Worker, _ done: ([UInt8]) -> Void) {
        loop.forget(worker.pipe.rawValue)
        if let deadline = worker.deadline { loop.cancel(deadline) }
        running.removeAll { $0 === worker }
        done(worker.result)
    }
}
