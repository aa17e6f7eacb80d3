import CAgent

/// System calls, safe to call: what they point to is owned by Swift for the time of the call. A negative result is a
/// negative errno value.
enum Kernel {}

/// errno values that the agent distinguishes.
enum ErrorNumber {
    static let noEntry: Int32 = 2
    static let noProcess: Int32 = 3
    static let interrupted: Int32 = 4
    static let again: Int32 = 11
    static let noMemory: Int32 = 12
    static let access: Int32 = 13
    static let busy: Int32 = 16
    static let exists: Int32 = 17
    static let notDirectory: Int32 = 20
    static let isDirectory: Int32 = 21
    static let invalid: Int32 = 22
    static let notTerminal: Int32 = 25
    static let brokenPipe: Int32 = 32
    static let tooManyLinks: Int32 = 40
    static let notSupported: Int32 = 95
    static let noBuffers: Int32 = 105
    static let timedOut: Int32 = 110
}

/// A character device's number (the kernel's devices.txt).
struct DeviceNumber {
    let major: UInt32
    let minor: UInt32
}

/// The result, or a failure that names the step and what was tried.
@discardableResult
func check<Value: FixedWidthInteger & SignedInteger>(
    _ result: Value, _ step: Step, _ text: @autoclosure () -> String
) throws(Failure) -> Value {
    guard result < 0 else { return result }
    throw Failure(code: Int32(truncatingIfNeeded: -result), step: step, text: text())
}

// MARK: files

extension Kernel {
    /// The working directory, for calls that take a directory's descriptor.
    static let here: Int32 = Int32(AGENT_HERE)

    static func close(_ fd: Int32) { _ = agent_close(fd) }

    /// Closes every descriptor but these, which are in ascending order. Also for children that do not execute a
    /// program: the ends of other processes' pipes would stay open with them.
    static func closeAll(but kept: [Int32]) {
        var first: UInt32 = 0
        for descriptor in kept where descriptor >= 0 {
            if UInt32(descriptor) > first { _ = agent_close_range(first, UInt32(descriptor) - 1) }
            first = UInt32(descriptor) + 1
        }
        _ = agent_close_range(first, .max)
    }

    static func open(_ path: String, _ flags: Int32, in directory: Int32 = here, mode: UInt32 = 0) -> Int32 {
        // SAFETY: the path's C string lives for the call.
        unsafe agent_open_at(directory, path, flags, mode)
    }

    /// Magic links of /proc are not followed; with `asRoot`, no link or ".." leads out of the directory.
    static func openWithin(
        _ directory: Int32, _ path: CString, _ flags: Int32, mode: UInt32 = 0, asRoot: Bool = false
    ) -> Int32 {
        // SAFETY: the path's C string lives for the call.
        unsafe path.withPointer { unsafe agent_open_within(directory, $0, flags, mode, asRoot) }
    }

    /// Reads once, at most as much as the buffer has room.
    static func read(_ fd: Int32, into buffer: inout [UInt8]) -> Int {
        // SAFETY: address and length are the array's own.
        unsafe buffer.withUnsafeMutableBytes { unsafe agent_read(fd, $0.baseAddress, $0.count) }
    }

    /// Reads 64-bit words of this machine's byte order at an offset; how many there were.
    static func readWords(_ fd: Int32, into words: inout [UInt64], count: Int, at offset: UInt64) -> Int {
        let wanted = min(count, words.count) * 8
        // SAFETY: `wanted` is within the array's own length.
        let got = unsafe words.withUnsafeMutableBytes { unsafe agent_read_at(fd, $0.baseAddress, wanted, offset) }
        return got < 0 ? got : got / 8
    }

    static func write(_ fd: Int32, _ bytes: ArraySlice<UInt8>) -> Int {
        // SAFETY: address and length are the slice's own.
        unsafe bytes.withUnsafeBytes { unsafe agent_write(fd, $0.baseAddress, $0.count) }
    }

