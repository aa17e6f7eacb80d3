import ControlProtocol

/// A process template of a running VM as `czone template list` shows it. The names of the properties, in snake case, are
/// the keys of its JSON.
public struct ProcessTemplateStatus: Encodable, Equatable, Sendable {
    /// `process`, beside the `vm` of a VM's template.
    public let kind = "process"
    /// The VM's id, a hyphen, and the template's number in its VM.
    public var id: String
    public var function: String
    public var tenant: String
    public var vm: String
    /// `making`, `ready` or `refused`.
    public var state: String
    /// Why it is refused, or why the last container that was to be a copy is none; empty otherwise.
    public var reason: String
    /// From the execution of its program to its point; 0: not reached.
    public var reachedMs: Double
    public var threads: UInt32
    /// What it was charged with at its point.
    public var bytes: UInt64
    /// Containers that are copies of it and have not ended.
    public var instances: UInt32
    public var command: String

    init(_ report: ProcessTemplateReport, of key: FunctionKey, in machine: VirtualMachineDirectory) {
        id = "\(machine.id)-\(report.number)"
        function = key.function
        tenant = key.tenant
        vm = machine.id
        state = report.state.word
        reason = report.reason
        reachedMs = Double(report.reachedAfterMicroseconds) / 1000
        threads = report.threads
        bytes = report.memoryBytes
        instances = report.instances
        command = report.command
    }
}

extension ProcessTemplateReport.State {
    fileprivate var word: String {
        switch self {
        case .making: "making"
        case .ready: "ready"
        case .refused: "refused"
        }
    }
}

/// A process template, and the VM that has it.
public struct HostedProcessTemplate: Sendable {
    public let status: ProcessTemplateStatus
    private let machine: VirtualMachineDirectory
    private let number: UInt32

    init(_ report: ProcessTemplateReport, of key: FunctionKey, in machine: VirtualMachineDirectory) {
        status = ProcessTemplateStatus(report, of: key, in: machine)
        self.machine = machine
        number = report.number
    }

    /// Ends it; the next container that it would serve has another made.
    public func remove() throws(RuntimeError) { _ = try machine.ask(.removeProcessTemplate(number: number)) }
}

extension VirtualMachineDirectory {
    /// Its process templates, in the order of their making. None where the VM has just ended.
    func processTemplates(of key: FunctionKey) throws(RuntimeError) -> [HostedProcessTemplate] {
        let answer: ControlReply
        do { answer = try ask(.processTemplates) } catch {
            switch error {
            case .noVirtualMachine, .virtualMachineEnded: return []
            default: throw error
            }
        }
        guard case .processTemplates(let reports) = answer else {
            throw .conversation("the VM \(id) answered something else than its process templates")
        }
        return reports.map { HostedProcessTemplate($0, of: key, in: self) }
    }
}

/// The process templates of all running VMs.
public enum HostedProcessTemplates {
    /// Those of the oldest VM of each function first.
    public static func all(in registry: Registry) throws(RuntimeError) -> [HostedProcessTemplate] {
        var templates: [HostedProcessTemplate] = []
        for function in try registry.functions() {
            guard let key = try function.key() else { continue }
            for machine in try function.virtualMachines() where try machine.isAlive() {
                templates += try machine.processTemplates(of: key)
            }
        }
        return templates
    }

    /// The one whose id this is; nil for none.
    public static func find(_ id: String, in registry: Registry) throws(RuntimeError) -> HostedProcessTemplate? {
        try all(in: registry).first { $0.status.id == id }
    }
}
