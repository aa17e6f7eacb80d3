import FileShare
import Glibc
import LinuxSystem
import TestSupport

/// A guest's kernel: asks a file server in FUSE's words (include/uapi/linux/fuse.h).
final class Guest {
    let server: FileServer
    /// A directory of the host with everything in it.
    let directory: TemporaryDirectory
    private var unique: UInt64 = 0
    var user: UInt32 = 0
    var group: UInt32 = 0
    /// For how many seconds names and attributes are to hold: none, so no longer than a tick.
    var validity: UInt64 = 0

    /// What the server said instead of doing it.
    struct Refused: Error, Equatable {
        let errno: CInt
        init(_ errno: CInt) { self.errno = errno }
    }

    struct Entry: Equatable {
        let node: UInt64
        let attributes: Attributes
        let nameHolds: Bool
    }

    struct Attributes: Equatable {
        let inode: UInt64, size: UInt64
        let mode: UInt32, links: UInt32, user: UInt32, group: UInt32

        init(_ reader: inout Bytes) {
            inode = reader.integer()
            size = reader.integer()
            reader.skip(8 + 3 * 8 + 3 * 4)
            mode = reader.integer()
            links = reader.integer()
            user = reader.integer()
            group = reader.integer()
            reader.skip(12)
        }
    }

    init(maxDescriptors: Int = 1024) throws {
        directory = try TemporaryDirectory()
        server = try FileServer(maxDescriptors: maxDescriptors)
        FileServer.prepareThread()
    }

    // MARK: The host's side

    func path(_ name: String) -> String { "\(directory.path)/\(name)" }

    func attach(_ path: String, _ options: VolumeOptions = []) throws -> String {
        try server.attach(try OwnedDescriptor(opening: path, flags: O_RDONLY), options)
    }

    /// The root node of a directory that is shared.
    func share(_ name: String = "", _ options: VolumeOptions = []) throws -> UInt64 {
        try lookUp(1, try attach(path(name), options)).node
    }

    // MARK: Asking

    /// The bytes of a request, and of a request that is wrong.
    func request(_ opcode: UInt32, _ node: UInt64, _ body: [UInt8], length: UInt32? = nil) -> [UInt8] {
        unique += 1
        var bytes: [UInt8] = []
        bytes.append(length ?? UInt32(40 + body.count))
        bytes.append(opcode)
        bytes.append(unique)
        bytes.append(node)
        bytes.append(user)
        bytes.append(group)
        bytes.append(UInt64(0))
        return bytes + body
    }

    @discardableResult
    func ask(_ opcode: UInt32, _ node: UInt64, _ body: [UInt8] = [], room: Int = 300_000) throws -> Bytes {
        let reply = server.answer(request(opcode, node, body), room: room)
        var reader = Bytes(reply)
        guard reader.integer(UInt32.self) == UInt32(reply.count) else { throw Refused(-1) }
        let error: Int32 = reader.integer()
        guard reader.integer(UInt64.self) == unique else { throw Refused(-2) }
        if error != 0 { throw Refused(-error) }
        return reader
    }

    func lookUp(_ node: UInt64, _ name: String) throws -> Entry { entry(try ask(1, node, text(name))) }

    private func entry(_ reply: Bytes) -> Entry {
        var reader = reply
        let node: UInt64 = reader.integer()
        reader.skip(8)
        let seconds = (0..<2).map { _ in reader.integer(UInt64.self) }
        let nanoseconds = (0..<2).map { _ in reader.integer(UInt32.self) }
        precondition(seconds == [validity, validity], "an entry that is valid for \(seconds) s")
        precondition(nanoseconds.allSatisfy { $0 <= 1_000_000 }, "an entry that is valid for \(nanoseconds) ns")
        return Entry(node: node, attributes: Attributes(&reader), nameHolds: seconds[0] > 0 || nanoseconds[0] > 0)
    }

    func forget(_ node: UInt64, _ times: UInt64 = 1) { _ = server.answer(request(2, node, bytes(times)), room: 0) }

    func attributes(_ node: UInt64) throws -> Attributes {
        var reader = try ask(3, node, [UInt8](repeating: 0, count: 16))
        precondition(reader.integer(UInt64.self) == validity, "attributes that are valid for another time")
        reader.skip(8)
        return Attributes(&reader)
    }

