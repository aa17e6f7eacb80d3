import ControlProtocol
import Glibc
import LinuxSystem
import Runtime
import Logging
import Logs

/// How processes of a container end: the VM says so, or ends itself.
extension ContainerTask {
    /// Waits for a process's end.
    func follow(_ answers: AsyncStream<ControlReply>, of process: TaskProcess) {
        let (container, number, execID) = (registryID, process.number, process.execID)
        Task {
            for await answer in answers {
                guard case .exited(let record) = answer, record.container == container, record.process == number else {
                    Log.logger.error("the VM of \(name(process)) reports another one's end")
                    process.connection?.close()
                    break
                }
                return ended(execID, record)
            }
            ended(execID, nil)
        }
    }

    /// By the VM's record of a process's end; nil: the VM itself has ended.
    private func ended(_ execID: String, _ record: ExitRecord?) {
        guard let process = execID.isEmpty ? initial : executed[execID], process.exit == nil else { return }
        guard let record else {
            say("czone: the container's VM has ended", to: process)
            return note(process, ProcessExit(code: 255))
        }
        if record.outOfMemory, execID.isEmpty { events.ranOutOfMemory() }
        if !record.cause.isEmpty { Log.logger.info("\(name(process)) ended with \(record.code): \(record.cause)") }
        note(process, ProcessExit(code: UInt32(record.code), time: record.time))
    }

    func note(_ process: TaskProcess, _ exit: ProcessExit) {
        guard process.beginEnd(exit) else { return }
        if process.execID.isEmpty {
            for other in executed.values where other.isRunning { note(other, exit) }
        }
        process.connection?.close()
        guard let streams = process.streams else { return report(process, exit) }
        process.streams = nil
        // What was printed into a file or a logger is there when the end is reported.
        Task {
            await streams.end()
            report(process, exit)
        }
    }

    private func report(_ process: TaskProcess, _ exit: ProcessExit) {
        guard process.exit == nil else { return }
        process.end(exit)
        events.ended(process.execID, exit, processID: processID)
    }

    /// A line on the process's standard error, where that has a reader.
    private func say(_ line: String, to process: TaskProcess) {
        let path = process.io.hasTerminal || process.io.error.isEmpty ? process.io.output : process.io.error
        guard path.hasPrefix("/"), let fifo = try? OwnedDescriptor(opening: path, flags: O_WRONLY | O_NONBLOCK) else {
            return
        }
        _ = try? fifo.write(some: Array("\(line)\n".utf8)[...])
    }
}
