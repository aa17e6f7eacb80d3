import FileShare
import Glibc
import LinuxSystem
import TestSupport
import Testing

/// Locks that hold for the guest's processes, the host's and other VMs' alike.
@Suite struct LockTests {
    private static let (shared, exclusive, none): (UInt32, UInt32, UInt32) = (0, 1, 2)
    private static let all: ClosedRange<UInt64> = 0...UInt64(Int64.max)

    private let guest: Guest
    private let node: UInt64
    private let handle: UInt64

    init() throws {
        guest = try Guest()
        try FileSystem.replace(guest.path("file"), with: [1, 2, 3], mode: 0o644)
        node = try guest.lookUp(try guest.share(), "file").node
        handle = try guest.open(node, O_RDWR)
    }

    private func take(_ owner: UInt64, _ type: UInt32, _ range: ClosedRange<UInt64>) throws {
        try guest.lock(node, handle, owner: owner, type, range)
    }

    private func close(_ owner: UInt64) throws {
        try guest.ask(25, node, bytes(handle) + bytes(UInt64(0)) + bytes(owner))
    }

    /// What is in the way: start, end, type, process.
    private func obstacle(_ owner: UInt64, _ type: UInt32, _ range: ClosedRange<UInt64>) throws -> [UInt64] {
        var reply = try guest.lock(node, handle, owner: owner, type, range, opcode: 31)
        return [reply.integer(), reply.integer()]
            + [UInt64(reply.integer(UInt32.self)), UInt64(reply.integer(UInt32.self))]
    }

