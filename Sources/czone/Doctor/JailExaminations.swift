import ControlProtocol
import Glibc
import LinuxSystem
import Runtime
import SystemPackage

/// What the host has for the walls around VMs (docs/security.md).
struct JailExaminations {
    /// How long a process may take to go behind the walls, in milliseconds.
    private static let patience: CInt = 10_000
    private static let maxWords = 16 << 10

    let configuration: Configuration

    var all: [Examination] { [jail, mitigations, cores] }

    /// A process goes behind the walls as a VM's does, and says which of them the host refused.
    private var jail: Examination {
        let refused: [String]
        do { refused = try Self.refusedWalls(configuration) } catch {
            return .bad("jail", "\(error)", mend: "VMs cannot be confined before that works")
        }
        guard !refused.isEmpty else {
            return .good(
                "jail", "user, namespaces, empty root, no capability, no new privileges, system call filters: all hold")
        }
        let finding = refused.joined(separator: "; ")
        let mend =
            "the host's kernel needs user, mount, network, pid, ipc, uts and cgroup namespaces and seccomp filters, "
            + "and czone all capabilities: see user.max_user_namespaces and what surrounds czone"
        return configuration.reducesJail
            ? .warning("jail", "reduced: \(finding)", mend: mend)
            : .bad("jail", finding, mend: mend + "; or `jail: reduced` in the configuration")
    }

    private static func refusedWalls(_ configuration: Configuration) throws -> [String] {
        let monitor = try Artefacts().virtualMachineMonitor().string
        let nothing = try OwnedDescriptor(opening: "/dev/null", flags: O_RDWR)
        let words: OwnedDescriptor
        let child: ChildProcess
        do {
            let pipe = try OwnedDescriptor.pipe()
            words = pipe.reader
            var process = ProcessLaunch(
                monitor,
                arguments: [monitor, MachineArguments.Jail.examinationOption, "\(configuration.firstUser)"],
                environment: [], input: nothing, output: pipe.writer, error: pipe.writer)
            process.seesNoProcesses = true
            child = try process.start()
        }
        guard let process = try watch(process: child.id),
            try process.isReadable(by: Deadline(inMilliseconds: patience))
        else {
            sendSignal(SIGKILL, to: child.id)
            _ = try child.waitForEnd()
            return ["a process that goes behind the walls has not ended within \(patience) ms"]
        }
        let status = try child.waitForEnd()
        let text = String(decoding: try words.readToEnd(atMost: maxWords), as: UTF8.self)
        let lines = text.split(separator: "\n").map(String.init)
        return lines.isEmpty && status != 0 ? ["it ended with status \(status)"] : lines
    }

    private var mitigations: Examination {
        let directory = "/sys/devices/system/cpu/vulnerabilities"
        guard let names = try? FileSystem.names(in: directory) else {
            return .warning("mitigations", "the kernel does not report them", mend: "mount /sys")
        }
        let open = names.sorted().filter { name in
            let bytes = (try? FileSystem.contents(of: "\(directory)/\(name)", atMost: 256)) ?? []
            return String(decoding: bytes, as: UTF8.self).hasPrefix("Vulnerable")
        }
        return open.isEmpty
            ? .good("mitigations", "on for all \(names.count) known processor faults")
            : .warning(
                "mitigations", "vulnerable: \(open.joined(separator: ", "))",
                mend:
                    "VMs may read each other's memory by these: turn the kernel's mitigations on, update the microcode")
    }

    private var cores: Examination {
        let isThreaded =
            (try? FileSystem.contents(of: "/sys/devices/system/cpu/smt/active", atMost: 8)) == [0x31, 0x0A]
        switch (isThreaded, configuration.ownsCores) {
        case (false, _): return .good("processor cores", "one thread each")
        case (true, true): return .good("processor cores", "several threads each, shared by no two VMs at a time")
        case (true, false):
            return .warning(
                "processor cores", "several threads each, which VMs share",
                mend: "where tenants distrust each other, set core-scheduling: on")
        }
    }
}
