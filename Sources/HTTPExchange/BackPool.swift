package import NIOCore
import Synchronization

/// Connections to a server that have no request now, each used only on its own event loop.
package final class BackPool: Sendable {
    /// Of each event loop; more are closed.
    private static let maxIdle = 64

    private struct State {
        var idle: [ObjectIdentifier: [any Channel]] = [:]
        var isClosed = false
    }

    private let state = Mutex(State())

    package init() {}

    /// The one that was last in use.
    package func take(on eventLoop: any NIOCore.EventLoop) -> (any Channel)? {
        state.withLock { state in
            let key = ObjectIdentifier(eventLoop)
            while let channel = state.idle[key]?.popLast() {
                if channel.isActive { return channel }
            }
            return nil
        }
    }

    package func put(_ channel: any Channel) {
        let isKept = state.withLock { state in
            let key = ObjectIdentifier(channel.eventLoop)
            guard !state.isClosed, state.idle[key, default: []].count < Self.maxIdle else { return false }
            state.idle[key, default: []].append(channel)
            return true
        }
        if !isKept { channel.close(promise: nil) }
    }

    /// One has ended by itself.
    package func remove(_ channel: any Channel) {
        state.withLock { $0.idle[ObjectIdentifier(channel.eventLoop)]?.removeAll { $0 === channel } }
    }

    /// Closes all; those that come later too, after the server's end.
    package func close(forEver: Bool = false) {
        let channels = state.withLock { state in
            if forEver { state.isClosed = true }
            defer { state.idle = [:] }
            return state.idle.values.flatMap { $0 }
        }
        for channel in channels { channel.close(promise: nil) }
    }
}
