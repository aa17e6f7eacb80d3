import ControlProtocol
import LinuxSystem
import OCI

/// What a VM is made of: VMs of equal keys can be restored from one template.
public struct TemplateKey: Hashable, Sendable {
    /// A piece of an identity: text, or what stands for a file.
    package enum Part: Hashable, Codable, Sendable {
        case text(String)
        case file(HostFile)
    }

    package let parts: [Part]
    /// Every choice that the guest's memory depends on, for the state file, which must have the same.
    public let identity: String

    /// No identity is longer, in bytes.
    package static let maxBytes = 64 << 10

    package init(_ parts: [Part]) {
        self.parts = parts
        identity = parts.map { part in
            switch part {
            case .text(let text): text
            case .file(let file): file.mark
            }
        }.joined()
    }

    /// - Parameter scope: of which images the VMs are that are restored from it.
    init(
        _ order: Placement.MachineOrder, _ record: VirtualMachineRecord, files: VirtualMachineFiles,
        kernelArguments: String, scope: TemplateScope = .image
    )
        throws(RuntimeError)
    {
        let process = try order.processLines
        var parts: [Part] = [.text("files ")]
        for file in files.all { parts += [.text("/"), .file(file)] }
        parts += [.text("\nimage ")] + (try scope.imageParts(of: order.image))
        let choices =
            [
                "memory \(record.memoryInBytes)", "cpus \(record.virtualCPUs)",
                "zones \(record.zoneCount) of \(record.zoneSizeInBytes)",
                "containers \(order.key.isAlone ? "one" : "many")",
                "arguments \(kernelArguments)",
            ] + process
        self.init(parts + [.text(choices.map { "\n" + $0 }.joined())])
    }

    /// The same with a process template, in an identity's own words.
    func adding(_ processLines: [String]) -> TemplateKey {
        TemplateKey(parts + [.text(processLines.map { "\n" + $0 }.joined())])
    }

    /// The template's directory in the store: half of the identity's digest.
    public var directoryName: String { String(Digest(of: Array(identity.utf8)).hex.prefix(32)) }
}

/// Of which images the VMs are that a template is for.
public enum TemplateScope: Sendable {
    case image
    /// Its guest has a place for an image, and nothing of one: for images of which there is no template yet.
    case everyImage

    fileprivate func imageParts(of image: StoredImage) throws(RuntimeError) -> [TemplateKey.Part] {
        guard case .image = self else { return [.text("any")] }
        // An image that was imported anew may lie in its file in another way, although its digest is the same.
        guard let file = try HostFile(image.erofsPath) else {
            throw .invalid("the image \(quoted(image.name)) has been removed")
        }
        return [.text("\(image.digest) "), .file(file)]
    }
}

/// What a template was made of and when, for readers of the store.
public struct TemplateRecord: Codable, Equatable, Sendable {
    /// "any image" where it is for every image; the digest is empty then.
    public var image: String
    public var imageDigest: String
    public var memoryInBytes: UInt64
    public var virtualCPUs: Int
    public var zoneCount: Int
    public var zoneSizeInBytes: UInt64
    public var isAlone: Bool
    /// Nanoseconds since 1970 UTC.
    public var created: UInt64
    /// Whose containers are in its VMs; nil: anybody's, as it has no process template.
    public var function: String?
    public var tenant: String?
    /// The process template that its VMs have; nil: none was wanted.
    public var process: ProcessTemplateRecord?
}

/// The process template in a VM's template, for readers of the store.
public struct ProcessTemplateRecord: Codable, Equatable, Sendable {
    /// Its program and arguments, as one line.
    public var command: String
    /// Why there is none: its VMs are restored without; empty otherwise.
    public var reason: String
    public var reachedAfterMicroseconds: UInt64
    public var threads: UInt32
    public var memoryBytes: UInt64

    init(_ report: ProcessTemplateReport) {
        command = report.command
        reason = report.state == .refused ? report.reason : ""
        reachedAfterMicroseconds = report.reachedAfterMicroseconds
        threads = report.threads
        memoryBytes = report.memoryBytes
    }
}

extension Placement.MachineOrder {
    /// What of an identity a process template decides: whose it is, and what its containers have in common.
    fileprivate var processLines: [String] {
        get throws(RuntimeError) {
            guard let process else { return [] }
            do throws(ProcessTemplateIdentity.Obstacle) {
                let digest = Digest(of: try process.identity.bytes).hex
                return ["function \(key.function)", "tenant \(key.tenant)", "process \(digest)"]
            } catch { throw .invalid("there can be no process template: \(error)") }
        }
    }
}
