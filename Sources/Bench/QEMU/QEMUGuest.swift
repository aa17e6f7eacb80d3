import Glibc
import LinuxSystem
import Runtime

/// A QEMU guest of `MemoryNeighbours`, with the same kernel as ours but for PCI: QEMU's virtio-mem exists on PCI only.
/// It ends with this object.
public final class QEMUGuest {
    public let monitor: QEMUMonitor
    private let process: ChildProcess
    private let console: OwnedDescriptor
    private var printed: [UInt8] = []

    private static let patienceInMilliseconds: CInt = 180_000

    /// - `directory`: where the monitor's socket is made.
    /// - `memory`: in bytes, that of the machine besides its devices'.
    public init(
        directory: String, kernel: String, initialRAMDisk: String, virtualCPUs: Int, memory: UInt64, bytesEach: Int,
        devices: [String]
    ) throws {
        guard let program = findProgram("qemu-system-x86_64") else {
            throw Stopwatch.Failed(
                description: "qemu-system-x86_64 is not installed; `make setup` installs what the benches compare with")
        }
        let (mine, its) = try UnixSocket.pair()
        console = mine
        let monitorPath = "\(directory)/monitor-\(RandomBytes.bytes(4).map { String($0, radix: 16) }.joined())"
        let arguments =
            [
                program, "-M", "q35", "-accel", "kvm", "-cpu", "host", "-smp", "\(virtualCPUs)",
                // Room for what a virtio-mem device can add.
                "-m", "\(memory >> 20)M,slots=1,maxmem=\((memory >> 20) + 2048)M", "-bios", "qboot.rom", "-nodefaults",
                "-no-user-config", "-display", "none", "-serial", "stdio", "-no-reboot", "-qmp",
                "unix:\(monitorPath),server=on,wait=off", "-kernel", kernel, "-initrd", initialRAMDisk, "-append",
                BareVirtualMachine.kernelCommandLine + " memory_hotplug.memmap_on_memory=1 reboot=t"
                    + " sysctl.vm.percpu_pagelist_high_fraction=512 -- bench memory-neighbours \(bytesEach)",
            ] + devices
        process = try ProcessLaunch(
            program, arguments: arguments, environment: ["PATH=/usr/bin:/bin"], input: its, output: its, error: its
        ).start()
        do {
            try Self.wait(for: "ready", on: console, &printed)
            monitor = try QEMUMonitor(at: monitorPath)
        } catch {
            sendSignal(SIGKILL, to: process.id)
            _ = try? process.waitForEnd()
            throw error
        }
    }

    deinit {
        sendSignal(SIGKILL, to: process.id)
        _ = try? process.waitForEnd()
    }

    /// Has the guest do something and waits until it has.
    public func order(_ line: String, answeredBy answer: String) throws {
        try console.write(all: Array((line + "\n").utf8))
        try Self.wait(for: answer, on: console, &printed)
    }

    private static func wait(for answer: String, on console: OwnedDescriptor, _ printed: inout [UInt8]) throws {
        let wanted = Array((MemoryNeighbours.prefix + answer).utf8)
        let deadline = MonotonicClock.nanoseconds + UInt64(patienceInMilliseconds) * 1_000_000
        while true {
            if let end = endOfFirst(wanted, in: printed) {
                printed.removeSubrange(..<end)
                return
            }
            let left = MonotonicClock.nanoseconds < deadline ? (deadline - MonotonicClock.nanoseconds) / 1_000_000 : 0
            let ready = try LinuxSystem.wait(for: [(console, .readable)], timeoutInMilliseconds: CInt(left))
            let bytes = ready[0].isEmpty ? [] : try console.read(atMost: 1 << 16)
            guard !bytes.isEmpty else {
                let last = String(decoding: printed.suffix(400), as: UTF8.self)
                throw Stopwatch.Failed(description: "QEMU's guest never said \"\(answer)\"; its last words: \(last)")
            }
            printed += bytes
        }
    }

    private static func endOfFirst(_ wanted: [UInt8], in bytes: [UInt8]) -> Int? {
        guard bytes.count >= wanted.count else { return nil }
        return (0...(bytes.count - wanted.count)).first { bytes[$0..<($0 + wanted.count)].elementsEqual(wanted) }
            .map { $0 + wanted.count }
    }
}