    static func write(_ fd: Int32, _ text: String) -> Int {
        var copy = text
        // SAFETY: address and length are the copy's own.
        return copy.withUTF8 { unsafe agent_write(fd, $0.baseAddress, $0.count) }
    }

    static func makeDirectory(_ path: String, in directory: Int32 = here, mode: UInt32 = 0o755) -> Int32 {
        // SAFETY: the path's C string lives for the call.
        unsafe agent_make_directory_at(directory, path, mode)
    }

    static func makeDirectory(_ path: CString, in directory: Int32) -> Int32 {
        // SAFETY: the path's C string lives for the call.
        unsafe path.withPointer { unsafe agent_make_directory_at(directory, $0, 0o755) }
    }

    static func removeDirectory(_ path: String, in directory: Int32) -> Int32 {
        // SAFETY: the path's C string lives for the call.
        unsafe agent_remove_directory_at(directory, path)
    }

    static func unlink(_ path: CString, in directory: Int32) -> Int32 {
        // SAFETY: the path's C string lives for the call.
        unsafe path.withPointer { unsafe agent_unlink_at(directory, $0) }
    }

    static func makeDevice(_ path: String, in directory: Int32, mode: UInt32, _ device: DeviceNumber) -> Int32 {
        // SAFETY: the path's C string lives for the call.
        unsafe agent_make_device_at(directory, path, mode, device.major, device.minor)
    }

    static func makeLink(to target: String, at path: String, in directory: Int32) -> Int32 {
        // SAFETY: both C strings live for the call.
        unsafe agent_link_symbolically_at(target, directory, path)
    }

    /// Whether an open file is of this character device.
    static func isDevice(_ fd: Int32, _ device: DeviceNumber) -> Bool {
        agent_is_device(fd, device.major, device.minor) == 1
    }

    /// Whether an open file lies in a file system of the kernel's /proc.
    static func isOfProc(_ fd: Int32) -> Bool { agent_is_of_file_system(fd, 0x9FA0) == 1 }

    static func changeMode(_ fd: Int32, _ mode: UInt32) -> Int32 { agent_change_mode(fd, mode) }
    static func changeOwner(_ fd: Int32, user: UInt32, group: UInt32) -> Int32 { agent_change_owner(fd, user, group) }

    /// st_mode of what a path leads to; of the descriptor itself where the path is empty.
    static func mode(_ path: String, in directory: Int32 = here) -> Int32 {
        // SAFETY: the path's C string lives for the call.
        unsafe agent_mode(directory, path)
    }

    /// The user who owns what a descriptor is of; negative: an errno.
    static func owner(of fd: Int32) -> Int { agent_owner(fd) }

    static func mayExecute(_ fd: Int32) -> Int32 { agent_may_execute(fd) }

    static func duplicate(_ fd: Int32) -> Int32 { agent_duplicate(fd) }
    static func duplicate(_ fd: Int32, onto target: Int32) -> Int32 { agent_duplicate_onto(fd, target) }
    static func setNonblocking(_ fd: Int32) -> Int32 { agent_set_nonblocking(fd) }

    static func changeDirectory(_ path: String) -> Int32 {
        // SAFETY: the path's C string lives for the call.
        unsafe agent_change_directory(path)
    }

    static func changeDirectory(to fd: Int32) -> Int32 { agent_change_to_descriptor(fd) }

    static func setRoot(_ path: String) -> Int32 {
        // SAFETY: the path's C string lives for the call.
        unsafe agent_set_root(path)
    }

    /// The reading and the writing end of a pipe.
    static func makePipe() throws(Failure) -> (reading: Descriptor, writing: Descriptor) {
        var ends: (Int32, Int32) = (-1, -1)
        // SAFETY: two adjacent Int32 are an int[2].
        let result = unsafe withUnsafeMutableBytes(of: &ends) {
            unsafe agent_pipe($0.bindMemory(to: Int32.self).baseAddress)
        }
        try check(result, .streams, "make a pipe")
        return (Descriptor(taking: ends.0), Descriptor(taking: ends.1))
    }
}
