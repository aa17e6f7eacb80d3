public import LinuxSystem
import Memory
import SystemPackage

/// The size of a console's screen (virtio 1.2 §5.3.4).
public struct ConsoleSize: Equatable, Sendable {
    public var columns: UInt16
    public var rows: UInt16

    public init(columns: UInt16, rows: UInt16) {
        self.columns = columns
        self.rows = rows
    }
}

/// Who moves a console's bytes on the host: told when to watch which side.
public protocol ConsoleHost: AnyObject {
    /// The guest has room for input, or has no more: read the input only while it has, and give it to `receive`.
    func consoleWantsInput(_ wants: Bool)
    /// The output takes nothing now, or does again: while it is blocked, wait until it is writable and then call
    /// `outputIsWritable`.
    func consoleIsBlocked(_ blocked: Bool)
}

/// A console with one port (virtio 1.2 §5.3; no MULTIPORT).
///
/// Output goes from guest memory to a non-blocking descriptor; while that takes nothing, the guest's buffers stay in
/// their queue, so a slow reader slows the guest down and costs no memory. Protected by the device lock.
public final class ConsoleDevice: VirtioDevice {
    /// VIRTIO_CONSOLE_F_SIZE
    static let sizeFeature: UInt64 = 1 << 0
    /// What one notification moves at most before others have their turn.
    static let bytesPerTurn = 64 << 10

    private enum Queue {
        static let receive = 0
        static let transmit = 1
    }

    private let output: OwnedDescriptor
    private weak let host: (any ConsoleHost)?
    private var size: ConsoleSize?
    private var receiveQueue: DeviceQueue?
    private var transmitQueue: DeviceQueue?
    private weak var driver: (any DriverNotifier)?
    /// How many bytes of the next chain to transmit have gone out already.
    private var transmitted: UInt64 = 0

    /// Whether the guest has room for input now.
    public private(set) var wantsInput = false
    /// Whether output waits for its descriptor.
    public private(set) var isBlocked = false

    /// - Parameters:
    ///   - output: where the guest's output goes; non-blocking, or the VM waits for its reader.
    ///   - size: offered to the guest where there is one.
    public init(output: OwnedDescriptor, host: (any ConsoleHost)?, size: ConsoleSize? = nil) {
        self.output = output
        self.host = host
        self.size = size
    }

    public var type: DeviceType { .console }
    public var offeredFeatures: UInt64 { size == nil ? 0 : Self.sizeFeature }
    public var queueSizes: [UInt16] { [64, 64] }

    /// §5.3.4: columns, rows, max_nr_ports, emerg_wr; the last two belong to features that are not offered.
    public var configuration: [UInt8] {
        let size = size ?? ConsoleSize(columns: 0, rows: 0)
        return [size.columns, size.rows].flatMap { [UInt8(truncatingIfNeeded: $0), UInt8($0 >> 8)] }
            + [UInt8](repeating: 0, count: 8)
    }

    public func activate(_ activation: Activation) {
        receiveQueue = activation.queues[Queue.receive]
        transmitQueue = activation.queues[Queue.transmit]
        driver = activation.driver
    }

    public func reset() {
        (receiveQueue, transmitQueue, driver) = (nil, nil, nil)
        transmitted = 0
        setWantsInput(false)
        setBlocked(false)
    }

    public func handleNotification(queue index: Int) {
        switch index {
        case Queue.receive: setWantsInput(receiveQueue?.hasAvailable ?? false)
        case Queue.transmit where !isBlocked: transmit()
        default: break
        }
    }

    /// The terminal has another size. Ignored where none was given at first.
    public func resize(_ new: ConsoleSize) {
        guard let old = size, old != new else { return }
        size = new
        driver?.notifyConfigurationChange()
    }

    public func save(to writer: inout StateWriter) { writer.write(transmitted) }

    public func restore(from reader: inout StateReader) throws(StateError) { transmitted = try reader.read() }

    // MARK: Input

    /// Gives the guest as many of the bytes as it has buffers for; how many.
    public func receive(_ bytes: ArraySlice<UInt8>) -> Int {
        guard let queue = receiveQueue else { return 0 }
        var rest = bytes
        for _ in 0..<queue.size {
            guard !rest.isEmpty, let chain = queue.pop() else { break }
            var writer = ChainWriter(chain, in: queue.memory)
            let part = rest.prefix(writer.remaining)
            do throws(ChainError) {
                try writer.write(part)
            } catch {
                queue.fail("console input: \(error)")
                break
            }
            queue.push(chain, written: writer.written)
            rest = rest.dropFirst(part.count)
        }
        queue.notifyIfNeeded()
        setWantsInput(queue.hasAvailable)
        return bytes.count - rest.count
    }

    private func setWantsInput(_ wants: Bool) {
        guard wants != wantsInput else { return }
        wantsInput = wants
        host?.consoleWantsInput(wants)
    }

    // MARK: Output

    /// The output descriptor takes bytes again.
    public func outputIsWritable() {
        setBlocked(false)
        transmit()
    }

    private func transmit() {
        guard let queue = transmitQueue else { return }
        var budget = Self.bytesPerTurn
        // Chains without bytes cost work too.
        for _ in 0..<queue.size {
            guard budget > 0, let chain = queue.pop() else { break }
            let count = transmit(chain, from: queue, atMost: budget)
            guard let count else { break }
            budget -= count
        }
        queue.notifyIfNeeded()
        if !isBlocked && queue.hasAvailable { queue.repeatNotification() }
    }

    /// Writes what is left of a chain, which goes back to the driver when all of it is out, else into its queue.
    /// How many bytes went out; nil where the queue has to wait.
    private func transmit(_ chain: DescriptorChain, from queue: DeviceQueue, atMost most: Int) -> Int? {
        var reader = ChainReader(chain, in: queue.memory)
        // The driver may have changed the chain since: nothing is trusted but what is left of it now.
        reader.advance(by: Int(clamping: transmitted))
        let count: Int
        switch send(reader.ranges(atMost: most), from: queue) {
        case .sent(let sent): count = sent
        case .refused: count = reader.remaining
        case .blocked:
            queue.putBack()
            setBlocked(true)
            return nil
        case .failed: return nil
        }
        guard count < reader.remaining else {
            transmitted = 0
            queue.push(chain)
            return min(count, most)
        }
        transmitted += UInt64(count)
        queue.putBack()
        return count
    }

    private enum Sent {
        case sent(Int)
        /// The descriptor takes nothing now.
        case blocked
        /// Nobody will ever read it: the output is thrown away.
        case refused
        /// The chain was not in guest memory.
        case failed
    }

    private func send(_ ranges: [GuestRange], from queue: DeviceQueue) -> Sent {
        guard !ranges.isEmpty else { return .sent(0) }
        do throws(GuestMemoryError) {
            return .sent(try queue.memory.write(ranges, to: output))
        } catch {
            switch error {
            case .transferFailed(let cause) where cause.errno == .resourceTemporarilyUnavailable: return .blocked
            case .transferFailed(let cause) where cause.errno == .interrupted: return .sent(0)
            case .transferFailed: return .refused
            default:
                queue.fail("console output: \(error)")
                return .failed
            }
        }
    }

    private func setBlocked(_ blocked: Bool) {
        guard blocked != isBlocked else { return }
        isBlocked = blocked
        host?.consoleIsBlocked(blocked)
    }
}
