/// What of base memory containers may have: kernel objects of theirs, such as socket buffers, pipes, page tables and inodes,
/// lie there and not in their zones (Kernel/patches/0021). A container that goes over its bound is killed for it.
enum BaseMemory {
    /// For the kernel and the agent, whatever containers have.
    private static let reserve: UInt64 = 16 << 20
    /// No container gets less, in a guest however small.
    private static let least: UInt64 = 16 << 20

    /// A quarter of what there is.
    static var maxOfContainer: UInt64 { max(size("Node 0 MemTotal") / 4, least) }

    /// Of all containers together: what is free before the first of them.
    static var maxOfAll: UInt64 {
        let free = size("Node 0 MemFree")
        return free > reserve + least ? free - reserve : least
    }

    private static func size(_ line: StaticString) -> UInt64 {
        TextFile("/sys/devices/system/node/node0/meminfo").number(after: line) << 10
    }

    /// Bounds a control group. A kernel without the patch bounds none.
    static func bound(_ group: Descriptor, to bytes: UInt64) throws(Failure) {
        let file = Kernel.open("memory.base.max", OpenFlag.write, in: group.rawValue)
        if file == -ErrorNumber.noEntry { return }
        let limit = Descriptor(taking: try check(file, .controlGroup, "open memory.base.max"))
        try check(Kernel.write(limit.rawValue, "\(bytes)"), .controlGroup, "bound base memory to \(bytes) bytes")
    }

    /// Limits that count all containers together, or all processes of a user in all of them: what one took of them would be
    /// missing to the others. Each container's group bounds it instead, by pids.max and memory.base.max.
    static func raiseSharedLimits() throws(Failure) {
        let limits: [(name: String, value: String)] = [
            ("kernel/threads-max", "1048576"), ("kernel/pid_max", "\(Limits.processID)"), ("kernel/pty/max", "1048576"),
            ("fs/file-max", "1073741824"), ("fs/aio-max-nr", "262144"), ("fs/pipe-user-pages-soft", "0"),
            ("fs/inotify/max_user_instances", "1048576"), ("fs/inotify/max_user_watches", "1048576"),
            ("fs/epoll/max_user_watches", "1048576"),
        ]
        for limit in limits { try writeValue(limit.value, to: "/proc/sys/" + limit.name, .request) }
    }

    /// Limits of the same kind that are a process's: RLIMIT_NPROC, RLIMIT_SIGPENDING and RLIMIT_MSGQUEUE count per user.
    static let ofProcesses = [6, 11, 12].map { ResourceLimit(resource: $0, soft: .max, hard: .max) }
}
