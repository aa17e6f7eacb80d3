public import ControlProtocol
public import LinuxSystem
import AgentProtocol
import SystemPackage

/// A client's end of a connection to a VM. One thread uses it at a time.
public final class ControlConnection {
    /// For waiting until something can be received.
    public let socket: OwnedDescriptor
    /// The VM's id, for messages.
    public let machine: String
    public let timeouts: ControlTimeouts
    /// What has come and was not asked for yet.
    public private(set) var decoder = ControlFrameDecoder<ControlReply>()
    private var nextRequest: UInt32 = 1
    /// Requests that were made for a sign of life alone.
    private var probes: Set<UInt32> = []

    public init(_ socket: OwnedDescriptor, machine: String = "", timeouts: ControlTimeouts = .standard) {
        self.socket = socket
        self.machine = machine
        self.timeouts = timeouts
    }

    /// Sends a request; the number that its answers bear. Waits for `timeouts.sending` at most.
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
        do { try socket.send(bytes, descriptors: descriptors) } catch {
            guard error.errno == .resourceTemporarilyUnavailable else { throw .system(error) }
            throw .silent(id: machine, milliseconds: timeouts.sending)
        }
        return number
    }

    /// The next answer; nil when the VM has closed the connection.
    ///
    /// - Parameter limit: how long it is waited for, in milliseconds; nil: `timeouts.answer`.
    /// - Throws: `.silent` when none has come by then, or the VM gives no sign of life before.
    public func receive(
        withinMilliseconds limit: CInt? = nil
    ) throws(RuntimeError) -> ControlFrame<ControlReply>? {
        var watch = AnswerWatch(timeouts, withinMilliseconds: limit)
        return try receive(&watch)
    }

    private func receive(_ watch: inout AnswerWatch) throws(RuntimeError) -> ControlFrame<ControlReply>? {
        while true {
            while let frame = try nextReceived() {
                if probes.remove(frame.request) == nil { return frame }
            }
            let patience = Deadline(inMilliseconds: watch.patience)
            if try system({ () throws(SystemError) in try socket.isReadable(by: patience) }) {
                watch.heard()
                guard try fill() else { return nil }
            } else {
                try check(&watch)
            }
        }
    }

    /// Asks the VM for a sign of life where it is time for that.
    /// - Throws: `.silent` when it is waited for no longer.
    func check(_ watch: inout AnswerWatch) throws(RuntimeError) {
        switch watch.check() {
        case .wait: break
        case .probe: probes.insert(try send(.describe(measured: false)))
        case .silent(let milliseconds): throw .silent(id: machine, milliseconds: milliseconds)
        }
    }

    /// An answer that is there already.
    public func nextReceived() throws(RuntimeError) -> ControlFrame<ControlReply>? {
        do { return try decoder.next() } catch { throw .conversation("the VM's answer makes no sense: \(error)") }
    }

    /// Receives what has come, once the socket is readable; false when the VM has closed the connection.
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

    /// Sends a request that has one answer, and waits for that, `limit` milliseconds at most: `timeouts.answer` for nil.
    public func ask(
        _ request: ControlRequest, descriptors: [OwnedDescriptor] = [], withinMilliseconds limit: CInt? = nil
    ) throws(RuntimeError) -> ControlReply {
        let number = try send(request, descriptors: descriptors)
        var watch = AnswerWatch(timeouts, withinMilliseconds: limit)
        while let frame = try receive(&watch) {
            guard frame.request == number else { continue }
            if case .refused(let refusal) = frame.content { throw .refused(refusal) }
            return frame.content
        }
        throw .conversation("the VM ended before it answered")
    }
}

extension VirtualMachineDirectory {
    /// Connects to it; nil where nobody listens any more.
    /// - Throws: `.silent` where it takes no more connections.
    public func connect(
        timeouts: ControlTimeouts = .standard
    ) throws(RuntimeError) -> ControlConnection? {
        do {
            let socket = try UnixSocket.connect(
                to: socketPath, sendingWithinMilliseconds: timeouts.sending)
            return ControlConnection(socket, machine: id, timeouts: timeouts)
        } catch {
            switch error.errno {
            case .connectionRefused, .noSuchFileOrDirectory: return nil
            case .resourceTemporarilyUnavailable: throw .silent(id: id, milliseconds: timeouts.sending)
            default: throw .system(error)
            }
        }
    }

    /// Asks it something that has one answer, which it has `limit` milliseconds for: `ControlTimeouts.answer` for nil.
    public func ask(
        _ request: ControlRequest, withinMilliseconds limit: CInt? = nil
    ) throws(RuntimeError) -> ControlReply {
        guard let connection = try connect() else { throw .noVirtualMachine(id) }
        do { return try connection.ask(request, withinMilliseconds: limit) } catch {
            if case .conversation = error { throw .virtualMachineEnded(id: id, lastWords: lastWords()) }
            throw error
        }
    }

    /// How it is now, within `ControlTimeouts.report`. With `measured`, what its containers use too.
    public func describe(measured: Bool) throws(RuntimeError) -> VirtualMachineDescription {
        let reply = try ask(.describe(measured: measured), withinMilliseconds: ControlTimeouts.standard.report)
        guard case .description(let description) = reply else {
            throw .conversation("the VM \(id) answered something else than its description")
        }
        return description
    }
}
