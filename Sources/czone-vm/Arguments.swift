import Supervisor

/// What the process was asked to be. It has one caller, czone itself, so the form is plain: pairs of a name and a value.
struct Arguments {
    var kernel = ""
    var initialRAMDisk: String?
    var memoryInBytes: UInt64 = 256 << 20
    var virtualCPUs = 1
    var zones = 0
    var zoneSizeInBytes: UInt64 = 128 << 20
    var images: [String] = []
    var addedCommandLine = ""
    /// The console is the process's own standard input and output.
    var terminal = false
    /// Descriptors that the caller has opened: the listening control socket, the file whose lock says that the VM
    /// lives, and the console's log.
    var controlDescriptor: Int32?
    var lockDescriptor: Int32?
    var logDescriptor: Int32?
    /// The VM powers off after so many seconds without a container; nil: never.
    var idleTimeoutInSeconds: UInt32?

    /// The VM is prewarmed: until its first container it is kept for so many seconds (0: for ever), and not where the host
    /// lacks memory.
    var aheadTimeoutInSeconds: UInt32?
    /// The VM takes one container and ends with it.
    var alone = false

    /// A folder that gets a template of the VM, which then ends.
    var savedTemplate: String?
    /// The folder of a template that the VM is restored from.
    var template: String?
    /// A file that gets the working set of a VM restored from a template, which then ends.
    var savedWorkingSet: String?
    /// What the VM is made of, for its template: the caller's text.
    var identity = ""

    var purpose: Supervisor.Purpose {
        savedTemplate != nil ? .template : savedWorkingSet != nil ? .workingSetRecording : .containers
    }

    /// The VM is, or is made for, one that takes containers: it has devices that a bare one has not.
    var isForContainers: Bool { controlDescriptor != nil || savedTemplate != nil || savedWorkingSet != nil }

    /// An argument that makes no sense.
    struct Invalid: Error, CustomStringConvertible {
        let description: String
    }

    init(_ words: [String]) throws(Invalid) {
        var rest = words[...]
        while let name = rest.popFirst() {
            guard let value = rest.popFirst() else { throw Invalid(description: "\(name) lacks its value") }
            try set(name, value)
        }
        guard !kernel.isEmpty else { throw Invalid(description: "--kernel is missing: the path of a vmlinux") }
    }

    private mutating func set(_ name: String, _ value: String) throws(Invalid) {
        switch name {
        case "--kernel": kernel = value
        case "--initrd": initialRAMDisk = value
        case "--image": images.append(value)
        case "--append": addedCommandLine = value
        case "--memory": memoryInBytes = try number(name, value)
        case "--cpus": virtualCPUs = try number(name, value)
        case "--zones": zones = try number(name, value)
        case "--zone-size": zoneSizeInBytes = try number(name, value)
        case "--control-descriptor": controlDescriptor = try number(name, value)
        case "--lock-descriptor": lockDescriptor = try number(name, value)
        case "--log-descriptor": logDescriptor = try number(name, value)
        case "--idle-timeout": idleTimeoutInSeconds = try number(name, value)
        case "--save-template": savedTemplate = value
        case "--restore": template = value
        case "--save-working-set": savedWorkingSet = value
        case "--identity": identity = value
        case "--ahead-timeout": aheadTimeoutInSeconds = try number(name, value)
        case "--alone": alone = value == "yes"
        case "--console": terminal = value == "terminal"
        default: throw Invalid(description: "\(name) is no option of czone-vm")
        }
    }

    private func number<Number: FixedWidthInteger>(_ name: String, _ value: String) throws(Invalid) -> Number {
        guard let number = Number(value), number >= 0 else {
            throw Invalid(description: "\(name) \(value): expected a whole number from 0 to \(Number.max)")
        }
        return number
    }
}