    @Test func twoOwnersOfOneFileAreInEachOthersWay() throws {
        try take(1, Self.exclusive, 0...9)
        #expect(throws: Guest.Refused(EAGAIN)) { try take(2, Self.shared, 5...5) }
        try take(2, Self.exclusive, 10...19)
        try take(1, Self.shared, 0...9)
        try take(2, Self.shared, 5...5)
        #expect(throws: Guest.Refused(EAGAIN)) { try take(1, Self.exclusive, Self.all) }
        // A wait is the guest's: here there is none.
        #expect(throws: Guest.Refused(EAGAIN)) {
            try guest.lock(node, handle, owner: 1, Self.exclusive, 5...5, opcode: 33)
        }
        try take(2, Self.none, Self.all)
        try take(1, Self.exclusive, Self.all)
        #expect(guest.server.usage.lockOwners == 1)
    }

    @Test func whoIsInTheWayIsReported() throws {
        try take(1, Self.exclusive, 100...199)
        #expect(try obstacle(2, Self.shared, 150...300) == [100, 199, 1, 1001])
        #expect(try obstacle(2, Self.shared, 200...300) == [200, 300, 2, 0])
        #expect(try obstacle(1, Self.exclusive, Self.all).dropFirst(2).first == 2, "one's own lock is in nobody's way")
    }

    @Test func whatAProcessClosesItHasNoLocksOf() throws {
        try take(1, Self.exclusive, 0...9)
        try take(3, Self.exclusive, 20...29)
        try close(1)
        try take(2, Self.exclusive, 0...9)
        #expect(throws: Guest.Refused(EAGAIN)) { try take(2, Self.exclusive, 20...29) }
        #expect(guest.server.usage.lockOwners == 2)
    }

    @Test func locksHoldOnTheHostAndInOtherMachines() throws {
        let other = try Guest()
        let file = try other.lookUp(try other.lookUp(1, try other.attach(guest.directory.path)).node, "file").node
        let open = try other.open(file, O_RDWR)
        try take(1, Self.exclusive, 0...9)
        #expect(throws: Guest.Refused(EAGAIN)) { try other.lock(file, open, owner: 1, Self.shared, 0...0) }
        let script = "import fcntl,sys; fcntl.lockf(open(sys.argv[1],'r+'), fcntl.LOCK_EX|fcntl.LOCK_NB, 3, 2)"
        let host = { try run("python3", ["-c", script, guest.path("file")]).status }
        #expect(try host() != 0)
        try take(1, Self.none, 0...9)
        #expect(try host() == 0)
        try other.lock(file, open, owner: 1, Self.shared, 0...0)
    }

    @Test func wholeFilesAreLockedByTheOpenFile() throws {
        let second = try guest.open(node, O_RDWR)
        try guest.lock(node, handle, Self.exclusive, Self.all, isWhole: true)
        #expect(throws: Guest.Refused(EAGAIN)) { try guest.lock(node, second, Self.shared, Self.all, isWhole: true) }
        let host = { try run("flock", ["-n", guest.path("file"), "true"]).status }
        #expect(try host() != 0)
        guest.release(node, handle)
        #expect(try host() == 0)
        try guest.lock(node, second, Self.shared, Self.all, isWhole: true)
        // Ranges and whole files know nothing of each other.
        try guest.lock(node, second, owner: 9, Self.exclusive, 0...9)
    }

    /// F_OFD_SETLK: of its end the only sign is that the file is closed.
    @Test func whatAnOpenFileHoldsEndsWithIt() throws {
        let second = try guest.open(node, O_RDWR)
        try guest.lock(node, second, owner: 7, Self.exclusive, 0...9)
        try take(8, Self.exclusive, 20...29)
        guest.release(node, second)
        try take(9, Self.exclusive, 0...9)
        #expect(throws: Guest.Refused(EAGAIN)) { try take(9, Self.exclusive, 20...29) }
    }

    @Test func noMoreIsHeldThanMayBe() throws {
        let guest = try Guest(maxDescriptors: 16_384)
        let node = try guest.lookUp(try guest.lookUp(1, try guest.attach(self.guest.directory.path)).node, "file").node
        let handle = try guest.open(node, O_RDWR)
        func take(_ owner: UInt64, _ type: UInt32, _ range: ClosedRange<UInt64>) throws {
            try guest.lock(node, handle, owner: owner, type, range)
        }
        for owner in 1...1024 { try take(UInt64(owner), Self.shared, 0...9) }
        #expect(throws: Guest.Refused(ENOLCK)) { try take(2000, Self.shared, 0...9) }
        for owner in 1...1024 { try take(UInt64(owner), Self.none, Self.all) }
        #expect(guest.server.usage.lockOwners == 0)
        #expect(throws: Guest.Refused(ENOLCK)) {
            for place in 0..<4097 { try take(1, Self.shared, UInt64(place * 4)...UInt64(place * 4 + 1)) }
        }
        // An unlock that splits what is locked counts as well, and one that does not is always possible.
        #expect(throws: Guest.Refused(ENOLCK)) { try take(2, Self.shared, 0...100) }
        try take(1, Self.none, Self.all)
        // What is joined counts as one.
        for place in 0..<5000 { try take(1, Self.shared, UInt64(place)...UInt64(place)) }
    }

    @Test func whatIsNoRangeIsRefused() throws {
        #expect(throws: Guest.Refused(EINVAL)) { try take(1, 3, 0...9) }
        #expect(throws: Guest.Refused(EINVAL)) { try take(1, 0, 0...UInt64.max) }
        #expect(throws: Guest.Refused(EBADF)) { try guest.lock(node, 999, owner: 1, 0, 0...9) }
        #expect(throws: Guest.Refused(EINVAL)) { try guest.ask(32, node, bytes(handle)) }
    }

    @Test func locksEndWithTheVolume() throws {
        let id = try guest.attach(guest.path("file"), .recursive)
        let file = try guest.lookUp(1, id).node
        let open = try guest.open(file, O_RDWR)
        try guest.lock(file, open, owner: 1, Self.exclusive, Self.all)
        try guest.lock(file, open, Self.exclusive, Self.all, isWhole: true)
        #expect(throws: Guest.Refused(EAGAIN)) { try take(2, Self.shared, 0...0) }
        guest.server.detach(id)
        try take(2, Self.exclusive, Self.all)
        try guest.lock(node, handle, Self.exclusive, Self.all, isWhole: true)
    }
}
