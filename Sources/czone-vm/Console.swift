import ControlProtocol
import Glibc
import LinuxSystem
import Machine
import SystemPackage

/// The other end of the guest's serial console: this process's terminal, or the VM's log file.
final class Console {
    /// The most bytes that a log file gets before it starts again: a guest cannot fill the host's disk.
    private static let mostLogBytes = 1 << 20

    private let output: OwnedDescriptor?
    private let input: OwnedDescriptor?
    /// The terminal, and how it was before.
    private let terminal: (Terminal, Terminal.Settings)?
    private var logged = 0
    private let isLog: Bool
    private weak var machine: Machine?

    init(_ purpose: MachineArguments.Purpose) throws {
        if case .console = purpose {
            output = StandardStream.output.descriptor
            input = StandardStream.input.descriptor
            terminal = try Terminal(StandardStream.input.descriptor).map { ($0, try $0.settings()) }
            try terminal?.0.makeRaw()
            isLog = false
        } else {
            output =
                if case .containers(let service) = purpose { OwnedDescriptor(taking: service.logDescriptor) } else {
                    nil
                }
            input = nil
            terminal = nil
            isLog = true
        }
    }

    /// What the guest has written; on a vCPU's thread, with the device lock held.
    func write(_ bytes: [UInt8]) {
        guard let output else { return }
        if isLog, logged + bytes.count > Self.mostLogBytes {
            guard (try? output.truncate()) != nil else { return }
            logged = 0
        }
        logged += bytes.count
        // A reader that has gone is no reason to stop the guest.
        try? output.write(all: bytes)
    }

    /// Lets what is typed reach the guest. With the device lock held.
    func connect(to machine: Machine) throws {
        self.machine = machine
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
