/// A system call that a filter lets through, by its name.
struct AllowedCall: Equatable {
    /// What an argument must be. Arguments count from 0.
    enum Condition: Equatable {
        case equal(argument: UInt32, UInt64)
        /// The argument has, of these bits, just those.
        case bits(argument: UInt32, mask: UInt64, value: UInt64)
    }

    let name: String
    /// All of them hold; a call with alternatives is there several times.
    let conditions: [Condition]

    init(_ name: String, _ conditions: Condition...) {
        self.name = name
        self.conditions = conditions
    }

    static func == (left: AllowedCall, name: String) -> Bool { left.name == name }
}
