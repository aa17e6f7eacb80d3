import ControlProtocol

/// The processes that were executed in a container beside its first one. Protected by the device lock.
struct ExecutedProcesses {
    private struct Entry {
        let caller: ControlCaller
        /// It ends when its caller's connection does.
        let endsWithConnection: Bool
    }

    private var entries: [UInt32: Entry] = [:]
    private var nextNumber: UInt32 = 1

    /// A number for a further process; never one that was given before.
    mutating func add(_ caller: ControlCaller, endsWithConnection: Bool) -> UInt32 {
        defer { nextNumber += 1 }
        entries[nextNumber] = Entry(caller: caller, endsWithConnection: endsWithConnection)
        return nextNumber
    }

    /// The process is not there any more; its caller, if it was.
    @discardableResult
    mutating func remove(_ number: UInt32) -> ControlCaller? { entries.removeValue(forKey: number)?.caller }

    /// Those that shall not outlive a client's connection.
    func numbers(endingWith session: ControlSession) -> [UInt32] {
        entries.filter { $0.value.endsWithConnection && $0.value.caller.session === session }.keys.sorted()
    }

    /// The container has ended, and they with it.
    mutating func endAll(_ record: ExitRecord) {
        for (number, entry) in entries {
            var own = record
            own.process = number
            entry.caller.reply(.exited(own))
        }
        entries = [:]
    }
}
