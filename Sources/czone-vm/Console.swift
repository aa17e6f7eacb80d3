import ControlProtocol
import Glibc
import LinuxSystem
import Machine
import Supervisor
import SystemPackage

/// The other end of the guest's serial console: this process's terminal, or the VM's log file.
final class Console {
    /// The most bytes that a log file gets before it starts again: a guest cannot fill the host's disk.
    private static let maxLogBytes = 1 << 20

    private enum Output {
        case none
        case terminal(OwnedDescriptor)
        case log(FileQueue)
    }

    private var output = Output.none
    /// The log's file, until there is a disk to write it by.
    private let logFile: OwnedDescriptor?
    /// Bytes for which the log had no room; said there as soon as it has.
    private var lostCount = 0
    private let input: OwnedDescriptor?
    /// The terminal, and how it was before.
    private let terminal: (Terminal, Terminal.Settings)?
    private weak var machine: Machine?

    init(_ purpose: MachineArguments.Purpose) throws {
        if case .console = purpose {
            output = .terminal(StandardStream.output.descriptor)
            logFile = nil
            input = StandardStream.input.descriptor
            terminal = try Terminal(StandardStream.input.descriptor).map { ($0, try $0.settings()) }
            try terminal?.0.makeRaw()
        } else {
            logFile =
                if case .containers(let service) = purpose { OwnedDescriptor(taking: service.logDescriptor) } else {
                    nil
                }
            input = nil
            terminal = nil
        }
    }

    /// What the guest has written; on a vCPU's thread, with the device lock held. A log whose disk lags behind loses what
    /// it has no room for; a terminal holds the guest up.
    func write(_ bytes: [UInt8]) {
        switch output {
        case .none: break
        // A reader that has gone is no reason to stop the guest.
        case .terminal(let terminal): try? terminal.write(all: bytes)
        case .log(let log):
            guard log.hasRoom else {
                lostCount += bytes.count
                return
            }
            if lostCount > 0 { log.append(Array("\n[\(lostCount) bytes lost: the log's disk is slow]\n".utf8)) }
            lostCount = 0
            log.append(bytes)
        }
    }

    /// Lets what is typed reach the guest, and what the guest writes the log. With the device lock held.
    func connect(to machine: Machine, _ disk: DiskWork) throws {
        self.machine = machine
        if let logFile { output = .log(FileQueue([logFile], disk, maxFileBytes: Self.maxLogBytes)) }
        guard let input else { return }
        do {
            try machine.loop.add(input, for: .readable) { [self] _ in takeInput(input) }
        } catch  where error.errno == .notPermitted {
            // A regular file is always readable, and epoll does not take it.
            takeInput(input)
        }
        machine.onConsoleInputDrained { [self] in resume(input) }
    }

    func restoreTerminal() {
        if let (terminal, settings) = terminal { terminal.restore(settings) }
    }

    private func takeInput(_ input: OwnedDescriptor) {
        guard let machine else { return }
        let room = machine.consoleInputRoom
        guard room > 0 else { return machine.loop.remove(input) }
        let bytes = (try? input.read(atMost: room)) ?? []
        guard !bytes.isEmpty else { return machine.loop.remove(input) }
        machine.typeOnConsole(bytes)
    }

    /// The guest has read what was typed: there is room for more.
    private func resume(_ input: OwnedDescriptor) {
        guard let machine else { return }
        machine.loop.remove(input)
        try? machine.loop.add(input, for: .readable) { [self] _ in takeInput(input) }
    }
}
