public import ControlProtocol
public import LinuxSystem

/// This process's ends of the standard streams of a process in a container.
public struct StreamEnds: Sendable {
    let input: OwnedDescriptor?
    public let output: OwnedDescriptor
    let error: OwnedDescriptor?

    /// The VM's ends. They must be let go of as soon as the VM has them: only then does the end of what it writes show.
    public struct Far: Sendable {
        public let passed: PassedDescriptors
        /// In the order of `PassedDescriptors`.
        public let descriptors: [OwnedDescriptor]

        public init(passed: PassedDescriptors, descriptors: [OwnedDescriptor]) {
            self.passed = passed
            self.descriptors = descriptors
        }

        /// No streams at all.
        public static let none = Far(passed: [], descriptors: [])
    }

    /// - `input`: whether it has a standard input; else it reads nothing.
    /// - `terminal`: whether its output and errors come together, from a terminal.
    public static func make(input hasInput: Bool, terminal: Bool) throws(RuntimeError) -> (StreamEnds, Far) {
        try system { () throws(SystemError) in
            let input = hasInput ? try UnixSocket.pair() : nil
            let output = try UnixSocket.pair()
            let error = terminal ? nil : try UnixSocket.pair()
            var passed: PassedDescriptors = [.output]
            if hasInput { passed.insert(.input) }
            if !terminal { passed.insert(.error) }
            let far = [input?.1, output.1, error?.1].compactMap { $0 }
            return (
                StreamEnds(input: input?.0, output: output.0, error: error?.0), Far(passed: passed, descriptors: far)
            )
        }
    }
}
