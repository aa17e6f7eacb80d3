import LeanJSON
import OCI

extension ContainerRecord {
    /// The key of `logDirectory`.
    static let logDirectoryKey = "logDirectory"

    /// The record as `Codable` would write it, without what that costs a process that writes one record and ends: its
    /// first use looks through every type of the program. Nil where the record has parts that are not written here.
    var plainJSON: [UInt8]? {
        guard seccomp == nil, let process = process.plainJSON else { return nil }
        var writer = JSONWriter()
        writer.text("id", id)
        writer.text("function", function)
        writer.text("tenant", tenant)
        writer.text("image", image)
        writer.text("imageDigest", imageDigest)
        writer.text("key", key)
        writer.text("virtualMachine", virtualMachine)
        writer.number("created", created)
        writer.number("zoneSizeInBytes", zoneSizeInBytes)
        writer.number("memoryLimitInBytes", memoryLimitInBytes)
        writer.flag("isAlone", isAlone)
        writer.flag("isDetached", isDetached)
        writer.flag("isRemovedAtEnd", isRemovedAtEnd)
        if let logDirectory { writer.text(Self.logDirectoryKey, logDirectory) }
        writer.object("process", process)
        return writer.object
    }
}

extension RuntimeSpec.Process {
    fileprivate var plainJSON: [UInt8]? {
        let isPlain =
            commandLine == nil && apparmorProfile == nil && selinuxLabel == nil && scheduler == nil && ioPriority == nil
            && execCPUAffinity == nil && user.username == nil && consoleSize == nil
        guard isPlain else { return nil }
        var owner = JSONWriter()
        owner.number("uid", user.uid)
        owner.number("gid", user.gid)
        if let umask = user.umask { owner.number("umask", umask) }
        if let groups = user.additionalGids { owner.list("additionalGids", groups.map { Array(String($0).utf8) }) }
        var writer = JSONWriter()
        writer.object("user", owner.object)
        writer.texts("args", args)
        writer.texts("env", env)
        writer.text("cwd", cwd)
        if let terminal { writer.flag("terminal", terminal) }
        if let noNewPrivileges { writer.flag("noNewPrivileges", noNewPrivileges) }
        if let oomScoreAdj { writer.number("oomScoreAdj", oomScoreAdj) }
        if let capabilities { writer.object("capabilities", capabilities.plainJSON) }
        if let rlimits { writer.list("rlimits", rlimits.map(\.plainJSON)) }
        return writer.object
    }
}

extension RuntimeSpec.Capabilities {
    fileprivate var plainJSON: [UInt8] {
        var writer = JSONWriter()
        writer.texts("bounding", bounding)
        writer.texts("effective", effective)
        writer.texts("inheritable", inheritable)
        writer.texts("permitted", permitted)
        writer.texts("ambient", ambient)
        return writer.object
    }
}

extension RuntimeSpec.ResourceLimit {
    fileprivate var plainJSON: [UInt8] {
        var writer = JSONWriter()
        writer.text("type", type)
        writer.number("hard", hard)
        writer.number("soft", soft)
        return writer.object
    }
}
