import ControlProtocol
import Glibc
import LinuxSystem
import Logging
import Logs

extension VirtualMachineFolder {
    /// Powers the VM off, and kills its process where it does not: it has the time to answer, and once more to end.
    public func stop(withinMilliseconds patience: CInt = 10_000) throws(RuntimeError) {
        guard try isAlive(), let process = try processID() else { return }
        guard let end = try system({ () throws(SystemError) in try watch(process: process) }) else { return }
        // The lock is still held, so the process that is watched is the VM's and not one that got its number.
        guard try isAlive() else { return }
        if (try? ask(.stop, withinMilliseconds: patience)) == nil { sendSignal(SIGTERM, to: process) }
        if try isReadable(end, within: patience) { return }
        sendSignal(SIGKILL, to: process)
        _ = try isReadable(end, within: patience)
    }

    /// Kills the process of a VM that answers nothing, and waits for its end.
    public func kill(withinMilliseconds patience: CInt = 10_000) throws(RuntimeError) {
        guard let process = try processID(),
            let end = try system({ () throws(SystemError) in try watch(process: process) }), try isAlive()
        else { return }
        Log.logger.warning("killing the VM \(id), which does not answer")
        sendSignal(SIGKILL, to: process)
        _ = try isReadable(end, within: patience)
    }

    private func isReadable(_ descriptor: OwnedDescriptor, within milliseconds: CInt) throws(RuntimeError) -> Bool {
        try system { () throws(SystemError) in
            try descriptor.isReadable(by: Deadline(inMilliseconds: milliseconds))
        }
    }
}
