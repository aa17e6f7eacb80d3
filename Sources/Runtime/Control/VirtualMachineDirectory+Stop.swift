import ControlProtocol
import Glibc
import LinuxSystem
import Logging
import Logs

extension VirtualMachineDirectory {
    /// Powers the VM off, and kills its process where it does not: it has the time to answer, and once more to end.
    public func stop(withinMilliseconds patience: CInt = 10_000) throws(RuntimeError) {
        guard let process = try livingProcess() else { return }
        if (try? ask(.stop, withinMilliseconds: patience)) == nil { sendSignal(SIGTERM, to: process) }
        if try isReadable(process, within: patience) { return }
        sendSignal(SIGKILL, to: process)
        _ = try isReadable(process, within: patience)
    }

    /// Kills the process of a VM that answers nothing, and waits for its end.
    public func kill(withinMilliseconds patience: CInt = 10_000) throws(RuntimeError) {
        guard let process = try livingProcess() else { return }
        Log.logger.warning("killing the VM \(id), which does not answer")
        sendSignal(SIGKILL, to: process)
        _ = try isReadable(process, within: patience)
    }

    /// A descriptor of the VM's process, which becomes readable at its end; nil where it has ended. The VM's lock is looked
    /// at after the number was: while it is held the process lives, so the number is not another's by then.
    private func livingProcess() throws(RuntimeError) -> OwnedDescriptor? {
        guard let number = try processID(),
            let process = try system({ () throws(SystemError) in try watch(process: number) }), try isAlive()
        else { return nil }
        return process
    }

    private func isReadable(_ descriptor: OwnedDescriptor, within milliseconds: CInt) throws(RuntimeError) -> Bool {
        try system { () throws(SystemError) in
            try descriptor.isReadable(by: Deadline(inMilliseconds: milliseconds))
        }
    }
}
