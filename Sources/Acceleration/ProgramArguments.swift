/// What the programs of acceleration are started with: pairs of an option and its value.
public struct ProgramArguments {
    private var values: [String: String]

    /// - Parameters:
    ///   - words: behind the program's name.
    ///   - required: the options that must be there.
    ///   - optional: those that may be.
    ///   - usage: for messages.
    public init(_ words: [String], required: [String], optional: [String] = [], usage: String) throws(UsageError) {
        values = [:]
        var rest = words[...]
        while let word = rest.popFirst() {
            guard (required + optional).contains(word) else {
                throw UsageError("\(word) is no option: expected \(usage)")
            }
            guard let value = rest.popFirst(), !value.isEmpty else {
                throw UsageError("\(word) lacks its value: expected \(usage)")
            }
            guard values.updateValue(value, forKey: word) == nil else {
                throw UsageError("\(word) is given twice: expected \(usage)")
            }
        }
        for option in required where values[option] == nil {
            throw UsageError("\(option) is missing: expected \(usage)")
        }
    }

    /// An option's value; empty for an optional one that is not there.
    public subscript(option: String) -> String { values[option] ?? "" }
}

/// A program was started in a way that it does not know.
public struct UsageError: Error, CustomStringConvertible {
    public let description: String

    public init(_ description: String) { self.description = description }
}
