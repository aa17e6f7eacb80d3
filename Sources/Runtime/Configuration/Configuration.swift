import AgentProtocol
import ControlProtocol
import Geometry
import LinuxSystem

/// What an operator can choose for a host: `/etc/czone/config.yaml` (or the file that CZONE_CONFIG names), and over it
/// environment variables.
public struct Configuration: Equatable, Sendable {
    /// Zones of each VM, 1 to `ZoneGeometry.maxZoneCount`.
    public var zonesPerMachine = 16
    /// The size at which the zone of a container begins that does not say; rounded up to a multiple of 128 MiB.
    public var zoneSizeInBytes: UInt64 = ZoneGeometry.blockSizeInBytes
    /// What such a zone grows to with what its container uses; nil: half of the host's memory.
    public var zoneMaxInBytes: UInt64?
    /// A VM's memory besides its zones: kernel, agent, the page tables of its images.
    public var baseMemoryInBytes: UInt64 = 256 << 20
    /// vCPUs of each VM.
    public var virtualCPUs = Configuration.defaultVirtualCPUs
    /// How long a VM without containers lives on, in seconds; 0: for ever.
    public var idleTimeoutInSeconds = 60
    /// What is added to the guest kernel's command line.
    public var kernelArguments = ""
    /// The limit of processes of a container that does not say.
    public var processesMax: UInt64 = 4096

    /// Whether VMs are restored from templates.
    public var usesTemplates = true
    /// Whether VMs of an image without a template of its own are restored from the one of every image.
    public var usesGenericTemplate = true
    /// What all templates may take of the store, in bytes.
    public var templateLimitInBytes: UInt64 = 4 << 30
    /// The repository of a registry, REGISTRY/NAME, where templates are looked for before they are made; nil: nowhere.
    public var templateSource: String?
    /// How many VMs of each function are prewarmed: started before they are needed.
    public var prewarm = 0
    /// The same for some functions by their names.
    public var prewarmByFunction: [String: Int] = [:]
    /// How long a prewarmed VM lives without a first container, in seconds; 0: for ever.
    public var prewarmTimeoutInSeconds = 600

    /// What is kept of what detached containers print.
    public var logOptions = LogOptions()
    /// Whether a VM goes on without a wall of its jail that the host refuses; else it does not start.
    public var reducesJail = false
    /// Whether a VM's threads share no processor core with others at the same time.
    public var ownsCores = false
    /// The path of the control group that VMs' groups are in.
    public var groupParent = "/czone"
    /// The first of 65536 numbers of users that VMs' processes run as.
    public var firstUser = MachineArguments.Jail.firstUser

    /// Whether containers begin as copies of their function's process template, and what templates are to be.
    public var warmStart = WarmStartSettings()

    public init() {}

    /// How many VMs of a function are prewarmed.
    public func prewarm(_ function: String) -> Int { prewarmByFunction[function] ?? prewarm }

    static let defaultPath = "/etc/czone/config.yaml"

    /// Reads the host's choices.
    /// - Throws: `RuntimeError.invalid` naming the setting that makes no sense, or that does not exist.
    public static func load() throws(RuntimeError) -> Configuration {
        var configuration = Configuration()
        let named = CurrentProcess.environment("CZONE_CONFIG")
        let path = named ?? defaultPath
        let contents = try system { () throws(SystemError) in try FileSystem.contents(of: path, atMost: 1 << 20) }
        if let contents {
            try configuration.read(String(decoding: contents, as: UTF8.self), path: path)
        } else if named != nil {
            throw .invalid("there is no configuration file \(quoted(path)), which CZONE_CONFIG names")
        }
        for setting in Setting.allCases {
            guard let value = CurrentProcess.environment(setting.variable) else { continue }
            try configuration.set(setting, to: value, origin: setting.variable)
        }
        for (old, new) in Setting.renamed where CurrentProcess.environment(Setting.variable(of: old)) != nil {
            throw .invalid("\(Setting.variable(of: old)) is now named \(new.variable)")
        }
        return configuration
    }