    /// What the guest may keep of a file that it opens (FOPEN_…).
    func openFlags(_ node: UInt64, isDirectory: Bool = false) throws -> UInt32 {
        var reader = try ask(isDirectory ? 27 : 14, node, bytes(UInt64(0)))
        reader.skip(8)
        return reader.integer()
    }

    func open(_ node: UInt64, _ flags: CInt = O_RDONLY) throws -> UInt64 {
        var reader = try ask(14, node, bytes(UInt32(flags)) + bytes(UInt32(0)))
        return reader.integer()
    }

    func read(_ node: UInt64, _ handle: UInt64, at offset: UInt64 = 0, count: UInt32 = 65536) throws -> [UInt8] {
        try ask(15, node, bytes(handle) + bytes(offset) + bytes(count) + [UInt8](repeating: 0, count: 20)).rest
    }

    @discardableResult
    func write(
        _ node: UInt64, _ handle: UInt64, _ data: [UInt8], at offset: UInt64 = 0, flags: UInt32 = 0
    ) throws -> UInt32 {
        let head = bytes(handle) + bytes(offset) + bytes(UInt32(data.count)) + bytes(flags)
        var reader = try ask(16, node, head + [UInt8](repeating: 0, count: 16) + data)
        return reader.integer()
    }

    func create(_ directory: UInt64, _ name: String, mode: UInt32 = 0o644, flags: CInt = O_RDWR) throws -> (
        Entry, handle: UInt64
    ) {
        let body = bytes(UInt32(flags | O_CREAT)) + bytes(0o100000 | mode) + bytes(UInt64(0)) + text(name)
        var reply = try ask(35, directory, body)
        let entry = entry(reply)
        reply.skip(128)
        return (entry, reply.integer())
    }

    func contents(_ directory: UInt64, _ name: String) throws -> String {
        let node = try lookUp(directory, name).node
        let handle = try open(node)
        defer { release(node, handle) }
        return String(decoding: try read(node, handle), as: UTF8.self)
    }

    func release(_ node: UInt64, _ handle: UInt64) {
        _ = try? ask(18, node, bytes(handle) + [UInt8](repeating: 0, count: 16))
    }

    /// A file without a name, open for reading and writing.
    func createNameless(_ directory: UInt64, flags: CInt = O_RDWR) throws -> (Entry, handle: UInt64) {
        let body = bytes(UInt32(flags)) + bytes(UInt32(0o100600)) + bytes(UInt64(0)) + text("/")
        var reply = try ask(51, directory, body)
        let entry = entry(reply)
        reply.skip(128)
        return (entry, reply.integer())
    }

    func makeDirectory(_ directory: UInt64, _ name: String, mode: UInt32 = 0o755, mask: UInt32 = 0) throws -> Entry {
        entry(try ask(9, directory, bytes(mode) + bytes(mask) + text(name)))
    }

    func makeNode(_ directory: UInt64, _ name: String, mode: UInt32, device: UInt32 = 0) throws -> Entry {
        entry(try ask(8, directory, bytes(mode) + bytes(device) + bytes(UInt64(0)) + text(name)))
    }

    func setAttribute(_ node: UInt64, _ name: String, _ value: [UInt8], flags: UInt64? = nil) throws {
        let head = bytes(UInt32(value.count)) + bytes(UInt32(0)) + (flags.map { bytes($0) } ?? [])
        try ask(21, node, head + text(name) + value)
    }

    func attribute(_ node: UInt64, _ name: String) throws -> [UInt8] {
        try ask(22, node, bytes(UInt64(65536)) + text(name)).rest
    }

    /// Asks for a lock, or for what is in its way (opcode 31): the answer.
    @discardableResult
    func lock(
        _ node: UInt64, _ handle: UInt64, owner: UInt64 = 0, _ type: UInt32, _ range: ClosedRange<UInt64>,
        isWhole: Bool = false, opcode: UInt32 = 32
    ) throws -> Bytes {
        let lock = bytes(range.lowerBound) + bytes(range.upperBound) + bytes(type) + bytes(UInt32(1000 + owner))
        return try ask(opcode, node, bytes(handle) + bytes(owner) + lock + bytes(UInt64(isWhole ? 1 : 0)))
    }

