import LinuxSystem
public import SystemPackage

/// Where the files are that a VM is made of.
///
/// Each is taken from its environment variable where that is set, else from beside the running executable (a build
/// directory), else from where `make install` puts it.
public struct Artefacts: Sendable {
    /// A file that was looked for and not found.
    public struct Missing: Error, CustomStringConvertible {
        let what: String
        let variable: String
        let places: [FilePath]

        public var description: String {
            "no \(what): looked for \(places.map(\.string).joined(separator: ", ")); "
                + "run `make setup release`, or set \(variable)"
        }
    }

    private let executableDirectory: FilePath

    /// Looks beside the running executable.
    public init() {
        // Not FilePath's own removal: it takes Swift's runtime a millisecond to make what that needs.
        let path = Array(CurrentProcess.executablePath.utf8)
        let end = path.lastIndex(of: UInt8(ascii: "/")) ?? 0
        executableDirectory = FilePath(String(decoding: path[..<end], as: UTF8.self))
    }

    /// The guest kernel, an ELF vmlinux.
    public func kernel() throws(Missing) -> FilePath {
        try find("guest kernel", "CZONE_KERNEL", ["../vmlinux", "vmlinux", "../lib/czone/vmlinux"])
    }

    /// The same kernel with PCI, for a monitor that it is compared on and that cannot do without.
    public func kernelWithPCI() throws(Missing) -> FilePath {
        try find(
            "guest kernel with PCI", "CZONE_PCI_KERNEL", ["../vmlinux-pci", "vmlinux-pci", "../lib/czone/vmlinux-pci"])
    }

    /// The initial RAM disk with the guest agent in it.
    public func initialRAMDisk() throws(Missing) -> FilePath {
        try find(
            "initramfs", "CZONE_INITRAMFS", ["../initramfs.cpio", "initramfs.cpio", "../lib/czone/initramfs.cpio"])
    }

    /// The process that is a VM.
    public func virtualMachineMonitor() throws(Missing) -> FilePath {
        try find("czone-vm", "CZONE_VM", ["czone-vm", "../lib/czone/czone-vm"])
    }

    /// The process that serves functions.
    public func gateway() throws(Missing) -> FilePath {
        try find("czone-gateway", "CZONE_GATEWAY", ["czone-gateway", "../bin/czone-gateway"])
    }

    /// The fabric's program.
    public func fabric() throws(Missing) -> FilePath {
        try find("czone-fabric", "CZONE_FABRIC", ["czone-fabric", "../bin/czone-fabric"])
    }

    /// The program that pushes and pulls templates.
    public func transfer() throws(Missing) -> FilePath {
        try find("czone-transfer", "CZONE_TRANSFER", ["czone-transfer", "../bin/czone-transfer"])
    }

    /// The command line's program.
    public func command() throws(Missing) -> FilePath {
        try find("czone", "CZONE_COMMAND", ["czone", "../bin/czone", "../../bin/czone"])
    }

    /// The directory of the program that serves handlers in containers.
    public func tracer() throws(Missing) -> FilePath {
        try find("host program of handlers", "CZONE_TRACER", ["../tracer", "../lib/czone/tracer"])
    }

    /// The program that compiles handlers.
    public func compiler() throws(Missing) -> FilePath {
        try find("czone-compile", "CZONE_COMPILE", ["czone-compile", "../bin/czone-compile"])
    }

    /// The process that serves events by compiled code.
    public func sandbox() throws(Missing) -> FilePath {
        try find("czone-sandbox", "CZONE_SANDBOX", ["czone-sandbox", "../bin/czone-sandbox"])
    }

    /// What compiled code runs in.
    public func wasmtime() throws(Missing) -> FilePath {
        try find(
            "libwasmtime.so", "CZONE_WASMTIME",
            ["../acceleration/libwasmtime.so", "../lib/czone/acceleration/libwasmtime.so"])
    }

    /// The library that compiled code is made of besides.
    public func traceRuntime() throws(Missing) -> FilePath {
        try find(
            "runtime.wasm", "CZONE_TRACE_RUNTIME",
            ["../acceleration/runtime.wasm", "../lib/czone/acceleration/runtime.wasm"])
    }

    private func find(_ what: String, _ variable: String, _ places: [String]) throws(Missing) -> FilePath {
        var candidates = places.map { executableDirectory.appending($0).lexicallyNormalized() }
        if let named = CurrentProcess.environment(variable) { candidates = [FilePath(named)] }
        for candidate in candidates where isReadable(candidate.string) { return candidate }
        throw Missing(what: what, variable: variable, places: candidates)
    }
}