    /// `prewarm.NAME: N` is the setting for one function.
    private static let prewarmPrefix = "prewarm."
    private static let prewarmRange = 0...1024
    /// `warm-start.NAME: on` likewise.
    private static let warmStartPrefix = "warm-start."

    /// The settings by their names in the file.
    enum Setting: String, CaseIterable {
        case zonesPerVM = "zones-per-vm"
        case zoneSize = "zone-size"
        case zoneMax = "zone-max"
        case baseMemory = "base-memory"
        case cpus
        case idleTimeout = "idle-timeout"
        case kernelArguments = "kernel-arguments"
        case processesMax = "pids-limit"
        case templates
        case genericTemplate = "generic-template"
        case templateLimit = "template-limit"
        case templateSource = "template-source"
        case prewarm
        case prewarmTimeout = "prewarm-timeout"
        case logOptions = "log-opts"
        case jail
        case firstUser = "uid-base"
        case groupParent = "cgroup-parent"
        case coreScheduling = "core-scheduling"
        case warmStart = "warm-start"
        case warmStartTimeout = "warm-start-timeout"
        case warmStartMemory = "warm-start-memory"

        /// What a setting was named before; `prewarm.NAME` likewise.
        static let renamed: [(old: String, new: Setting)] = [("warm", .prewarm), ("warm-timeout", .prewarmTimeout)]

        /// CZONE_ZONES_PER_VM and so on.
        var variable: String { Self.variable(of: rawValue) }

        static func variable(of setting: String) -> String {
            let name = setting.utf8.map { byte in
                switch byte {
                case UInt8(ascii: "-"): UInt8(ascii: "_")
                case UInt8(ascii: "a")...UInt8(ascii: "z"): byte - 32
                default: byte
                }
            }
            return "CZONE_" + String(decoding: name, as: UTF8.self)
        }
    }

