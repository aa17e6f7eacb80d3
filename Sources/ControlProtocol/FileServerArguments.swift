/// What the process that serves a VM's volumes is started with: the same program as the VM's, which its first word selects.
public struct FileServerArguments: Equatable, Sendable {
    /// The descriptors of its connections to the VM.
    public var connections: [Int32]
    /// It goes on without a wall that the host refuses.
    public var isReduced: Bool

    public init(connections: [Int32], isReduced: Bool) {
        self.connections = connections
        self.isReduced = isReduced
    }

    private static let option = "--serve-files"

    /// The words behind the program's name; `init(parsing:)` makes an equal value of them.
    public var words: [String] {
        [Self.option, connections.map { "\($0)" }.joined(separator: ",")] + (isReduced ? ["--jail", "reduced"] : [])
    }

    /// Nil for words that are a VM's.
    public init?(parsing words: [String]) throws(InvalidMachineArguments) {
        guard words.first == Self.option else { return nil }
        let numbers = words.dropFirst().first?.split(separator: ",").map { Int32($0) } ?? []
        connections = numbers.compactMap { $0 }.filter { $0 > 2 }
        isReduced = Array(words.dropFirst(2)) == ["--jail", "reduced"]
        guard !connections.isEmpty, connections.count == numbers.count, words.count == (isReduced ? 4 : 2) else {
            throw InvalidMachineArguments(
                description: "\(words.joined(separator: " ")): expected \(Self.option) NUMBER,NUMBER of descriptors")
        }
    }
}
