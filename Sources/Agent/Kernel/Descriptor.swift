/// An open file of the agent, closed with its last reference.
final class Descriptor {
    let rawValue: Int32

    init(taking rawValue: Int32) { self.rawValue = rawValue }

    deinit { Kernel.close(rawValue) }
}