    func makeLink(_ directory: UInt64, _ name: String, to target: String) throws -> Entry {
        entry(try ask(6, directory, text(name) + text(target)))
    }

    func link(_ node: UInt64, as name: String, in directory: UInt64) throws -> Entry {
        entry(try ask(13, directory, bytes(node) + text(name)))
    }

    func rename(_ directory: UInt64, _ name: String, to newDirectory: UInt64, _ newName: String, flags: UInt32 = 0)
        throws
    {
        try ask(45, directory, bytes(newDirectory) + bytes(flags) + bytes(UInt32(0)) + text(name) + text(newName))
    }

    func remove(_ directory: UInt64, _ name: String, isDirectory: Bool = false) throws {
        try ask(isDirectory ? 11 : 10, directory, text(name))
    }

    /// What SETATTR takes besides what is left out.
    func change(
        _ node: UInt64, valid: UInt32, size: UInt64 = 0, mode: UInt32 = 0, user: UInt32 = 0, group: UInt32 = 0,
        modified: UInt64 = 0
    ) throws {
        let times = bytes(UInt64(0)) + bytes(modified) + bytes(UInt64(0)) + [UInt8](repeating: 0, count: 12)
        try ask(
            4, node,
            bytes(valid) + bytes(UInt32(0)) + bytes(UInt64(0)) + bytes(size) + bytes(UInt64(0)) + times + bytes(mode)
                + bytes(UInt32(0)) + bytes(user) + bytes(group) + bytes(UInt32(0)))
    }

    struct DirectoryEntry: Equatable {
        let name: String
        /// Where the next one is.
        let place: UInt64
        let type: UInt32

        var isFile: Bool { type == 8 }
    }

    func openDirectory(_ node: UInt64) throws -> UInt64 {
        var reader = try ask(27, node, bytes(UInt64(0)))
        return reader.integer()
    }

    /// Entries of an open directory from a place on; none at its end.
    func page(_ node: UInt64, _ handle: UInt64, from place: UInt64, room: Int = 4096) throws -> [DirectoryEntry] {
        let body = bytes(handle) + bytes(place) + bytes(UInt32(room)) + [UInt8](repeating: 0, count: 20)
        var page = try ask(28, node, body)
        var entries: [DirectoryEntry] = []
        while !page.rest.isEmpty {
            page.skip(8)
            let place: UInt64 = page.integer()
            let count = Int(page.integer(UInt32.self))
            let type: UInt32 = page.integer()
            entries.append(
                DirectoryEntry(name: String(decoding: page.take(count), as: UTF8.self), place: place, type: type))
            page.skip((8 - count % 8) % 8)
        }
        return entries
    }

    /// All names of a directory, with room for so many bytes at a time.
    func names(_ node: UInt64, room: Int = 4096) throws -> [String] {
        let handle = try openDirectory(node)
        defer { _ = try? ask(29, node, bytes(handle) + [UInt8](repeating: 0, count: 16)) }
        var names: [String] = []
        var place: UInt64 = 0
        while case let entries = try page(node, handle, from: place, room: room), let last = entries.last {
            names += entries.map(\.name)
            place = last.place
        }
        return names
    }
}

/// Little-endian bytes, front to back.
struct Bytes {
    private(set) var rest: [UInt8]

    init(_ bytes: [UInt8]) { rest = bytes }

    mutating func take(_ count: Int) -> [UInt8] {
        defer { rest.removeFirst(min(count, rest.count)) }
        return Array(rest.prefix(count))
    }

    mutating func skip(_ count: Int) { _ = take(count) }

    mutating func integer<Value: FixedWidthInteger>(_ type: Value.Type = Value.self) -> Value {
        take(Value.bitWidth / 8).reversed().reduce(0) { $0 << 8 | Value(truncatingIfNeeded: $1) }
    }
}

func bytes<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.append(value)
    return bytes
}

func text(_ text: String) -> [UInt8] { Array(text.utf8) + [0] }

extension [UInt8] {
    mutating func append<Value: FixedWidthInteger>(_ value: Value) {
        for place in 0..<(Value.bitWidth / 8) { append(UInt8(truncatingIfNeeded: value >> Value(place * 8))) }
    }
}
