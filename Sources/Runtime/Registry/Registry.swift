import LinuxSystem
public import SystemPackage

/// Who runs where on this host: directories, files and locks, and no daemon.
///
///     functions/<key>/lock, function.json          a function; the lock is held while VMs of it are added or removed
///     functions/<key>/vms/<id>/vm.json             how the VM was started
///     functions/<key>/vms/<id>/lock                locked for as long as the VM lives, which cannot write it
///     functions/<key>/vms/<id>/pid                 its process's id, by the client that started it
///     functions/<key>/vms/<id>/files-pid           the same of the process that serves its volumes, once it has some
///     functions/<key>/vms/<id>/group               the path of its control group
///     functions/<key>/vms/<id>/control.sock        where it listens
///     functions/<key>/vms/<id>/prewarmed           there until a prewarmed VM has its first container
///     functions/<key>/vms/<id>/console.log         what its guest's kernel prints
///     functions/<key>/vms/<id>/monitor.log         what its processes say
///     fabric/<tenant>/…                            a tenant's fabric: `FabricDirectory`
///     filters/<digest>                             seccomp filters: `CompiledFilters`
///     users/<n>                                    locked by the process that runs as the n-th user of VMs
///     containers/<id>/container.json               a container; what it prints if it is detached: `ContainerLogs`
///     containers/<id>/exit                         locked for as long as it lives; holds its exit record at the end
///
/// **Life and death.** The client that starts a VM makes its directory, takes the lock, listens at the socket and hands
/// both descriptors to the VM's process: a VM lives exactly as long as its lock is held, and can be connected to from the
/// first moment. A container lives exactly as long as the file for its exit record is locked: first by the client that
/// starts it, then by the VM, which gets the descriptor with the request. Whatever a process leaves that is killed at any point is found by its locks and removed by whichever
/// command comes next (`cleanUp`). A container has ended when its `exit` file has a record.
///
/// **Lock order:** container directory, function, VM.
public struct Registry: Sendable {
    public let root: FilePath

    public init(root: FilePath) throws(RuntimeError) {
        guard root.isAbsolute else {
            throw .invalid(
                "the registry's directory \(quoted(root.string)) is no absolute path: see --root and CZONE_ROOT")
        }
        self.root = root
    }

    public var filters: CompiledFilters { CompiledFilters(registry: root) }

    public func function(_ key: FunctionKey) -> FunctionDirectory {
        FunctionDirectory(path: "\(root.string)/functions/\(key.directoryName)", name: key.directoryName)
    }

    func function(named name: String) -> FunctionDirectory {
        FunctionDirectory(path: "\(root.string)/functions/\(name)", name: name)
    }

    /// Every function, in no order.
    public func functions() throws(RuntimeError) -> [FunctionDirectory] {
        let names = try system { () throws(SystemError) in try FileSystem.names(in: "\(root.string)/functions") } ?? []
        return names.sorted().map(function(named:))
    }

    /// Every VM whose process lives.
    public func virtualMachines() throws(RuntimeError) -> [VirtualMachineDirectory] {
        var living: [VirtualMachineDirectory] = []
        for function in try functions() {
            for machine in try function.virtualMachines() where try machine.isAlive() { living.append(machine) }
        }
        return living
    }

    /// The living VM of an id, or of its beginning if no other begins so.
    public func virtualMachine(_ text: String) throws(RuntimeError) -> VirtualMachineDirectory {
        let matches = try virtualMachines().filter { $0.id.hasPrefix(text) && !text.isEmpty }
        guard let match = matches.first(where: { $0.id == text }) ?? matches.first else {
            throw .noVirtualMachine(text)
        }
        guard matches.count == 1 || match.id == text else { throw .ambiguous(text: text, matches: matches.map(\.id)) }
        return match
    }

    /// 12 random hexadecimal digits: the id of a VM, or of a container without a name.
    public static func freshID() -> String {
        let digits = String(UInt64.random(in: 0..<(1 << 48)), radix: 16)
        return String(repeating: "0", count: 12 - digits.count) + digits
    }
}
