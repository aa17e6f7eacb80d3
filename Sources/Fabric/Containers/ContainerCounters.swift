import FabricProtocol
import Synchronization

/// What a container has had of the fabric. Any thread may use it.
final class ContainerCounters: Sendable {
    private let counted: Mutex<FabricDescription.Container>

    init(_ container: String, policy: String) {
        counted = Mutex(FabricDescription.Container(id: container, policy: policy))
    }

    var description: FabricDescription.Container { counted.withLock { $0 } }

    func connected() { counted.withLock { $0.connections += 1 } }
    func disconnected() { counted.withLock { $0.connections -= 1 } }

    func began() {
        counted.withLock { counted in
            counted.exchanges += 1
            counted.active += 1
        }
    }

    func ended() { counted.withLock { $0.active -= 1 } }

    func refused() {
        counted.withLock { counted in
            counted.exchanges += 1
            counted.refused += 1
        }
    }

    func failed() { counted.withLock { $0.failed += 1 } }
    func retried() { counted.withLock { $0.retries += 1 } }
    func sent(_ count: Int) { counted.withLock { $0.bytesSent += UInt64(count) } }
    func received(_ count: Int) { counted.withLock { $0.bytesReceived += UInt64(count) } }
}
