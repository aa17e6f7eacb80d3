import FileShare
import Glibc
import LinuxSystem
import TestSupport

/// A directory that is shared, and beside it one that must stay as it is.
private struct Host {
    let directory: String
    let server: FileServer

    init() throws {
        directory = "/dev/shm/czone-fuzz-\(getpid())"
        try FileSystem.makeDirectory(directory)
        try FileSystem.replace(directory + "/canary", with: Array("alive".utf8))
        try FileSystem.makeDirectory(directory + "/shared")
        server = try FileServer(maxDescriptors: 80)
        FileServer.prepareThread()
    }

    /// A few files to begin with, the same for each input.
    func fill() {
        let shared = directory + "/shared"
        try? FileSystem.makeDirectory(shared + "/d")
        try? FileSystem.replace(shared + "/d/f", with: Array(repeating: 7, count: 5000))
        try? FileSystem.replace(shared + "/a", with: Array("a".utf8))
        try? FileSystem.makeLink(shared + "/l", to: "../canary")
    }

    func check() {
        let canary = try? FileSystem.contents(of: directory + "/canary", atMost: 100)
        precondition(canary == Array("alive".utf8), "the guest reached a file beside its volume")
        let names = (try? FileSystem.names(in: directory)) ?? []
        precondition(Set(names ?? []) == ["canary", "shared"], "the guest reached a directory beside its volume")
    }

    func clear(_ path: String) {
        for name in (try? FileSystem.names(in: path)) ?? [] {
            let inner = path + "/" + name
            if (try? FileSystem.removeFile(inner)) != nil { continue }
            // A link is removed above, so this is a directory of ours.
            clear(inner)
            try? FileSystem.removeDirectory(inner)
        }
    }
}

private let host = try? Host()

/// Entry of libFuzzer: the input is a row of requests of a guest, with names, nodes and handles that are often right.
/// Nothing may trap, answer with more than there is room for, or reach beyond the volume.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    // SAFETY: libFuzzer passes `count` readable bytes, which are copied here.
    var input = FuzzInput(unsafe [UInt8](UnsafeBufferPointer(start: start, count: count)))
    guard let host else { return -1 }
    host.fill()
    var guest = FuzzGuest(server: host.server, shared: host.directory + "/shared")
    for _ in 0..<64 where !input.isEmpty { guest.ask(&input) }
    guest.leave()
    let usage = host.server.usage
    precondition(
        usage.volumes == 0 && usage.nodes == 0 && usage.cachedDescriptors == 0 && usage.lockOwners == 0,
        "something stays behind a volume")
    // Handles of the root of all belong to no volume.
    host.server.forgetEverything()
    host.check()
    host.clear(host.directory + "/shared")
    return 0
}

private struct FuzzGuest {
    private let server: FileServer
    private var volumes: [String] = []
    private var nodes: [UInt64] = [1]
    private var handles: [UInt64] = []

    private static let names = [
        "a", "b", "d", "f", "l", "..", ".", "", "/", "a/b", "../canary", "x", "a\0b",
        String(repeating: "n", count: 255),
        String(repeating: "n", count: 256), "user.x", "security.capability", "system.posix_acl_access",
        "system.posix_acl_default", "trusted.overlay.opaque",
    ]
    /// What ioctl(2) is served for.
    private static let commands: [UInt32] = [0x8008_6601, 0x4008_6602, 0x801C_581F]

    init(server: FileServer, shared: String) {
        self.server = server
        for options in [[], .readOnly] as [VolumeOptions] {
            guard let file = try? OwnedDescriptor(opening: shared, flags: O_RDONLY),
                let id = try? server.attach(file, options)
            else { continue }
            volumes.append(id)
            _ = ask(1, 1, Array(id.utf8) + [0], room: 4096)
        }
    }

    func leave() { for volume in volumes { server.detach(volume) } }

    mutating func ask(_ input: inout FuzzInput) {
        let opcode = UInt32(input.integer(UInt8.self) % 56)
        let node = input.integer(UInt8.self) & 15 == 0 ? input.integer() : nodes[input.number(below: nodes.count)]
        var body: [UInt8] = []
        let parts = input.integer(UInt8.self) % 8
        for _ in 0..<parts { body += part(&input) }
        let room = input.integer(UInt8.self) & 7 == 0 ? Int(input.integer(UInt8.self)) : 5000
        // A length that is none, once in a while.
        let length: UInt32? = input.integer(UInt8.self) & 15 == 0 ? input.integer() : nil
        let reply = ask(opcode, node, body, room: room, length: length)
        precondition(reply.count <= max(room, 0), "an answer longer than its room")
    }

    /// Something that a request may have: a name, a node, a handle, a small or any number.
    private func part(_ input: inout FuzzInput) -> [UInt8] {
        switch input.integer(UInt8.self) % 9 {
        case 0, 1: Array(Self.names[input.number(below: Self.names.count)].utf8) + [0]
        case 2: words(nodes[input.number(below: nodes.count)])
        case 3: words(handles.isEmpty ? 1 : handles[input.number(below: handles.count)])
        case 4: words(UInt64(input.integer(UInt8.self)))
        case 5: Array(words(UInt64(input.integer(UInt16.self))).prefix(4))
        case 6: words(input.integer())
        // Of an open file, with a command and sizes that fit.
        case 7:
            words(handles.last ?? 1) + words(UInt64(Self.commands[input.number(below: 3)]) << 32) + words(0)
                + words(4 | 28 << 32)
        default: input.bytes(Int(input.integer(UInt8.self)))
        }
    }

    private func words(_ value: UInt64) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: value >> (8 * UInt64($0))) }
    }

    @discardableResult
    private mutating func ask(
        _ opcode: UInt32, _ node: UInt64, _ body: [UInt8], room: Int, length: UInt32? = nil
    ) -> [UInt8] {
        var request: [UInt8] = Array(words(UInt64(length ?? UInt32(40 + body.count)) | UInt64(opcode) << 32))
        request += words(7) + words(node) + words(0) + words(0) + body
        let reply = server.answer(request, room: room)
        guard reply.count >= 24, reply[4..<8].allSatisfy({ $0 == 0 }) else { return reply }
        let value = reply[16..<24].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        // What makes or finds a name begins its answer with a node, what opens with a handle.
        if [1, 6, 8, 9, 13, 35, 51].contains(opcode), nodes.count < 64 { nodes.append(value) }
        if [14, 27].contains(opcode), handles.count < 64 { handles.append(value) }
        if [35, 51].contains(opcode), reply.count >= 152 {
            handles.append(reply[144..<152].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
        }
        return reply
    }
}
