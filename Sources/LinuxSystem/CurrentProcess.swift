import CLinux
import Glibc
public import SystemPackage

// SAFETY: the C calls of this file without a reason of their own borrow a string, an array with its count or a local
// variable, and only for the call.

/// The process that runs this code.
public enum CurrentProcess {
    /// The path of its executable; empty where /proc does not have it.
    public static var executablePath: String { FileSystem.target(ofLink: "/proc/self/exe") ?? "" }

    /// An environment variable's value.
    public static func environment(_ name: String) -> String? {
        // SAFETY: getenv gives a C string that lives as long as nobody changes the environment, which czone never does.
        unsafe getenv(name).map { unsafe String(cString: $0) }
    }

    /// Its arguments behind the first, its name, written as `String(escaping:)` does.
    public static var arguments: [String] {
        (1..<max(1, Int(CommandLine.argc))).compactMap { index in
            // SAFETY: main's arguments: `argc` C strings, which live as long as the process.
            unsafe CommandLine.unsafeArgv[index].map { unsafe text($0) }
        }
    }

    /// An environment variable's value, written as `String(escaping:)` does.
    public static func escapedEnvironment(_ name: String) -> String? {
        // SAFETY: as above.
        unsafe getenv(name).map { unsafe text($0) }
    }

    // SAFETY: the caller's C string lives for the call.
    private static func text(_ string: UnsafeMutablePointer<CChar>) -> String {
        String(escaping: unsafe UnsafeBufferPointer(start: string, count: strlen(string)).map { UInt8(bitPattern: $0) })
    }

    /// Gives it /dev/null for each standard stream that it was started without: else what it opens first would be taken
    /// for that stream.
    public static func openMissingStreams() {
        // The lowest free number is the one that is got.
        var opened: CInt = 0
        while opened >= 0, opened < 2 { opened = unsafe open("/dev/null", O_RDWR) }
        if opened > 2 { close(opened) }
    }

    /// How many processors it may run on (sched_getaffinity(2)); those of the machine where there are more than 1024.
    public static var processorCount: Int {
        let count = Int(clinux_processor_count())
        return count > 0 ? count : max(1, Int(sysconf(CInt(_SC_NPROCESSORS_ONLN))))
    }

    /// Bits of a physical address of the host's processor, 36 to 52, by itself; nil where only the kernel knows them: some
    /// may be keys of encrypted memory.
    public static var physicalAddressBits: Int? {
        let bits = Int(clinux_physical_address_bits())
        return (36...52).contains(bits) ? bits : nil
    }

    /// Does something that may change which processors it may run on, such as entering a control group (cpuset), and
    /// then changes them back.
    public static func keepingProcessors(_ body: () throws(SystemError) -> Void) throws(SystemError) {
        var processors = clinux_processors()
        let isKnown = unsafe clinux_get_processors(&processors) == 0
        try body()
        if isKnown { unsafe _ = clinux_set_processors(&processors) }
    }

    /// Names the calling thread; the first one's name is the process's. 15 bytes of it are kept.
    public static func setThreadName(_ name: String) { unsafe clinux_name_thread(name) }

    /// Lets every other process go before this one and its children where they want the same processor (nice(1) 10).
    public static func yieldToOthers() { _ = setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 10) }

    /// Turns this process into another program (execv(2)), keeping its environment and these descriptors; returns only
    /// when that fails.
    public static func become(
        _ program: String, arguments: [String], keeping descriptors: [OwnedDescriptor] = []
    ) -> SystemError {
        for descriptor in descriptors { _ = fcntl(descriptor.rawValue, F_SETFD, 0) }
        var vector = unsafe arguments.map { unsafe strdup($0) }
        unsafe vector.append(nil)
        // SAFETY: a nil-terminated vector of C strings, as execv(3) takes.
        unsafe execv(program, vector)
        let failure = Errno(rawValue: errno)
        unsafe vector.forEach { unsafe free($0) }
        return SystemError("run \(program)", failure)
    }
}

/// Whether this process may read the file.
public func isReadable(_ path: String) -> Bool { unsafe access(path, R_OK) == 0 }

/// The three streams that a process begins with. Never closed.
public enum StandardStream: CInt, Sendable {
    case input = 0
    case output = 1
    case error = 2

    /// The stream's own descriptor, not a duplicate.
    public var descriptor: OwnedDescriptor {
        switch self {
        case .input: Self.inputDescriptor
        case .output: Self.outputDescriptor
        case .error: Self.errorDescriptor
        }
    }

    // Owned for as long as the process lives.
    private static let inputDescriptor = OwnedDescriptor(taking: 0)
    private static let outputDescriptor = OwnedDescriptor(taking: 1)
    private static let errorDescriptor = OwnedDescriptor(taking: 2)
}

extension CurrentProcess {
    /// The directory that relative paths start from; the root where it is unknown.
    public static var workingDirectory: FilePath {
        // SAFETY: getcwd(3) with no buffer allocates the text, which is freed here.
        guard let path = unsafe getcwd(nil, 0) else { return "/" }
        defer { unsafe free(path) }
        return unsafe FilePath(platformString: path)
    }
}

extension CurrentProcess {
    /// Raises the limit of descriptors that it may have open, as far as it may; the limit.
    public static func raiseDescriptorLimit() throws(SystemError) -> Int {
        Int(try checked(clinux_raise_descriptor_limit(), "raise the limit of open descriptors"))
    }
}
