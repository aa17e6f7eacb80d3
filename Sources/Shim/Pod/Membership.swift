import LinuxSystem
import ControlProtocol
import OCI
import Runtime
import TTRPC

/// What a `config.json` says about where its container belongs.
struct Membership: Equatable, Sendable {
    enum Role: Equatable, Sendable {
        /// A pod's pause container.
        case sandbox
        /// A container of the pod with this sandbox.
        case member(sandbox: String)
        /// A container on its own: `ctr run`, nerdctl.
        case alone
    }

    let role: Role
    /// Nil: containers share a VM where their image is the same.
    let function: String?
    let tenant: String
    /// The pod has its VM for itself.
    let isOnePerVM: Bool
    /// The most memory that a container of the function can grow to, in bytes: the size of the VM's zones.
    let zoneSizeInBytes: UInt64?
    /// Whether the container may begin as a copy of its function's process template; nil: what the host's settings say.
    let isWarmStart: Bool?
    /// Names of its environment variables that may differ from other copies'.
    let varying: [String]

    /// - Parameter namespace: containerd's.
    /// - Throws: `invalidArgument` naming the annotation that makes no sense.
    init(id: String, annotations: [String: String], namespace: String) throws {
        let sandbox = annotations[Annotation.sandboxID] ?? ""
        switch annotations[Annotation.containerType] {
        case "sandbox": role = .sandbox
        case "container" where !sandbox.isEmpty: role = .member(sandbox: sandbox)
        default: role = .alone
        }
        function = try annotations[Annotation.function].map { try Self.name($0, Annotation.function) }
        tenant = try Self.name(
            annotations[Annotation.tenant] ?? annotations[Annotation.sandboxNamespace] ?? namespace, Annotation.tenant)
        isOnePerVM = try Self.flag(Annotation.onePerVM, annotations) ?? false
        isWarmStart = try Self.flag(Annotation.warmStart, annotations)
        varying = (annotations[Annotation.warmStartEnvironment] ?? "").split(separator: ",").map {
            String($0.drop { $0 == " " })
        }
        zoneSizeInBytes = try annotations[Annotation.zoneSize].map { text in
            guard let size = ByteSize(text), size.bytes > 0 else {
                throw Self.invalid(Annotation.zoneSize, text, "a size such as 256M")
            }
            return try ZoneChoice.zone(for: size.bytes)
        }
    }

    private static func flag(_ annotation: String, _ annotations: [String: String]) throws -> Bool? {
        switch annotations[annotation] {
        case nil: nil
        case "false": false
        case "true": true
        case let value?: throw invalid(annotation, value, "true or false")
        }
    }

    private static func name(_ value: String, _ annotation: String) throws -> String {
        do { try FunctionKey.check(value, is: "value of the annotation \(annotation)") } catch {
            throw Status(.invalidArgument, "\(error)")
        }
        return value
    }

    /// The VM that the container may be in.
    /// - Parameter unique: what no other pod has, for one that has its VM for itself.
    func key(image: StoredImage, kernel: String, zoneSizeInBytes: UInt64, unique: String) -> FunctionKey {
        var key = FunctionKey(
            function: function, tenant: tenant, image: image.digest, kernel: kernel, zoneSizeInBytes: zoneSizeInBytes)
        if isOnePerVM { key.function += "/\(unique)" }
        return key
    }

    /// Where a VM that is started for it belongs on the host: in the pod's control group where it has the VM for itself.
    func place(of spec: RuntimeSpec) -> HostPlace {
        HostPlace(
            groupPath: isOnePerVM ? spec.linux?.cgroupsPath : nil,
            outOfMemoryScoreAdjustment: spec.process?.oomScoreAdj ?? 0)
    }

    /// How the container begins: by its annotations, else by the host's settings for its function.
    ///
    /// - Throws: `invalidArgument` for a name that no variable can have.
    func warmStart(of key: FunctionKey, _ settings: WarmStartSettings) throws -> WarmStart? {
        do throws(RuntimeError) {
            return try settings.warmStart(of: function ?? key.function, choice: isWarmStart, varying: varying)
        } catch {
            throw Status(.invalidArgument, "the annotation \(Annotation.warmStartEnvironment): \(error)")
        }
    }

    private static func invalid(_ annotation: String, _ value: String, _ expected: String) -> Status {
        Status(.invalidArgument, "the annotation \(annotation) is \(quoted(value)), expected \(expected)")
    }
}
