public import ArgumentParser
public import Runtime

extension ByteSize: ExpressibleByArgument {
    public init?(argument: String) { self.init(argument) }
}
