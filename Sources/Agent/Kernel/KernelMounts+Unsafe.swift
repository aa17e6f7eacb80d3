import CAgent

/// MS_… flags of mount(2).
enum MountFlag {
    static let readOnly = UInt64(AGENT_MS_RDONLY)
    static let noSetID = UInt64(AGENT_MS_NOSUID)
    static let noDevices = UInt64(AGENT_MS_NODEV)
    static let noExecution = UInt64(AGENT_MS_NOEXEC)
    static let remount = UInt64(AGENT_MS_REMOUNT)
    static let bind = UInt64(AGENT_MS_BIND)
    static let move = UInt64(AGENT_MS_MOVE)
    static let recursive = UInt64(AGENT_MS_REC)
    static let isPrivate = UInt64(AGENT_MS_PRIVATE)
}

extension Kernel {
    static func mount(_ source: String, on target: String, type: String, flags: UInt64 = 0, data: String = "") -> Int32
    {
        // SAFETY: all C strings live for the call.
        unsafe agent_mount(source, target, type, flags, data)
    }

    static func setPropagation(_ target: String, _ flags: UInt64) -> Int32 {
        // SAFETY: the path's C string lives for the call.
        unsafe agent_set_propagation(target, flags)
    }

    static func detachMount(_ target: String) -> Int32 {
        // SAFETY: the path's C string lives for the call.
        unsafe agent_detach_mount(target)
    }

    /// The working directory becomes the root, with the old root mounted over it.
    static func pivotRootHere() -> Int32 { agent_pivot_root_here() }

    /// A detached copy of the mount that a descriptor stands for.
    static func cloneTree(_ fd: Int32, recursive: Bool) -> Int32 { agent_clone_tree(fd, recursive) }
    static func attachTree(_ tree: Int32, to target: Int32) -> Int32 { agent_attach_tree(tree, target) }

    /// Maps the owners of files on a detached mount as a user namespace does.
    static func mapMount(_ tree: Int32, as userNamespace: Int32) -> Int32 { agent_map_mount(tree, userNamespace) }

    /// Adds restrictions (MS_RDONLY and its like) to a mount, and sets its propagation unless that is 0.
    static func restrictMount(
        _ directory: Int32, _ path: String = "", recursive: Bool, flags: UInt64, propagation: UInt64 = 0
    ) -> Int32 {
        // SAFETY: the path's C string lives for the call.
        unsafe agent_restrict_mount(directory, path, recursive, flags, propagation)
    }
}
