import CLinux
import Glibc
import LinuxSystem
import SystemPackage

// SAFETY: the C calls of this file borrow a zero-terminated name, an array with its count or a local variable, and only
// for the call.

/// The host's files by descriptor and one name; see clinux_shares.h. Errors are bare, for they go to the guest.
struct FileCalls: Sendable {
    /// /proc/self/fd, kept open so that it is in reach wherever this process's root is.
    private let links: OwnedDescriptor

    init() throws(SystemError) {
        links = OwnedDescriptor(taking: try checked(clinux_open_links(), "open /proc/self/fd, which volumes need"))
    }

    // MARK: Descriptors

    func node(_ name: FileName, in directory: OwnedDescriptor) throws(Errno) -> OwnedDescriptor {
        OwnedDescriptor(taking: try unsafe result(clinux_open_node(directory.rawValue, name.characters)))
    }

    func create(
        _ name: FileName, in directory: OwnedDescriptor, flags: CInt, mode: UInt32
    ) throws(Errno) -> OwnedDescriptor {
        OwnedDescriptor(taking: try unsafe result(clinux_create_file(directory.rawValue, name.characters, flags, mode)))
    }

    /// A new file in a directory, without a name.
    func createNameless(in directory: OwnedDescriptor, flags: CInt, mode: UInt32) throws(Errno) -> OwnedDescriptor {
        OwnedDescriptor(taking: try result(clinux_create_nameless(directory.rawValue, flags, mode)))
    }

    /// The same file, opened with other flags. The caller has made sure that it is a regular file or a directory.
    func reopen(_ file: OwnedDescriptor, flags: CInt) throws(Errno) -> OwnedDescriptor {
        OwnedDescriptor(taking: try result(clinux_reopen(links.rawValue, file.rawValue, flags)))
    }

    /// The same file, to name it only.
    func reopenNode(_ file: OwnedDescriptor) throws(Errno) -> OwnedDescriptor {
        OwnedDescriptor(taking: try result(clinux_reopen_node(links.rawValue, file.rawValue)))
    }

    /// The same directory, to list it.
    func reopenDirectory(_ directory: OwnedDescriptor) throws(Errno) -> OwnedDescriptor {
        OwnedDescriptor(taking: try result(clinux_reopen_directory(links.rawValue, directory.rawValue)))
    }

    func status(of file: OwnedDescriptor) throws(Errno) -> FileStatus {
        var status = clinux_file_status()
        try unsafe result(clinux_status(file.rawValue, &status))
        return FileStatus(
            device: status.device, inode: status.inode, mode: status.mode, linkCount: status.link_count,
            user: status.user, group: status.group, specialDevice: UInt32(truncatingIfNeeded: status.special_device),
            sizeInBytes: status.size, blockSize: status.block_size, blockCount: status.block_count,
            accessed: FileStatus.Time(status.accessed), modified: FileStatus.Time(status.modified),
            changed: FileStatus.Time(status.changed))
    }

    /// When the file was made; nil where its file system does not say.
    func birth(of file: OwnedDescriptor) -> FileStatus.Time? {
        var birth = clinux_time()
        return unsafe clinux_birth(file.rawValue, &birth) == 0 ? FileStatus.Time(birth) : nil
    }

    func fileSystemStatus(of file: OwnedDescriptor) throws(Errno) -> FileSystemStatus {
        var status = clinux_file_system_status()
        try unsafe result(clinux_file_system_status(file.rawValue, &status))
        return FileSystemStatus(
            blocks: status.blocks, freeBlocks: status.free_blocks, availableBlocks: status.available_blocks,
            files: status.files, freeFiles: status.free_files, blockSize: status.block_size,
            fragmentSize: status.fragment_size, longestName: status.longest_name)
    }

    // MARK: Attributes

    func changeMode(of file: OwnedDescriptor, to mode: UInt32) throws(Errno) {
        try result(clinux_change_mode(links.rawValue, file.rawValue, mode & 0o7777))
    }

