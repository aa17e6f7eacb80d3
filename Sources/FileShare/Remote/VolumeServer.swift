public import LinuxSystem

/// What shows volumes to a guest and does its requests: this process itself (`FileServer`), or another
/// (`RemoteFileServer`). Any thread may call it; every call but the counts may wait for a disk.
public protocol VolumeServer: AnyObject, Sendable {
    /// Shows a file or directory to the guest; the id by which it finds it.
    func attach(_ descriptor: OwnedDescriptor, _ options: VolumeOptions) throws(VolumeError) -> String
    /// Takes a volume away.
    func detach(_ id: String)
    /// Does a request; the answer, at most `room` bytes, or nothing where none is wanted.
    func answer(_ bytes: [UInt8], room: Int) -> [UInt8]
    /// Has each malformed request reported, with what is wrong with it.
    func observeMalformedRequests(_ observer: @escaping @Sendable (String) -> Void)
    /// Has the loss of the process that serves reported, with why; for one that can be lost.
    func observeLoss(_ observer: @escaping @Sendable (String) -> Void)
    /// Requests so far, and those of them that were none.
    var requestCount: UInt64 { get }
    var malformedRequestCount: UInt64 { get }
    /// Lets another process serve, by connections to it: one for each thread that asks, the last for signs of life. False
    /// where one serves already.
    func connect(_ channels: [OwnedDescriptor]) -> Bool
    /// Whether volumes can be attached.
    var isServing: Bool { get }
}
