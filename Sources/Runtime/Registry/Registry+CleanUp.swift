import ControlProtocol
import LinuxSystem

extension Registry {
    /// Work that has not been touched for so long is nobody's any more.
    private static var graceInNanoseconds: UInt64 { 10_000_000_000 }

    /// Removes what processes have left that ended in the middle of something, and what is due: VMs that have died,
    /// functions without VMs, containers that are removed at their end. Containers whose VM has died get their exit
    /// record. Any number of processes may do it at the same time.
    public func cleanUp() throws(RuntimeError) {
        for name in try containerNames() {
            if name.hasPrefix(".") { try cleanUpHidden(name) } else { try cleanUp(container(name)) }
        }
        for function in try functions() { try cleanUp(function) }
        try FabricDirectory.removeDead(in: self)
    }

    /// Removes a function's dead VMs, and the function if it has no other.
    func cleanUp(_ function: FunctionDirectory) throws(RuntimeError) {
        let machines = try function.virtualMachines()
        var living = 0
        for machine in machines where try machine.isAlive() { living += 1 }
        guard living < machines.count || machines.isEmpty else { return }
        _ = try function.locked { () throws(RuntimeError) -> Void in
            try removeDead(of: function)
            if try function.virtualMachines().isEmpty { try function.remove() }
        }
    }

    /// Removes a function's dead VMs. Only with the function locked: then no VM is half made.
    func removeDead(of function: FunctionDirectory) throws(RuntimeError) {
        for machine in try function.virtualMachines() where try !machine.isAlive() { try machine.remove() }
    }

    /// Notes the end of a container whose VM can no longer report it, and removes it if that is its wish.
    func cleanUp(_ directory: ContainerDirectory) throws(RuntimeError) {
        // Most containers run, or are kept; they need no lock.
        if try directory.isAlive() { return }
        if try directory.exitRecord() != nil, try directory.record()?.isRemovedAtEnd == false { return }
        guard let claim = try directory.claim() else { return }
        defer { withExtendedLifetime(claim) {} }
        guard let record = try directory.record() else { return try directory.remove() }
        if try directory.exitRecord() == nil {
            try directory.write(ContainerDirectory.unknownEnd(directory.id, reason: reason(of: record)))
        }
        if record.isRemovedAtEnd { try directory.remove() }
    }

    private func reason(of record: ContainerRecord) throws(RuntimeError) -> String {
        guard let id = record.virtualMachine else { return "the command that started it ended before it ran" }
        let machine = function(named: record.key).virtualMachine(id)
        // A VM that is being killed gives up its containers' locks before its own, but answers no more.
        if try machine.isAlive(), (try? machine.describe(measured: false)) != nil {
            return "the command that started it ended before it ran"
        }
        let lastWords = machine.lastWords()
        return lastWords.isEmpty ? "its VM ended" : "its VM ended: \(lastWords)"
    }

    /// A container's directory before it was whole, or after it was given up.
    private func cleanUpHidden(_ name: String) throws(RuntimeError) {
        let directory = container(name)
        guard let status = try system({ () throws(SystemError) in try FileSystem.status(directory.path) }),
            currentTimeInNanoseconds() > UInt64(clamping: status.modified) + Self.graceInNanoseconds,
            try !directory.isAlive(),
            let claim = try directory.claim()
        else { return }
        defer { withExtendedLifetime(claim) {} }
        try ContainerDirectory.removeFiles(of: directory.path)
    }
}
