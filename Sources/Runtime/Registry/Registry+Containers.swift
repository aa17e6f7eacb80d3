import ControlProtocol
import LinuxSystem

extension Registry {
    /// A container that runs, and its VM.
    public func runningContainer(_ text: String) throws(RuntimeError) -> (VirtualMachineFolder, String) {
        let folder = try container(matching: text)
        guard let record = try folder.record() else { throw .noContainer(text) }
        guard try folder.isAlive(), let machine = record.virtualMachine else { throw .notRunning(folder.id) }
        return (function(named: record.key).virtualMachine(machine), folder.id)
    }

    /// Removes a container that has ended, and kills it first if that is wanted and needed: with its
    /// VM, where that does not answer.
    public func removeContainer(_ text: String, force: Bool) throws(RuntimeError) {
        let folder = try container(matching: text)
        if try folder.isAlive() {
            guard force else { throw .stillRunning(folder.id) }
            let (machine, id) = try runningContainer(text)
            do { _ = try machine.ask(.remove(container: id)) } catch {
                // It has ended meanwhile, or its VM has.
                switch error {
                case .refused(let refusal) where refusal.reason == .notFound: break
                // It can be removed only with its VM, and whatever else is in that.
                case .silent: try machine.kill()
                default: if try machine.isAlive() { throw error }
                }
            }
        }
        try folder.remove()
    }
}

extension Registry {
    /// Removes the folder of a container that has ended; nothing is wrong where there is none.
    public func forget(_ id: String) throws(RuntimeError) { try container(id).remove() }
}