    func changeOwner(of file: OwnedDescriptor, user: UInt32?, group: UInt32?) throws(Errno) {
        try result(clinux_change_owner(file.rawValue, user ?? .max, group ?? .max))
    }

    /// A time to set.
    enum NewTime {
        case unchanged
        case now
        case at(FileStatus.Time)
    }

    func changeTimes(of file: OwnedDescriptor, accessed: NewTime, modified: NewTime) throws(Errno) {
        try result(clinux_change_times(file.rawValue, accessed.time, modified.time))
    }

    func truncate(_ file: OwnedDescriptor, to size: UInt64) throws(Errno) {
        try result(clinux_truncate(file.rawValue, try offset(size)))
    }

    // MARK: Names

    func target(ofLink link: OwnedDescriptor) throws(Errno) -> [UInt8] {
        var target = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = try unsafe result(clinux_read_link(link.rawValue, &target, target.count))
        return target.prefix(count).map { UInt8(bitPattern: $0) }
    }

    /// - Parameter target: with a terminating zero.
    func makeLink(_ name: FileName, in directory: OwnedDescriptor, to target: [CChar]) throws(Errno) {
        precondition(target.last == 0, "a link's target without its end")
        try unsafe result(clinux_make_link(target, directory.rawValue, name.characters))
    }

    func makeDirectory(_ name: FileName, in directory: OwnedDescriptor, mode: UInt32) throws(Errno) {
        try unsafe result(clinux_make_directory(directory.rawValue, name.characters, mode))
    }

    /// - Parameter device: none, 0, is the only one that is made.
    func makeSpecial(
        _ name: FileName, in directory: OwnedDescriptor, mode: UInt32, device: UInt32
    ) throws(Errno) {
        try unsafe result(clinux_make_special(directory.rawValue, name.characters, mode, device))
    }

    func remove(_ name: FileName, in directory: OwnedDescriptor, isDirectory: Bool) throws(Errno) {
        try unsafe result(clinux_remove(directory.rawValue, name.characters, isDirectory))
    }

    func rename(
        _ name: FileName, in directory: OwnedDescriptor, to newName: FileName, in newDirectory: OwnedDescriptor,
        flags: UInt32
    ) throws(Errno) {
        try unsafe result(
            clinux_rename_in(directory.rawValue, name.characters, newDirectory.rawValue, newName.characters, flags))
    }

    func link(_ file: OwnedDescriptor, as name: FileName, in directory: OwnedDescriptor) throws(Errno) {
        try unsafe result(clinux_link_node(links.rawValue, file.rawValue, directory.rawValue, name.characters))
    }

    // MARK: Contents

    /// Appends up to `count` bytes from an offset on; how many there were.
    func read(_ count: Int, at place: UInt64, of file: OwnedDescriptor, into bytes: inout [UInt8]) throws(Errno) {
        let start = bytes.count
        let from = try offset(place)
        // The tail is cut to what was read, so that none of the zeros is taken for the file's.
        bytes.append(contentsOf: repeatElement(0, count: count))
        let number = unsafe bytes.withUnsafeMutableBytes { buffer in
            unsafe clinux_read_at(file.rawValue, buffer.baseAddress?.advanced(by: start), count, from)
        }
        bytes.removeLast(count - max(0, number))
        try result(number)
    }

    func write(_ bytes: ArraySlice<UInt8>, at place: UInt64, to file: OwnedDescriptor) throws(Errno) -> Int {
        let from = try offset(place)
        return try result(
            unsafe bytes.withUnsafeBytes { unsafe clinux_write_at(file.rawValue, $0.baseAddress, $0.count, from) })
    }

    func synchronize(_ file: OwnedDescriptor, dataOnly: Bool) throws(Errno) {
        try result(clinux_synchronize(file.rawValue, dataOnly))
    }

    func seek(_ file: OwnedDescriptor, to place: UInt64, whence: CInt) throws(Errno) -> UInt64 {
        UInt64(try result(clinux_seek(file.rawValue, try offset(place), whence)))
    }

