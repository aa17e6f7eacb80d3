import ControlProtocol
import Glibc
import LinuxSystem
import SystemPackage

/// Starts the process that serves a VM's volumes, for the first container of the VM that has some.
struct FileServerLaunch {
    let monitor: FilePath
    let isReduced: Bool
    /// The VM, whose log gets what it says.
    let machine: VirtualMachineDirectory

    /// The VM's ends of the connections to it. It ends when they are closed.
    func start() throws(RuntimeError) -> [OwnedDescriptor] {
        let group = try machine.fileServerGroup()
        return try system { () throws(SystemError) in
            var near: [OwnedDescriptor] = []
            var far: [OwnedDescriptor] = []
            for _ in 0..<ControlRequest.fileServerConnections {
                let (one, other) = try UnixSocket.pair()
                near.append(one)
                far.append(other)
            }
            let arguments = FileServerArguments(connections: far.map(\.rawValue), isReduced: isReduced)
            let nothing = try OwnedDescriptor(opening: "/dev/null", flags: O_RDWR)
            let log = try OwnedDescriptor(opening: machine.logPath, flags: O_WRONLY | O_APPEND | O_NOFOLLOW)
            var process = ProcessLaunch(
                monitor.string, arguments: [monitor.string] + arguments.words,
                environment: MonitorStarter.environment, input: nothing, output: log, error: log)
            process.kept = far
            process.identityFile = try OwnedDescriptor(
                opening: machine.fileServerPath, flags: O_WRONLY | O_CREAT | O_NOFOLLOW)
            process.isDetached = true
            try group?.makeForFiles()
            process.groups = try group?.entrances() ?? []
            process.seesNoProcesses = true
            try process.start().reapAtItsEnd()
            return near
        }
    }
}
