import AgentProtocol
import ControlProtocol

/// The containers of this VM, from their requests to the return of their zones. Protected by the device lock.
final class ContainerTable {
    private var byID: [String: HostedContainer] = [:]
    private var nextNumber: UInt32 = 1
    /// Whether a container was taken at any time.
    private(set) var hasHadAny = false

    var count: Int { byID.count }
    var isEmpty: Bool { byID.isEmpty }
    /// In the order of their coming.
    var all: [HostedContainer] { byID.values.sorted { $0.number.rawValue < $1.number.rawValue } }

    subscript(id: String) -> HostedContainer? { byID[id] }
    subscript(number: ContainerNumber) -> HostedContainer? { byID.values.first { $0.number == number } }

    /// A number that no container of the guest has had: for one of this table, or a process template's.
    func takeNumber() -> ContainerNumber {
        defer { nextNumber += 1 }
        return ContainerNumber(nextNumber)
    }

    /// The last one that was given.
    var lastNumber: ContainerNumber { ContainerNumber(nextNumber - 1) }

    /// Numbers up to this one are given: the guest that was restored has them.
    func skipNumbers(through number: ContainerNumber) { nextNumber = max(nextNumber, number.rawValue + 1) }

    func insert(_ container: HostedContainer) {
        byID[container.id] = container
        hasHadAny = true
    }

    /// False where it is not there any more.
    func remove(_ container: HostedContainer) -> Bool { byID.removeValue(forKey: container.id) != nil }

    /// - Throws: `notFound`.
    func existing(_ id: String) throws(Refusal) -> HostedContainer {
        guard let container = byID[id] else { throw Refusal(.notFound, "no container \(id) in this VM") }
        return container
    }

    /// The container, if its program runs or rests.
    ///
    /// - Throws: `notFound`, `wrongState`.
    func running(_ id: String) throws(Refusal) -> HostedContainer {
        let container = try existing(id)
        guard container.life.isRunning else {
            throw Refusal(.wrongState, "the container \(id) is \(container.life.state)")
        }
        return container
    }

    /// The container, if its first process is there.
    ///
    /// - Throws: `notFound`, `wrongState`.
    func created(_ id: String) throws(Refusal) -> HostedContainer {
        let container = try existing(id)
        guard container.life.hasProcess else {
            throw Refusal(.wrongState, "the container \(id) is \(container.life.state)")
        }
        return container
    }
}
