public import LinuxSystem

/// A saved machine to restore from: a state file and a memory file, open for reading. Neither is ever written: what the
/// guest changes is its process's own.
public struct Snapshot {
    let state: OwnedDescriptor
    let memory: OwnedDescriptor
    let identity: String
    let workingSet: OwnedDescriptor?

    /// - `identity`: what the machine is made of now; a snapshot of anything else is refused.
    /// - `workingSet`: a `WorkingSet`'s bytes, where one was taken.
    public init(state: OwnedDescriptor, memory: OwnedDescriptor, identity: String, workingSet: OwnedDescriptor? = nil) {
        self.state = state
        self.memory = memory
        self.identity = identity
        self.workingSet = workingSet
    }

    /// The pages that the machine is going to write; nil where nobody has seen which.
    func readWorkingSet() throws(SnapshotError) -> WorkingSet? {
        guard let workingSet else { return nil }
        do {
            let size = try workingSet.sizeInBytes()
            guard size <= UInt64(WorkingSet.maxBytes) else {
                throw SnapshotError.workingSet("it has \(size) bytes, expected at most \(WorkingSet.maxBytes)")
            }
            return try WorkingSet(
                try workingSet.read(exactly: Int(size), at: 0), memorySize: try memory.sizeInBytes())
        } catch let error as SnapshotError { throw error } catch { throw .workingSet("\(error)") }
    }

    /// The state, when the files are whole and belong to each other.
    func read() throws(SnapshotError) -> MachineState {
        let (state, mark): (MachineState, MachineState.MemoryFileMark)
        do {
            let size = try self.state.sizeInBytes()
            guard size <= UInt64(StateFile.maxBytes) else { throw SnapshotError.notAState }
            state = try MachineState(try self.state.read(exactly: Int(size), at: 0), identity: identity)
            mark = MachineState.MemoryFileMark(try memory.status())
        } catch let error as SnapshotError { throw error } catch { throw .other("\(error)") }
        guard mark.sizeInBytes == state.memory.sizeInBytes else {
            throw .memory("has \(mark.sizeInBytes) bytes, expected \(state.memory.sizeInBytes)")
        }
        guard mark.modified == state.memory.modified else { throw .memory("has changed since it was written") }
        return state
    }
}
