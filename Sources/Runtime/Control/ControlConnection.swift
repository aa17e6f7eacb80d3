public import ControlProtocol
public import LinuxSystem
import AgentProtocol
import SystemPackage

/// A client's end of a connection to a VM. One thread uses it at a time.
public final class ControlConnection {
    /// For waiting until something can be received.
    public let socket: OwnedDescriptor
    /// What has come and was not asked for yet.
    public private(set) var decoder = ControlFrameDecoder<ControlReply>()
    private var nextRequest: UInt32 = 1

    public init(_ socket: OwnedDescriptor) { self.socket = socket }

    /// Sends a request; the number that its answers bear.
    @discardableResult
    public func send(
        _ request: ControlRequest, descriptors: [OwnedDescriptor] = []
    ) throws(RuntimeError) -> UInt32 {
        let number = nextRequest
        nextRequest &+= 1
        let bytes: [UInt8]
        do { bytes = try ControlFrame(request: number, content: request).bytes() } catch {
            throw .invalid("cannot ask the VM: \(error)")
        }
        try system { () throws(SystemError) in try socket.send(bytes, descriptors: descriptors) }
        return number
    }

    /// The next answer, waiting for it; nil when the VM has closed the connection.
    public func receive() throws(RuntimeError) -> ControlFrame<ControlReply>? {
        while true {
            if let frame = try nextReceived() { return frame }
            guard try fill() else { return nil }
        }
    }

    /// An answer that is there already.
    public func nextReceived() throws(RuntimeError) -> ControlFrame<ControlReply>? {
        do { return try decoder.next() } catch { throw .conversation("the VM's answer makes no sense: \(error)") }
    }

    /// Receives what has come, waiting for something; false when the VM has closed the connection.
    public func fill() throws(RuntimeError) -> Bool {
        let bytes: [UInt8]
        do { bytes = try socket.read(atMost: 64 << 10) } catch {
            // A VM that is killed resets the connection instead of closing it.
            if error.errno == .connectionReset { return false }
            throw .system(error)
        }
        decoder.append(bytes)
        return !bytes.isEmpty
    }

    /// Sends a request that has one answer, and waits for that.
    public func ask(_ request: ControlRequest) throws(RuntimeError) -> ControlReply {
        let number = try send(request)
        while let frame = try receive() {
            guard frame.request == number else { continue }
            if case .refused(let refusal) = frame.content { throw .refused(refusal) }
            return frame.content
        }
        throw .conversation("the VM ended before it answered")
    }
}

extension VirtualMachineFolder {
    /// Asks it something that has one answer.
    public func ask(_ request: ControlRequest) throws(RuntimeError) -> ControlReply {
        guard let connection = try connect() else { throw .noVirtualMachine(id) }
        do { return try connection.ask(request) } catch {
            if case .conversation = error { throw .virtualMachineEnded(id: id, lastWords: lastWords()) }
            throw error
        }
    }

    /// How it is now. With `measured`, what its containers use too.
    public func describe(measured: Bool) throws(RuntimeError) -> VirtualMachineDescription {
        guard case .description(let description) = try ask(.describe(measured: measured)) else {
            throw .conversation("the VM \(id) answered something else than its description")
        }
        return description
    }
}
