import CAgent

/// The guest kernel's device for process templates, and what a process's descriptors are made anew by. As in `Kernel`, a
/// negative result is a negative errno value.
enum TemplateKernel {
    /// Why the kernel refuses a process as a template (enum process_template_refusal), from 0.
    private static let refusals: [StaticString] = [
        "it fits", "it does not stand still", "it is traced", "it has too many threads",
        "its threads differ in files, namespaces, credentials or filters",
        "it has too many POSIX timers, or one of a thread's time",
        "threads of the kernel work for its io_uring", "it uses registers that have to be asked for",
        "it has mapped a device", "it uses userfaultfd", "it is a 32-bit program",
    ]

    enum Binding {
        case bound(threads: UInt32)
        case refused(String)
        case failed(Int32)
    }

    static func bindTemplate(_ device: Int32, to process: Descriptor) -> Binding {
        var refusal: UInt32 = 0
        var threads: UInt32 = 0
        // SAFETY: both are written during the call only.
        let result = unsafe agent_bind_template(device, process.rawValue, &refusal, &threads)
        if result == 0 { return .bound(threads: threads) }
        guard result == -ErrorNumber.busy else { return .failed(result) }
        let known = Int(refusal) < refusals.count ? refusals[Int(refusal)] : "the kernel refuses it"
        return .refused(known.description)
    }

    /// Returns only on failure.
    static func adopt(
        _ device: Int32, executable: Int32, closingFrom lowest: Int32, _ mappings: [SharedMapping.Replacement],
        isTrial: Bool
    ) -> Int32 {
        let table = mappings.map {
            agent_mapping(
                start: $0.mapping.start, length: $0.mapping.length, offset: $0.mapping.offset,
                protection: $0.mapping.protection, file: $0.file)
        }
        // SAFETY: address and count are the array's own.
        return unsafe table.withUnsafeBufferPointer {
            unsafe agent_adopt(device, executable, UInt32(lowest), $0.baseAddress, $0.count, isTrial)
        }
    }

