public import OCI

/// What containers must have in common to share a VM.
public struct FunctionKey: Hashable, Codable, Sendable {
    /// The function's name; by default its image's digest.
    public var function: String
    /// Different tenants never share a VM.
    public var tenant: String
    public var image: Digest
    /// Which kernel, agent and monitor: `VirtualMachineFiles.identity`.
    public var kernel: String
    /// The size of every zone of the VM, a multiple of 128 MiB.
    public var zoneSizeInBytes: UInt64
    /// Each container has a VM of its own: as much memory as a zone has, but plain and from the start. What other
    /// runtimes do, and what zones are compared with.
    public var isAlone: Bool

    public init(
        function: String?, tenant: String, image: Digest, kernel: String, zoneSizeInBytes: UInt64, isAlone: Bool = false
    ) {
        self.function = function ?? image.description
        self.tenant = tenant
        self.image = image
        self.kernel = kernel
        self.zoneSizeInBytes = zoneSizeInBytes
        self.isAlone = isAlone
    }

    /// The directory of the registry that stands for this key: half a SHA-256 over all fields, each preceded by its length,
    /// so that no tenant can choose names that lead to another's.
    public var directoryName: String {
        var bytes: [UInt8] = []
        for field in [function, tenant, image.hex, kernel, String(zoneSizeInBytes)] + (isAlone ? ["alone"] : []) {
            bytes += Array("\(field.utf8.count):".utf8)
            bytes += Array(field.utf8)
        }
        return String(Digest(of: bytes).hex.prefix(32))
    }

    /// What a name of a function, a tenant or a container may be.
    public static func check(_ value: String, is what: String) throws(RuntimeError) {
        let isPlain = value.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                || "._-".utf8.contains(byte)
        }
        guard isPlain, (1...128).contains(value.utf8.count), let first = value.utf8.first, !"._-".utf8.contains(first)
        else {
            throw .invalidName(what: what, value: value)
        }
    }
}
