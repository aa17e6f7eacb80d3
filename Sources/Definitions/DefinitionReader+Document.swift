import LinuxSystem
import Yams

extension DefinitionReader {
    /// Reads a document that is one mapping; one of more than `limit` bytes is refused unread.
    package init(yaml text: String, of subject: String, file: String, atMost limit: Int) throws(DefinitionError) {
        guard text.utf8.count <= limit else {
            throw DefinitionError(
                file: file, line: nil, field: "",
                text: "has \(text.utf8.count) bytes, a definition has at most \(limit)")
        }
        try self.init(try Self.document(text, file), of: subject, file: file)
    }

    private static func document(_ text: String, _ file: String) throws(DefinitionError) -> Node {
        do {
            guard let node = try Yams.compose(yaml: text) else {
                throw DefinitionError(file: file, line: nil, field: "", text: "is empty")
            }
            return node
        } catch let error as DefinitionError {
            throw error
        } catch let error as YamlError {
            throw DefinitionError(file: file, line: error.line, field: "", text: "is no YAML: \(error.problem)")
        } catch {
            throw DefinitionError(file: file, line: nil, field: "", text: "is no YAML: \(error)")
        }
    }
}

extension YamlError {
    fileprivate var line: Int? {
        switch self {
        case .scanner(_, _, let mark, _), .parser(_, _, let mark, _), .composer(_, _, let mark, _): mark.line
        case .duplicatedKeysInMapping(_, let context): context.mark.line
        default: nil
        }
    }

    fileprivate var problem: String {
        switch self {
        case .scanner(_, let problem, _, _), .parser(_, let problem, _, _), .composer(_, let problem, _, _): problem
        case .reader(let problem, _, _, _): problem
        case .duplicatedKeysInMapping(let duplicates, _): "\(quoted(duplicates.joined(separator: ", "))) is there twice"
        default: "it cannot be read"
        }
    }
}
