import ControlProtocol
import Glibc
import LinuxSystem
import SystemPackage

extension Registry {
    private var containersPath: String { "\(root.string)/containers" }

    func container(_ id: String) -> ContainerDirectory { ContainerDirectory(root: root.string, id: id) }

    /// Enters a container that is about to start. Its directory appears whole.
    ///
    /// - Returns: the directory, and the locked file for its exit record: the container counts as alive until the last
    ///   descriptor of that is closed, so the VM gets it.
    /// - Throws: `RuntimeError.containerExists`.
    func enter(_ record: ContainerRecord) throws(RuntimeError) -> (ContainerDirectory, exit: OwnedDescriptor) {
        let directory = container(record.id)
        var json = record.plainJSON
        if json == nil { json = try JSONText.bytes(of: record) }
        let bytes = json ?? []
        let staging = "\(containersPath)/.\(record.id).\(Self.freshID())"
        do {
            try makeStaging(staging)
            let exit = try OwnedDescriptor(opening: "\(staging)/exit", flags: O_RDWR | O_CREAT)
            try exit.takeLock(.exclusive)
            // Nobody reads a file in staging, so it need not appear in one step.
            try OwnedDescriptor(opening: "\(staging)/container.json", flags: O_WRONLY | O_CREAT).write(all: bytes)
            try name(staging, directory)
            return (directory, exit)
        } catch {
            try? ContainerDirectory.removeFiles(of: staging)
            throw error.errno == .fileExists ? .containerExists(record.id) : .system(error)
        }
    }

    /// Gives a directory its name, which one that is to be removed at its end, and has ended, gives up.
    private func name(_ staging: String, _ directory: ContainerDirectory) throws(SystemError) {
        do { try FileSystem.renameToFreeName(staging, to: directory.path) } catch {
            guard error.errno == .fileExists, (try? cleanUp(directory)) != nil else { throw error }
            try FileSystem.renameToFreeName(staging, to: directory.path)
        }
    }

    private func makeStaging(_ path: String) throws(SystemError) {
        do { try FileSystem.makeDirectory(path) } catch {
            // The first container of this host.
            guard error.errno == .noSuchFileOrDirectory else { throw error }
            try FileSystem.makeDirectories(FilePath(path))
        }
    }

    /// Every container, in no order.
    public func containers() throws(RuntimeError) -> [ContainerDirectory] {
        try containerNames().filter { !$0.hasPrefix(".") }.map { container($0) }
    }

    /// The container of an id, or of its beginning if no other begins so.
    public func container(matching text: String) throws(RuntimeError) -> ContainerDirectory {
        guard !text.isEmpty, !text.contains("/"), !text.hasPrefix(".") else { throw .noContainer(text) }
        let exact = container(text)
        if try system({ () throws(SystemError) in try FileSystem.status(exact.recordPath) }) != nil { return exact }
        let matches = try containers().filter { $0.id.hasPrefix(text) }
        guard let match = matches.first else { throw .noContainer(text) }
        guard matches.count == 1 else { throw .ambiguous(text: text, matches: matches.map(\.id).sorted()) }
        return match
    }

    func containerNames() throws(RuntimeError) -> [String] {
        try system { () throws(SystemError) in try FileSystem.names(in: containersPath) } ?? []
    }
}

extension Registry {
    /// A container that runs, and its VM.
    public func runningContainer(_ text: String) throws(RuntimeError) -> (VirtualMachineDirectory, String) {
        let directory = try container(matching: text)
        guard let record = try directory.record() else { throw .noContainer(text) }
        guard try directory.isAlive(), let machine = record.virtualMachine else { throw .notRunning(directory.id) }
        return (function(named: record.key).virtualMachine(machine), directory.id)
    }

    /// Removes a container that has ended, and kills it first if that is wanted and needed: with its
    /// VM, where that does not answer.
    public func removeContainer(_ text: String, force: Bool) throws(RuntimeError) {
        let directory = try container(matching: text)
        if try directory.isAlive() {
            guard force else { throw .stillRunning(directory.id) }
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
        try directory.remove()
    }
}

extension Registry {
    /// Removes the directory of a container that has ended; nothing is wrong where there is none.
    public func forget(_ id: String) throws(RuntimeError) { try container(id).remove() }
}
