import Glibc
import LinuxSystem
import Runtime

/// QEMU's microvm machine on KVM, with our kernel and 256 MiB: the measure of what is taken for a microVM elsewhere.
public enum QEMUMicroVM {
    public static let program = "qemu-system-x86_64"

    public static func arguments(kernel: String, initialRAMDisk: String, virtualCPUs: Int) -> [String] {
        [
            "-M", "microvm,x-option-roms=off,isa-serial=on,rtc=on", "-accel", "kvm", "-cpu", "host", "-smp",
            "\(virtualCPUs)", "-m", "256M", "-nodefaults", "-no-user-config", "-display", "none", "-serial", "stdio",
            "-no-reboot", "-kernel", kernel, "-initrd", initialRAMDisk,
            // QEMU's microvm cannot power off; a reset ends it.
            "-append", BareVirtualMachine.kernelCommandLine + " reboot=t",
        ]
    }

    /// What guests cost their host, one more at a time, each with a shell that has printed and waits. They end with
    /// the call.
    public static func density(guests: Int, kernel: String, directory: String) throws -> DensityBench.Result {
        let disk = directory + "/qemu-initrd"
        try FileSystem.replace(
            disk, with: try BusyboxRoot.initialRAMDisk(thenRunning: "exec /bin/busybox sleep 100000"))
        let arguments = arguments(kernel: kernel, initialRAMDisk: disk, virtualCPUs: 1)
        var running: [(child: ChildProcess, output: OwnedDescriptor)] = []
        func end() {
            for (child, _) in running {
                sendSignal(SIGKILL, to: child.id)
                _ = try? child.waitForEnd()
            }
            running = []
        }
        defer { end() }
        var result = DensityBench.Result()
        for index in 0...guests {
            if index > 0 {
                let guest = try Stopwatch.launchToRead(program, arguments)
                running.append((guest.child, guest.output))
                try Stopwatch.read(guest.output, until: BusyboxRoot.greeting, of: program)
            }
            try DensityBench.rest()
            result.costs.append(try MemoryCost(processes: running.map(\.child.id), shared: [kernel, disk]))
        }
        end()
        result.left = try MemoryCost(processes: [], shared: [kernel, disk])
        return result
    }
}