    /// What a symbolic link says, in bytes; empty where it cannot be read.
    static func link(at path: String, in directory: Int32 = Kernel.here) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 4096)
        // SAFETY: address and length are the array's own; the path's C string lives for the call.
        let count = unsafe bytes.withUnsafeMutableBytes {
            unsafe agent_read_link(directory, path, $0.baseAddress, $0.count)
        }
        return count > 0 && count < bytes.count ? [UInt8](bytes[..<count]) : []
    }

    /// The numbers that name entries of a directory, at most so many.
    static func numbers(in directory: String, max count: Int) -> [Int32] {
        var numbers = [Int32](repeating: 0, count: count)
        // SAFETY: address and count are the array's own; the path's C string lives for the call.
        let found = unsafe numbers.withUnsafeMutableBufferPointer {
            unsafe agent_list_numbers(directory, $0.baseAddress, $0.count)
        }
        return found > 0 ? [Int32](numbers[..<found]) : []
    }

    static func isEmptyDirectory(_ fd: Int32) -> Int32 { agent_is_empty_directory(fd) }
    static func takeDescriptor(_ fd: Int32, of process: Descriptor) -> Int32 {
        agent_take_descriptor(process.rawValue, fd)
    }
    static func duplicate(_ fd: Int32, from lowest: Int32) -> Int32 { agent_duplicate_from(fd, lowest) }
    static func place(_ fd: Int32, at target: Int32, closesOnExecution: Bool) -> Int32 {
        agent_place(fd, target, closesOnExecution)
    }
    static func setStatus(_ fd: Int32, _ flags: Int32) -> Int32 { agent_set_status(fd, flags) }
    /// A file's size in bytes, or a negative error.
    static func size(_ fd: Int32) -> Int64 { agent_size(fd) }
    static func seek(_ fd: Int32, to offset: Int64) -> Int64 { agent_seek(fd, offset) }
    static func makeEvent(count: UInt32, isSemaphore: Bool) -> Int32 { agent_make_event(count, isSemaphore) }
    static func addToPoll(_ poll: Int32, _ fd: Int32, events: UInt32, data: UInt64) -> Int32 {
        agent_add_to_poll(poll, fd, events, data)
    }
    static func makeSignalDescriptor(_ mask: UInt64) -> Int32 { agent_make_signal_descriptor(mask) }
    static func makeMemoryFile(size: UInt64) -> Int32 { agent_make_memory_file(size) }
    static func copyData(_ source: Int32, to target: Int32, size: UInt64) -> Int32 {
        agent_copy_data(source, target, size)
    }
    static func waitingBytes(_ fd: Int32) -> Int32 { agent_waiting_bytes(fd) }

    /// What waits in a pipe, which keeps it: nil for more than 4 KiB.
    static func contents(ofPipe fd: Int32) -> [UInt8]? {
        let waiting = agent_waiting_bytes(fd)
        guard waiting != 0 else { return [] }
        guard waiting > 0, waiting <= 4096 else { return nil }
        var bytes = [UInt8](repeating: 0, count: Int(waiting))
        // SAFETY: address and length are the array's own.
        let count = unsafe bytes.withUnsafeMutableBytes { unsafe agent_peek_pipe(fd, $0.baseAddress, $0.count) }
        return count == Int(waiting) ? bytes : nil
    }

    static func makeTimer(clock: Int32, value: [UInt64], interval: [UInt64]) -> Int32 {
        guard value.count == 2, interval.count == 2 else { return -ErrorNumber.invalid }
        // SAFETY: both arrays have the two elements that are read.
        return unsafe value.withUnsafeBufferPointer { value in
            unsafe interval.withUnsafeBufferPointer { interval in
                guard let first = value.baseAddress, let second = interval.baseAddress else {
                    return -ErrorNumber.invalid
                }
                return unsafe agent_make_timer(clock, first, second)
            }
        }
    }

    static func makeSocketPair(type: Int32) throws(Failure) -> (first: Descriptor, second: Descriptor) {
        var ends: (Int32, Int32) = (-1, -1)
        // SAFETY: the tuple is the two ints that are written.
        let result = unsafe withUnsafeMutablePointer(to: &ends) {
            unsafe $0.withMemoryRebound(to: Int32.self, capacity: 2) { unsafe agent_make_socket_pair(type, $0) }
        }
        try check(result, .execute, "make a pair of sockets")
        return (Descriptor(taking: ends.0), Descriptor(taking: ends.1))
    }

    static func describeSocket(_ fd: Int32) -> SocketDescription? {
        var socket = agent_socket()
        // SAFETY: the structure is written during the call only.
        guard unsafe agent_describe_socket(fd, &socket) == 0 else { return nil }
        return SocketDescription(socket)
    }

    static func makeSocket(_ description: SocketDescription) -> Int32 {
        var socket = description.socket
        // SAFETY: the structure is read during the call only.
        return unsafe agent_make_socket(&socket)
    }

    /// Whether two sockets are the ends of one pair. They are as they were after it.
    static func arePaired(_ one: Int32, _ other: Int32) -> Bool { agent_probe_pair(one, other) == 1 }
}

/// What a socket is, as far as another can be made like it.
struct SocketDescription {
    fileprivate let socket: agent_socket

    fileprivate init(_ socket: agent_socket) { self.socket = socket }

    private static let unix: Int32 = 1
    private static let version4: Int32 = 2
    private static let version6: Int32 = 10

    var inode: UInt64 { socket.inode }
    var type: Int32 { socket.type }
    var isUnix: Bool { socket.family == SocketDescription.unix }
    var isInternet: Bool { socket.family == SocketDescription.version4 || socket.family == SocketDescription.version6 }
    var listens: Bool { socket.listens }
    var isConnected: Bool { socket.is_connected }
    var hasUnread: Bool { socket.waiting > 0 }
}
