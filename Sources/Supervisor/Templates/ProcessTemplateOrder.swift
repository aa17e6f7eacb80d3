import AgentProtocol
import ControlProtocol

/// A process template to make, if there is none of its identity.
struct ProcessTemplateOrder {
    let identity: ProcessTemplateIdentity
    let warmStart: WarmStart
    /// For the template's root.
    let files: [InlineFile]
    let processesMax: UInt64?
    let command: String

    /// - Parameter request: as its client gives it, before anything of it is made the VM's.
    init(_ request: ProcessTemplateRequest) throws(ProcessTemplateIdentity.Obstacle) {
        identity = try request.identity
        warmStart = request.warmStart
        files = request.specification.files
        processesMax = request.specification.limits.processesMax
        command = Self.line(request.specification.process.arguments)
    }

    private static let maxCommandBytes = 256

    /// For the log and for clients: without what could command a terminal or begin a line.
    private static func line(_ arguments: CStringList) -> String {
        let bytes = arguments.bytes.dropLast().prefix(maxCommandBytes)
        return String(
            decoding: bytes.map { $0 == 0 ? 0x20 : $0 < 0x20 || $0 == 0x7F ? UInt8(ascii: "?") : $0 }, as: UTF8.self)
    }
}

/// That a container may be a copy of a template, and whether it is. Protected by the device lock.
struct WarmContainer {
    let order: ProcessTemplateOrder
    /// The template that its program is a copy of, or is to be; nil: it is started plainly.
    var template: ContainerNumber?
}
