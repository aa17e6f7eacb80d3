import Devices
public import LinuxSystem
import Memory

/// A file system of the host (virtio 1.2 §5.11): carries FUSE requests to a file server, and the answers back.
///
/// Answering waits for disks, so it is done by other threads, without the device lock: a request is copied out of guest
/// memory before, and its answer copied in afterwards, when the lock is held again. Whatever the guest does meanwhile,
/// the chain's ranges are checked when they are written, and a queue of before a reset is written to no more.
///
/// Protected by the device lock.
public final class FileSystemDevice: VirtioDevice, @unchecked Sendable {
    /// A request's answer, of at most so many bytes; none where none is wanted. Called by any thread.
    public typealias Answerer = @Sendable (_ request: [UInt8], _ room: Int) -> [UInt8]

    /// A file system's tag, and what answers its requests.
    public struct Configuration {
        /// What the guest mounts it by: 1 to 36 bytes.
        public var tag: String
        /// The longest request that is taken, in bytes.
        public var maxRequestBytes: Int
        /// Answers a request, on the thread that `perform` has chosen.
        public var answer: Answerer
        /// Has a job done, at once or later, by any thread that does not hold the device lock.
        public var perform: @Sendable (@escaping @Sendable () -> Void) -> Void

        /// `tag`: 1 to 36 bytes of UTF-8; another is a mistake of ours and traps.
        public init(
            tag: String, maxRequestBytes: Int, answer: @escaping Answerer,
            perform: @escaping @Sendable (@escaping @Sendable () -> Void) -> Void
        ) {
            precondition((1...FileSystemDevice.tagSize).contains(tag.utf8.count), "a tag of no or too many bytes")
            self.tag = tag
            self.maxRequestBytes = maxRequestBytes
            self.answer = answer
            self.perform = perform
        }
    }

    static let tagSize = 36
    /// Requests that are copied out at a time: the bound of what a guest can make the host remember.
    static let maxUnderWay = 16
    /// The header of every request (fuse.h, struct fuse_in_header).
    private static let headerSize = 40
    /// The header of every answer (fuse.h, struct fuse_out_header).
    private static let replyHeaderSize = 16
    /// EFAULT.
    private static let badAddress: Int32 = 14

    private let deviceLock: Lock
    private let options: Configuration
    private var queues: [Int: DeviceQueue] = [:]
    /// Which activation the queues are of.
    private var generation: UInt64 = 0
    private var underWay = 0

    /// `lock`: the device lock.
    public init(_ configuration: Configuration, lock: Lock) {
        options = configuration
        deviceLock = lock
    }

    /// The device ID of §5.11.1.
    public var type: DeviceType { .fileSystem }
    public var offeredFeatures: UInt64 { 0 }
    /// §5.11.2: hiprio, then the one request queue. There is no notification queue.
    public var queueSizes: [UInt16] { [128, 128] }

    /// §5.11.4: tag, padded with zeros; num_request_queues.
    public var configuration: [UInt8] {
        var writer = StateWriter()
        for byte in options.tag.utf8 { writer.write(byte) }
        for _ in options.tag.utf8.count..<Self.tagSize { writer.write(UInt8(0)) }
        writer.write(UInt32(1))
        return writer.bytes
    }

    /// Whether no request is under way: only then is there nothing to lose with the device's state.
    public var isIdle: Bool { underWay == 0 }

    public func activate(_ activation: Activation) { queues = activation.queues }

    /// What is under way is completed, and its answers are dropped.
    public func reset() {
        queues = [:]
        generation += 1
    }

    public func handleNotification(queue index: Int) {
        if let queue = queues[index] { take(from: queue) }
    }

    /// Hands over what is in a queue, as far as there is room for it.
    private func take(from queue: DeviceQueue) {
        while underWay < Self.maxUnderWay, let chain = queue.pop() {
            var reader = ChainReader(chain, in: queue.memory)
            guard reader.remaining >= Self.headerSize, reader.remaining <= options.maxRequestBytes else {
                return queue.fail("a file system request of \(reader.remaining) bytes")
            }
            let header: [UInt8]
            // The header is the driver's own; what follows may be pages of a program.
            do { header = try reader.readBytes(Self.headerSize) } catch { return queue.fail("\(error)") }
            guard let rest = try? reader.readBytes(reader.remaining) else {
                refuse(chain, ofRequest: header, on: queue)
                continue
            }
            underWay += 1
            answer(header + rest, chain, on: queue)
        }
    }

    /// Answers a request whose data cannot be read or written with EFAULT.
    private func refuse(_ chain: DescriptorChain, ofRequest header: [UInt8], on queue: DeviceQueue) {
        // In both headers the request's number is at 8.
        let reply =
            UInt32(Self.replyHeaderSize).littleEndianBytes + (-Self.badAddress).littleEndianBytes + header[8..<16]
        var writer = ChainWriter(chain, in: queue.memory)
        do throws(ChainError) {
            // One that wants no answer has no room for any.
            if chain.writableSizeInBytes > 0 { try writer.write(reply) }
            queue.push(chain, written: writer.written)
            queue.notifyIfNeeded()
        } catch {
            queue.fail("\(error)")
        }
    }

    private func answer(_ request: [UInt8], _ chain: DescriptorChain, on queue: DeviceQueue) {
        let room = Int(min(chain.writableSizeInBytes, UInt64(Int32.max)))
        let (index, generation) = (queue.index, generation)
        options.perform { [self] in
            let reply = options.answer(request, room)
            deviceLock.locked { finish(reply, chain, queue: index, generation) }
        }
    }

    /// Gives a chain back with its answer. With the device lock held.
    private func finish(_ reply: [UInt8], _ chain: DescriptorChain, queue index: Int, _ generation: UInt64) {
        underWay -= 1
        if generation == self.generation, let queue = queues[index] {
            var writer = ChainWriter(chain, in: queue.memory)
            do throws(ChainError) {
                try writer.write(reply)
                queue.push(chain, written: writer.written)
                queue.notifyIfNeeded()
            } catch .memory where reply.count >= Self.replyHeaderSize {
                refuse(chain, ofRequest: reply, on: queue)
            } catch {
                queue.fail("\(error)")
            }
        }
        for queue in queues.values { take(from: queue) }
    }
}
