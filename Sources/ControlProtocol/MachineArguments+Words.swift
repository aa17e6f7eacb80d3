/// Words that are no arguments of czone-vm.
public struct InvalidMachineArguments: Error, Equatable, CustomStringConvertible {
    public let description: String
}

/// The form: pairs of an option and its value.
extension MachineArguments {
    private enum Option: String {
        case kernel = "--kernel"
        case initialRAMDisk = "--initrd"
        case memory = "--memory"
        case cpus = "--cpus"
        case zones = "--zones"
        case zoneSize = "--zone-size"
        case image = "--image"
        case append = "--append"
        case alone = "--alone"
        case console = "--console"
        case controlDescriptor = "--control-descriptor"
        case lockDescriptor = "--lock-descriptor"
        case logDescriptor = "--log-descriptor"
        case memoryLimitDescriptor = "--memory-limit-descriptor"
        case idleTimeout = "--idle-timeout"
        case prewarmTimeout = "--prewarm-timeout"
        case restore = "--restore"
        case saveTemplate = "--save-template"
        case saveWorkingSet = "--save-working-set"
        case identity = "--identity"
        case user = "--user"
        case jail = "--jail"
        case cores = "--cores"
    }

    /// No path: those are absolute.
    private static let noImage = "none"

    /// The words behind the program's name; `init(parsing:)` makes an equal value of them.
    public var words: [String] {
        var pairs: [(Option, String)] = [(.kernel, kernel)]
        if let initialRAMDisk { pairs.append((.initialRAMDisk, initialRAMDisk)) }
        pairs += [
            (.memory, "\(size.memoryInBytes)"), (.cpus, "\(size.virtualCPUs)"), (.zones, "\(size.zoneCount)"),
            (.zoneSize, "\(size.zoneSizeInBytes)"),
        ]
        pairs += images.map { (.image, $0 ?? Self.noImage) }
        if !addedCommandLine.isEmpty { pairs.append((.append, addedCommandLine)) }
        if isAlone { pairs.append((.alone, "yes")) }
        pairs.append((.user, "\(jail.user)"))
        if jail.isReduced { pairs.append((.jail, "reduced")) }
        if jail.ownsCores { pairs.append((.cores, "own")) }
        switch purpose {
        case .console: pairs.append((.console, "terminal"))
        case .containers(let service): pairs += Self.pairs(service)
        case .saveTemplate(let template):
            pairs += [(.saveTemplate, template.directory), (.identity, template.identity)]
        case .recordWorkingSet(let template, let file):
            pairs += [
                (.restore, template.directory), (.identity, template.identity), (.saveWorkingSet, file),
            ]
        }
        return pairs.flatMap { [$0.rawValue, $1] }
    }

    private static func pairs(_ service: Service) -> [(Option, String)] {
        var pairs: [(Option, String)] = [
            (.controlDescriptor, "\(service.controlDescriptor)"), (.lockDescriptor, "\(service.lockDescriptor)"),
            (.logDescriptor, "\(service.logDescriptor)"),
        ]
        if let number = service.memoryLimitDescriptor { pairs.append((.memoryLimitDescriptor, "\(number)")) }
        if let seconds = service.idleTimeoutInSeconds { pairs.append((.idleTimeout, "\(seconds)")) }
        if let seconds = service.prewarmTimeoutInSeconds { pairs.append((.prewarmTimeout, "\(seconds)")) }
        if let template = service.template {
            pairs += [(.restore, template.directory), (.identity, template.identity)]
        }
        return pairs
    }

    /// Reads what `words` wrote. Every option may be there once, images often; one that the purpose has no use for is
    /// refused, as is a value that is no number where one is expected.
    public init(parsing words: [String]) throws(InvalidMachineArguments) {
        var options = try Options(words)
        kernel = try options.take(.kernel)
        initialRAMDisk = options.takeIfPresent(.initialRAMDisk)
        size = Size(
            memoryInBytes: try options.takeNumber(.memory), virtualCPUs: try options.takeNumber(.cpus),
            zoneCount: try options.takeNumber(.zones), zoneSizeInBytes: try options.takeNumber(.zoneSize))
        images = options.images
        addedCommandLine = options.takeIfPresent(.append) ?? ""
        isAlone = try options.takeConstant(.alone, "yes")
        jail = Jail(
            user: try options.takeNumber(.user), isReduced: try options.takeConstant(.jail, "reduced"),
            ownsCores: try options.takeConstant(.cores, "own"))
        purpose = try Self.purpose(&options)
        try options.end()
    }

