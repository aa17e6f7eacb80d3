/// A container's state, as hooks receive it (runtime-spec 1.2, runtime.md, "State").
public struct RuntimeState: Codable, Hashable, Sendable {
    /// Where it is in its life.
    public enum Status: String, Codable, Sendable {
        /// It is being made, or was made, or its program runs, or has ended.
        case creating, created, running, stopped
    }

    /// The version of the specification that the container was made by.
    public var ociVersion: String
    /// Its id, unique among the runtime's containers.
    public var id: String
    /// Where it is in its life now.
    public var status: Status
    /// A process of the host that stands for it; nil where it has none any more.
    public var pid: Int32?
    /// The absolute path of its bundle.
    public var bundle: String
    /// As in its specification.
    public var annotations: [String: String]?

    public init(
        ociVersion: String, id: String, status: Status, pid: Int32?, bundle: String, annotations: [String: String]?
    ) {
        self.ociVersion = ociVersion
        self.id = id
        self.status = status
        self.pid = pid
        self.bundle = bundle
        self.annotations = annotations
    }

    /// The document, keys in stable order.
    public func json() throws(OCIError) -> [UInt8] { try JSON.encode(self, what: "the state") }
}
