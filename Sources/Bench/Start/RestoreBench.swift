import ControlProtocol
import LinuxSystem
import Runtime
import SystemPackage

/// Starts VMs with and without a template in turn.
public struct RestoreBench {
    private static let image = "bench"
    private let executable: String
    private let registry: Registry
    private let places: [String]

    /// Imports the image and makes its template.
    public init(directory: String, executable: String) throws {
        self.executable = executable
        registry = try Registry(root: FilePath(directory + "/root"))
        places = ["--root", directory + "/root", "--store", directory + "/store"]
        try BusyboxRoot.makeDirectory(directory + "/rootfs")
        try czone(["image", "import"], ["--name", Self.image, "dir:\(directory)/rootfs"])
        try czone(["template", "create"], [Self.image])
    }

    public func measure(runs: Int) throws -> (boot: Measurements, restore: Measurements) {
        var (boot, restore) = (Measurements(), Measurements())
        // The first use of anything is not what is measured.
        _ = try start(templates: "on")
        for _ in 0..<runs {
            boot.add(try start(templates: "off"))
            restore.add(try start(templates: "on"))
        }
        return (boot, restore)
    }

    /// Ends what the bench has started.
    public func end() { try? czone(["vm", "stop"], ["--all"]) }

    private func czone(_ verb: [String], _ arguments: [String], templates: String = "on") throws {
        let command = ["CZONE_TEMPLATES=\(templates)", executable] + verb + places + arguments
        _ = try Stopwatch.milliseconds(of: "/usr/bin/env", command)
    }

    /// Starts a VM for a container, and ends both; how long the VM's agent took, in milliseconds.
    private func start(templates: String) throws -> Double {
        try czone(["run"], ["--detach", Self.image, "sleep", "100000"], templates: templates)
        guard let machine = try registry.virtualMachines().first else {
            throw RuntimeError.invalid("the VM ended before it was asked")
        }
        let taken = Double(try machine.describe(measured: false).bootMicroseconds) / 1000
        try czone(["vm", "stop"], ["--all"])
        try registry.cleanUp()
        return taken
    }
}
