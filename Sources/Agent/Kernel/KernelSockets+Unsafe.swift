import CAgent

/// Events of epoll(7).
enum Ready {
    static let readable = UInt32(AGENT_IN)
    static let priority = UInt32(AGENT_PRI)
    static let writable = UInt32(AGENT_OUT)
    static let broken = UInt32(AGENT_ERR) | UInt32(AGENT_HUP)
}

extension Kernel {
    static func connectHost(port: UInt32) -> Int32 { agent_connect_host(port) }

    static func connectUnix(_ path: String) -> Int32 {
        // SAFETY: the path's C string lives for the call.
        unsafe agent_connect_unix(path)
    }

    /// A TCP connection to 127.0.0.1 in the caller's network namespace, maybe not made yet.
    static func connectLoopback(port: UInt16) -> Int32 { agent_connect_loopback(port) }
    static func listenOnLoopback(port: UInt16) -> Int32 { agent_listen_on_loopback(port) }
    static func accept(_ fd: Int32) -> Int32 { agent_accept(fd) }
    static func endWriting(_ fd: Int32) { _ = agent_end_writing(fd) }

    /// What became of a connection attempt: 0 or a negative errno value.
    static func socketError(_ fd: Int32) -> Int32 { agent_socket_error(fd) }

    /// Two ends of a channel of packets.
    static func makeChannel() throws(Failure) -> (Descriptor, Descriptor) {
        var ends: (Int32, Int32) = (-1, -1)
        // SAFETY: two adjacent Int32 are an int[2].
        let result = unsafe withUnsafeMutableBytes(of: &ends) {
            unsafe agent_channel($0.bindMemory(to: Int32.self).baseAddress)
        }
        try check(result, .clone, "make a channel to the new process")
        return (Descriptor(taking: ends.0), Descriptor(taking: ends.1))
    }

    static func send(_ fd: Int32, _ bytes: [UInt8], descriptor: Int32 = -1) -> Int {
        // SAFETY: address and length are the array's own.
        unsafe bytes.withUnsafeBytes { unsafe agent_send(fd, $0.baseAddress, $0.count, descriptor) }
    }

    /// A packet's length, and the descriptor that came with it.
    static func receive(_ fd: Int32, into buffer: inout [UInt8]) -> (count: Int, descriptor: Descriptor?) {
        var descriptor: Int32 = -1
        // SAFETY: address and length are the array's own; the descriptor is written during the call only.
        let count = unsafe buffer.withUnsafeMutableBytes {
            unsafe agent_receive(fd, $0.baseAddress, $0.count, &descriptor)
        }
        return (count, descriptor >= 0 ? Descriptor(taking: descriptor) : nil)
    }

    static func openDeviceEvents() -> Int32 { agent_open_device_events() }
    static func raiseLoopback() -> Int32 { agent_raise_loopback() }
}

// MARK: events, time, terminals

extension Kernel {
    struct Event {
        var ready: UInt32
        var descriptor: Int32
    }

    static func makePoll() -> Int32 { agent_make_poll() }

    static func addToPoll(_ poll: Int32, _ fd: Int32, _ ready: UInt32) -> Int32 {
        agent_change_poll(poll, Int32(AGENT_ADD), fd, ready)
    }

    static func changeInPoll(_ poll: Int32, _ fd: Int32, _ ready: UInt32) -> Int32 {
        agent_change_poll(poll, Int32(AGENT_CHANGE), fd, ready)
    }

    static func removeFromPoll(_ poll: Int32, _ fd: Int32) {
        _ = agent_change_poll(poll, Int32(AGENT_REMOVE), fd, 0)
    }

    /// Appends what is ready; waits for it at most this long (-1: without end).
    static func waitForEvents(_ poll: Int32, milliseconds: Int32, into events: inout [Event]) {
        // SAFETY: the buffer has room for the 32 events that the call may store, and only stored ones are read.
        unsafe withUnsafeTemporaryAllocation(of: agent_event.self, capacity: 32) { buffer in
            let count = unsafe agent_wait_poll(poll, buffer.baseAddress, 32, milliseconds)
            var index = 0
            while index < Int(count) {
                let event = unsafe buffer[index]
                events.append(Event(ready: event.events, descriptor: event.fd))
                index += 1
            }
        }
    }

    /// Whether a source is readable (or has ended), whether a sink is writable (or broken), now.
    static func pollPair(source: Int32, sink: Int32) -> (source: Bool, sink: Bool) {
        let ready = agent_poll_pair(source, sink)
        return ready < 0 ? (true, true) : (ready & 1 != 0, ready & 2 != 0)
    }

    static func openChildSignals() -> Int32 { agent_open_child_signals() }
    static func clearSignal(_ fd: Int32) { _ = agent_clear_signal(fd) }

    /// Moves bytes from or to a pipe without copying them here.
    static func splice(_ source: Int32, _ sink: Int32, _ count: Int) -> Int { agent_splice(source, sink, count) }

    /// Nanoseconds since boot.
    static var monotonicTime: UInt64 { agent_monotonic() }
    /// Nanoseconds since 1970 UTC.
    static var wallClock: UInt64 { agent_wall_clock() }
    static func setWallClock(_ nanoseconds: UInt64) -> Int32 { agent_set_wall_clock(nanoseconds) }
    static func slewWallClock(by nanoseconds: Int64) -> Int32 { agent_slew_clock(nanoseconds) }
    static func stepWallClock(by nanoseconds: Int64) -> Int32 { agent_step_clock(nanoseconds) }

    static func addEntropy(_ bytes: [UInt8]) -> Int32 {
        // SAFETY: address and length are the array's own.
        unsafe bytes.withUnsafeBytes { unsafe agent_add_entropy($0.baseAddress, $0.count) }
    }

    /// The other side of a terminal whose master is an open /dev/pts/ptmx.
    static func openTerminal(of master: Int32) -> Int32 { agent_open_terminal(master) }

    static func controlTerminal(_ fd: Int32) -> Int32 { agent_control_terminal(fd) }
    static func resizeTerminal(_ fd: Int32, _ size: WindowSize) -> Int32 {
        agent_resize_terminal(fd, size.rows, size.columns)
    }
}
