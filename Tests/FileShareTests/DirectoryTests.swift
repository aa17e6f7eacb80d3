import FileShare
import Glibc
import LinuxSystem
import TestSupport
import Testing

/// Directories that are listed while they change.
@Suite struct DirectoryTests {
    private let guest: Guest
    private let root: UInt64

    init() throws {
        guest = try Guest()
        try FileSystem.makeDirectory(guest.path("directory"))
        root = try guest.share("directory")
    }

    private func make(_ names: Range<Int>) throws {
        for name in names { try FileSystem.replace(guest.path("directory/file-\(name)"), with: []) }
    }

    /// The entries of a directory from a place on, without the directory itself and the one above.
    private func page(_ handle: UInt64, from place: UInt64, room: Int = 4096) throws -> [Guest.DirectoryEntry] {
        try guest.page(root, handle, from: place, room: room)
    }

    @Test func whoDeletesWhatItListsLeavesNothing() throws {
        try make(0..<1500)
        let handle = try guest.openDirectory(root)
        var place: UInt64 = 0
        // As a program whose buffer is smaller than the guest's kernel's: it goes on in the middle of an answer.
        while case let entries = try page(handle, from: place), !entries.isEmpty {
            for entry in entries.prefix(7) {
                if entry.isFile { try guest.remove(root, entry.name) }
                place = entry.place
            }
        }
        #expect(try FileSystem.names(in: guest.path("directory")) == [])
    }

    @Test func aPlaceLeadsToWhatCameAfterIt() throws {
        try make(0..<400)
        let handle = try guest.openDirectory(root)
        var all: [Guest.DirectoryEntry] = []
        while case let entries = try page(handle, from: all.last?.place ?? 0, room: 700), !entries.isEmpty {
            all += entries
        }
        #expect(Set(all.map(\.name)) == Set((0..<400).map { "file-\($0)" } + [".", ".."]) && all.count == 402)
        for index in [0, 200, 3, 399, 398, 17, 256] {
            let after = try page(handle, from: all[index].place, room: 300)
            #expect(after.map(\.name) == all[(index + 1)...].prefix(after.count).map(\.name), "after entry \(index)")
            #expect(!after.isEmpty)
        }
        #expect(try page(handle, from: all[401].place) == [])
    }

    @Test func fromTheBeginningWhatIsNewIsSeen() throws {
        try make(0..<3)
        let handle = try guest.openDirectory(root)
        #expect(try page(handle, from: 0).count == 5)
        try make(3..<5)
        #expect(try page(handle, from: 0).count == 7)
        try guest.remove(root, "file-0")
        #expect(!(try page(handle, from: 0).map(\.name).contains("file-0")))
    }

    @Test func aPlaceThatIsNoneHarmsNothing() throws {
        try make(0..<20)
        let handle = try guest.openDirectory(root)
        let first = try page(handle, from: 0, room: 300)
        for place in [UInt64(1) << 63, .max, 0x1234_5678_9ABC] { _ = try? page(handle, from: place) }
        #expect(throws: Guest.Refused(EINVAL)) { try page(handle, from: .max) }
        #expect(try page(handle, from: 0, room: 300) == first)
    }
}
