import LinuxSystem

/// The environment that a user gives a container: read as docker reads it.
public enum Environment {
    private static let maxFileBytes = 16 << 20

    /// `NAME=value` each. A name alone takes this process's value; where there is none, it stands for itself and takes the
    /// variable away.
    public static func words(of options: RunOptions) throws -> [String] {
        var words: [String] = []
        for path in options.environmentFiles {
            guard let bytes = try FileSystem.contents(of: path, atMost: maxFileBytes) else {
                throw RuntimeError.invalid("there is no file \(quoted(path)), which --env-file names")
            }
            try read(bytes, from: path, into: &words)
        }
        for word in options.environment {
            guard !word.isEmpty, !word.hasPrefix("=") else {
                throw RuntimeError.invalid("--env \(quoted(word)) is no setting: expected NAME=VALUE or NAME")
            }
            words.append(word.contains("=") ? word : inherited(word) ?? word)
        }
        return words
    }

    /// The lines of a file: indented or not, ended by LF or CRLF; what stands behind the `=` is taken as it is.
    static func read(_ bytes: [UInt8], from path: String, into words: inout [String]) throws(RuntimeError) {
        let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
        let lines = bytes.dropFirst(bytes.starts(with: mark) ? mark.count : 0).split(
            separator: 0x0A, omittingEmptySubsequences: false)
        for (number, line) in lines.enumerated() {
            var setting = line.drop(while: isBlank)
            if setting.last == 0x0D { setting.removeLast() }
            guard let first = setting.first, first != UInt8(ascii: "#") else { continue }
            let name = setting.prefix { $0 != UInt8(ascii: "=") }
            // A name alone may have blanks behind it.
            let isAlone = name.endIndex == setting.endIndex
            let bare = isAlone ? name.prefix { !isBlank($0) } : name
            guard !bare.isEmpty,
                isAlone ? name.dropFirst(bare.count).allSatisfy(isBlank) : !name.contains(where: isBlank)
            else {
                throw .invalid(
                    "\(path):\(number + 1): \(quoted(String(escaping: setting))) is no setting: expected NAME=VALUE or NAME"
                )
            }
            if isAlone {
                if let value = inherited(String(escaping: bare)) { words.append(value) }
            } else {
                words.append(String(escaping: setting))
            }
        }
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

    private static func inherited(_ name: String) -> String? {
        CurrentProcess.escapedEnvironment(name).map { "\(name)=\($0)" }
    }
}