    /// Reads the lines `name: value` that the file consists of: YAML without nesting.
    mutating func read(_ text: String, path: String) throws(RuntimeError) {
        for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let content = Self.trimmed(line.prefix { $0 != "#" })
            if content.isEmpty || content == "---" { continue }
            let place = "\(path):\(number + 1)"
            guard let colon = content.firstIndex(of: ":") else {
                throw .invalid("\(place): \(quoted(String(content))) is no setting: expected NAME: VALUE")
            }
            let (name, value) = (String(content[..<colon]), Self.trimmed(content[content.index(after: colon)...]))
            if name.hasPrefix(Self.prewarmPrefix) {
                let function = String(name.dropFirst(Self.prewarmPrefix.count))
                prewarmByFunction[function] = try Self.number(Self.unquoted(value), Self.prewarmRange, .prewarm, place)
                continue
            }
            if name.hasPrefix(Self.warmStartPrefix) {
                let function = String(name.dropFirst(Self.warmStartPrefix.count))
                warmStart.byFunction[function] = try Self.isOn(Self.unquoted(value), .warmStart, place)
                continue
            }
            guard let setting = Setting(rawValue: name) else { throw Self.unknown(name, place) }
            try set(setting, to: Self.unquoted(value), origin: place)
        }
    }

    private static func unknown(_ name: String, _ place: String) -> RuntimeError {
        let (base, function) = (name.prefix { $0 != "." }, name.drop { $0 != "." })
        if let (_, new) = Setting.renamed.first(where: { $0.old == base }) {
            return .invalid("\(place): the setting \(quoted(name)) is now named \(quoted(new.rawValue + function))")
        }
        let known = Setting.allCases.map(\.rawValue).joined(separator: ", ")
        return .invalid("\(place): there is no setting \(quoted(name)): expected one of \(known)")
    }

    private mutating func set(_ setting: Setting, to value: String, origin: String) throws(RuntimeError) {
        switch setting {
        case .zonesPerVM: zonesPerMachine = try Self.number(value, 1...ZoneGeometry.maxZoneCount, setting, origin)
        case .zoneSize: zoneSizeInBytes = try Self.size(value, setting, origin)
        case .zoneMax: zoneMaxInBytes = try Self.size(value, setting, origin)
        case .baseMemory: baseMemoryInBytes = try Self.size(value, setting, origin)
        case .cpus: virtualCPUs = try Self.number(value, 1...64, setting, origin)
        case .idleTimeout: idleTimeoutInSeconds = try Self.number(value, 0...31_536_000, setting, origin)
        case .kernelArguments: kernelArguments = value
        case .templates: usesTemplates = try Self.isOn(value, setting, origin)
        case .genericTemplate: usesGenericTemplate = try Self.isOn(value, setting, origin)
        case .templateLimit: templateLimitInBytes = try Self.size(value, setting, origin)
        // What it names is checked by the program that asks it.
        case .templateSource: templateSource = value.isEmpty ? nil : value
        case .prewarm: prewarm = try Self.number(value, Self.prewarmRange, setting, origin)
        case .prewarmTimeout: prewarmTimeoutInSeconds = try Self.number(value, 0...31_536_000, setting, origin)
        case .logOptions:
            for word in value.split(separator: ",") {
                try logOptions.set(Self.trimmed(word).description, origin: origin)
            }
        case .jail:
            guard value == "full" || value == "reduced" else {
                throw .invalid("\(origin): jail is \(quoted(value)), expected full or reduced")
            }
            reducesJail = value == "reduced"
        case .coreScheduling: ownsCores = try Self.isOn(value, setting, origin)
        case .groupParent:
            guard value.hasPrefix("/"), value.count > 1, !value.hasSuffix("/"),
                !value.split(separator: "/").contains("..")
            else { throw .invalid("\(origin): cgroup-parent is \(quoted(value)), expected a path such as /czone") }
            groupParent = value
        case .firstUser: firstUser = UInt32(try Self.number(value, 1...0xFFFE_0000, setting, origin))
        case .warmStart: warmStart.isOn = try Self.isOn(value, setting, origin)
        case .warmStartTimeout: warmStart.timeoutInSeconds = try Self.number(value, 1...86_400, setting, origin)
        case .warmStartMemory: warmStart.memoryInBytes = try Self.size(value, setting, origin)
        case .processesMax: processesMax = UInt64(try Self.number(value, 1...Limits.processID, setting, origin))
        }
    }

    private static func isOn(_ text: String, _ setting: Setting, _ origin: String) throws(RuntimeError) -> Bool {
        guard text == "on" || text == "off" else {
            throw .invalid("\(origin): \(setting.rawValue) is \(quoted(text)), expected on or off")
        }
        return text == "on"
    }

    private static func number(
        _ text: String, _ range: ClosedRange<Int>, _ setting: Setting, _ origin: String
    ) throws(RuntimeError) -> Int {
        guard let number = Int(text), range.contains(number) else {
            throw .invalid(
                "\(origin): \(setting.rawValue) is \(quoted(text)), expected a number from \(range.lowerBound) to \(range.upperBound)"
            )
        }
        return number
    }

    private static func size(_ text: String, _ setting: Setting, _ origin: String) throws(RuntimeError) -> UInt64 {
        guard let size = ByteSize(text), size.bytes > 0 else {
            throw .invalid("\(origin): \(setting.rawValue) is \(quoted(text)), expected a size such as 128M")
        }
        return size.bytes
    }

    private static func trimmed(_ text: Substring) -> Substring {
        var rest = text.drop(while: \.isWhitespace)
        while rest.last?.isWhitespace == true { rest.removeLast() }
        return rest
    }

    private static func unquoted(_ text: Substring) -> String {
        for quote in ["\"", "'"] where text.count >= 2 && text.hasPrefix(quote) && text.hasSuffix(quote) {
            return String(text.dropFirst().dropLast())
        }
        return String(text)
    }

    /// As many as czone may use, at most 4: what one function's containers share.
    private static var defaultVirtualCPUs: Int { min(4, CurrentProcess.processorCount) }
}
