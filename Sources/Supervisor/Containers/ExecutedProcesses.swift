import ControlProtocol

/// The processes that were executed in a container beside its first one. Protected by the device lock.
struct ExecutedProcesses {
    private var callers: [UInt32: ControlCaller] = [:]
    private var nextNumber: UInt32 = 1

    /// A number for a further process; never one that was given before.
    mutating func add(_ caller: ControlCaller) -> UInt32 {
        defer { nextNumber += 1 }
        callers[nextNumber] = caller
        return nextNumber
    }

    /// The process is not there any more; its caller, if it was.
    @discardableResult
    mutating func remove(_ number: UInt32) -> ControlCaller? { callers.removeValue(forKey: number) }

    /// The container has ended, and they with it.
    mutating func endAll(_ record: ExitRecord) {
        for (number, caller) in callers {
            var own = record
            own.process = number
            caller.reply(.exited(own))
        }
        callers = [:]
    }
}
