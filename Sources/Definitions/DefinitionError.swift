/// Where a definition is wrong, and what was expected.
public struct DefinitionError: Error, Equatable, CustomStringConvertible {
    /// The file's name, or what stands for it.
    public let file: String
    /// From 1; nil where it is about the whole.
    public let line: Int?
    /// `scale.max`; empty where it is about the whole.
    public let field: String
    public let text: String

    public init(file: String, line: Int?, field: String, text: String) {
        self.file = file
        self.line = line
        self.field = field
        self.text = text
    }

    public var description: String {
        let place = line.map { "\(file):\($0)" } ?? file
        return field.isEmpty ? "\(place): \(text)" : "\(place): \(field) \(text)"
    }
}
