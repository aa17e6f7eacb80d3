import AgentProtocol
import ControlProtocol

/// The process templates of this VM, those too that are refused. Protected by the device lock.
final class ProcessTemplateTable {
    /// Templates that live, or are being made: each holds base memory.
    static let maxLiving = 4
    /// With those that are refused: a further one would not be remembered, so it is not tried.
    static let maxCount = ProcessTemplateReport.maxCount

    /// In the order of their making.
    private(set) var all: [ProcessTemplate] = []
    private var nextNumber: UInt32 = 1

    subscript(identity: ProcessTemplateIdentity) -> ProcessTemplate? { all.first { $0.identity == identity } }
    subscript(number: UInt32) -> ProcessTemplate? { all.first { $0.number == number } }

    /// The one whose process, or whose process namespace's holder, is this container of the guest's.
    subscript(container: ContainerNumber) -> ProcessTemplate? {
        all.first { $0.container == container || $0.holder == container }
    }

    /// Whether a further one may be made.
    var hasRoom: Bool {
        all.count < Self.maxCount && all.count(where: { !$0.isRefused }) < Self.maxLiving
    }

    func takeNumber() -> UInt32 {
        defer { nextNumber += 1 }
        return nextNumber
    }

    func insert(_ template: ProcessTemplate) { all.append(template) }
    func remove(_ template: ProcessTemplate) { all.removeAll { $0 === template } }
}