    func allocate(_ file: OwnedDescriptor, mode: CInt, at place: UInt64, count: UInt64) throws(Errno) {
        try result(clinux_allocate(file.rawValue, mode, try offset(place), try offset(count)))
    }

    /// How many bytes were copied.
    func copy(
        _ count: Int, from file: OwnedDescriptor, at place: UInt64, to other: OwnedDescriptor, at otherPlace: UInt64
    ) throws(Errno) -> Int {
        try result(
            clinux_copy(file.rawValue, try offset(place), other.rawValue, try offset(otherPlace), count))
    }

    /// The next entries of a directory as getdents64(2) gives them.
    func list(_ directory: OwnedDescriptor, room: Int) throws(Errno) -> [UInt8] {
        var entries = [UInt8](repeating: 0, count: room)
        let count = try unsafe result(clinux_list(directory.rawValue, &entries, room))
        return Array(entries.prefix(count))
    }

    // MARK: Extended attributes; names with a terminating zero

    func attribute(_ name: [CChar], of file: OwnedDescriptor, room: Int) throws(Errno) -> [UInt8] {
        var value = [UInt8](repeating: 0, count: room)
        let count = try unsafe result(clinux_get_attribute(file.rawValue, name, &value, room))
        return Array(value.prefix(count))
    }

    func attributeNames(of file: OwnedDescriptor, room: Int) throws(Errno) -> [UInt8] {
        var names = [CChar](repeating: 0, count: room)
        let count = try unsafe result(clinux_list_attributes(file.rawValue, &names, room))
        return names.prefix(count).map { UInt8(bitPattern: $0) }
    }

    func setAttribute(
        _ name: [CChar], of file: OwnedDescriptor, to value: ArraySlice<UInt8>, flags: CInt
    ) throws(Errno) {
        try result(
            unsafe value.withUnsafeBytes {
                unsafe clinux_change_attribute(file.rawValue, name, $0.baseAddress, $0.count, flags)
            })
    }

    func removeAttribute(_ name: [CChar], of file: OwnedDescriptor) throws(Errno) {
        try unsafe result(clinux_remove_attribute(file.rawValue, name))
    }

    // MARK: Threads

    /// Does what makes something in a directory, for a user of the guest's: it belongs to that user.
    ///
    /// - Parameter mask: bits of the mode that it is not to have, but where the directory's default access control list
    ///   says which.
    func creating<Result>(
        for user: UInt32, _ group: UInt32, mask: UInt32, _ body: () throws(Errno) -> Result
    ) throws(Errno) -> Result {
        defer { _ = clinux_create_as(geteuid(), getegid(), 0) }
        try result(clinux_create_as(user, group, mask))
        return try body()
    }

    /// Makes the calling thread fit for all of this; without the privilege for it, only the server's own user can make files.
    static func prepareThread() { _ = clinux_serve_files() }

    /// Offsets and lengths are signed on the host.
    private func offset(_ value: UInt64) throws(Errno) -> UInt64 {
        guard value <= UInt64(Int64.max) else { throw .invalidArgument }
        return value
    }

    @discardableResult
    func result<Value: FixedWidthInteger & SignedInteger>(_ value: Value) throws(Errno) -> Value {
        guard value >= 0 else { throw Errno(rawValue: CInt(clamping: -value)) }
        return value
    }
}

extension FileStatus.Time {
    fileprivate init(_ time: clinux_time) { self.init(seconds: time.seconds, nanoseconds: time.nanoseconds) }
}

extension FileCalls.NewTime {
    fileprivate var time: clinux_time {
        switch self {
        case .unchanged: clinux_time(seconds: 0, nanoseconds: CLINUX_TIME_OMIT)
        case .now: clinux_time(seconds: 0, nanoseconds: CLINUX_TIME_NOW)
        case .at(let time): clinux_time(seconds: time.seconds, nanoseconds: min(time.nanoseconds, 999_999_999))
        }
    }
}