    private static func purpose(_ options: inout Options) throws(InvalidMachineArguments) -> Purpose {
        if try options.takeConstant(.console, "terminal") { return .console }
        if let directory = options.takeIfPresent(.saveTemplate) {
            return .saveTemplate(Template(directory: directory, identity: try options.take(.identity)))
        }
        let template = try options.takeIfPresent(.restore).map { directory throws(InvalidMachineArguments) in
            Template(directory: directory, identity: try options.take(.identity))
        }
        if let template, let file = options.takeIfPresent(.saveWorkingSet) {
            return .recordWorkingSet(of: template, to: file)
        }
        return .containers(
            Service(
                controlDescriptor: try options.takeNumber(.controlDescriptor),
                lockDescriptor: try options.takeNumber(.lockDescriptor),
                logDescriptor: try options.takeNumber(.logDescriptor),
                idleTimeoutInSeconds: try options.takeNumberIfPresent(.idleTimeout),
                memoryLimitDescriptor: try options.takeNumberIfPresent(.memoryLimitDescriptor),
                prewarmTimeoutInSeconds: try options.takeNumberIfPresent(.prewarmTimeout), template: template))
    }

    /// The pairs that have not been looked at yet.
    private struct Options {
        private var values: [Option: String] = [:]
        private(set) var images: [String?] = []

        init(_ words: [String]) throws(InvalidMachineArguments) {
            var rest = words[...]
            while let name = rest.popFirst() {
                guard let option = Option(rawValue: name) else {
                    throw InvalidMachineArguments(description: "\(name) is no option of czone-vm")
                }
                guard let value = rest.popFirst() else {
                    throw InvalidMachineArguments(description: "\(name) lacks its value")
                }
                guard option != .image else {
                    images.append(value == MachineArguments.noImage ? nil : value)
                    continue
                }
                guard values.updateValue(value, forKey: option) == nil else {
                    throw InvalidMachineArguments(description: "\(name) is given twice: expected it once")
                }
            }
        }

        mutating func takeIfPresent(_ option: Option) -> String? { values.removeValue(forKey: option) }

        mutating func take(_ option: Option) throws(InvalidMachineArguments) -> String {
            guard let value = takeIfPresent(option) else {
                throw InvalidMachineArguments(description: "\(option.rawValue) is missing")
            }
            return value
        }

        mutating func takeNumberIfPresent<Number: FixedWidthInteger>(
            _ option: Option
        ) throws(InvalidMachineArguments) -> Number? {
            guard let value = takeIfPresent(option) else { return nil }
            guard let number = Number(value), number >= 0 else {
                throw InvalidMachineArguments(
                    description: "\(option.rawValue) \(value): expected a whole number from 0 to \(Number.max)")
            }
            return number
        }

        mutating func takeNumber<Number: FixedWidthInteger>(
            _ option: Option
        ) throws(InvalidMachineArguments) -> Number {
            guard let number: Number = try takeNumberIfPresent(option) else {
                throw InvalidMachineArguments(description: "\(option.rawValue) is missing")
            }
            return number
        }

        /// Whether an option that has one value only is there.
        mutating func takeConstant(_ option: Option, _ expected: String) throws(InvalidMachineArguments) -> Bool {
            guard let value = takeIfPresent(option) else { return false }
            guard value == expected else {
                throw InvalidMachineArguments(description: "\(option.rawValue) \(value): expected \(expected)")
            }
            return true
        }

        func end() throws(InvalidMachineArguments) {
            guard let name = values.keys.map(\.rawValue).min() else { return }
            throw InvalidMachineArguments(description: "\(name) has no meaning together with the other options")
        }
    }
}
