/// Where among the host's processes a VM belongs: that of the container which it is started for.
public struct HostPlace: Equatable, Sendable {
    /// Of an OCI specification, where the VM is its container's alone: VMs that others share are in czone's own group, for
    /// removing a pod's group kills what is in it. Nil: czone's.
    public var groupPath: String?
    /// Who is killed first where the host lacks memory: -1000 to 1000 (proc_pid_oom_score_adj(5)).
    public var outOfMemoryScoreAdjustment = 0

    public init(groupPath: String? = nil, outOfMemoryScoreAdjustment: Int = 0) {
        self.groupPath = groupPath
        self.outOfMemoryScoreAdjustment = outOfMemoryScoreAdjustment
    }

    public static let own = HostPlace()
}

extension HostPlace {
    /// The path of a VM's group below the control groups' roots: beside the container's own, else czone's.
    ///
    /// - Parameter usual: the path of the group that VMs are in which are in no container's: the configuration's.
    func path(of machine: String, usual: String) -> String {
        guard let groupPath, let parent = Self.parent(of: groupPath) else { return "\(usual)/\(machine)" }
        return "\(parent)/czone-\(machine)"
    }

    /// The group that a `cgroupsPath` is in: `/A/B/ID`, or systemd's `SLICE:PREFIX:ID`. Nil where it is neither.
    static func parent(of path: String) -> String? {
        let parts = path.split(separator: ":", omittingEmptySubsequences: false)
        if parts.count == 3 { return slicePath(String(parts[0])) }
        let names = path.split(separator: "/")
        guard path.hasPrefix("/"), names.count > 1, !names.contains(".."), !names.contains(".") else { return nil }
        return "/" + names.dropLast().joined(separator: "/")
    }

    /// `a-b.slice` is `/a.slice/a-b.slice` (systemd.slice(5)).
    private static func slicePath(_ name: String) -> String? {
        guard name.hasSuffix(".slice"), !name.contains("/") else { return nil }
        let words = name.dropLast(".slice".count).split(separator: "-", omittingEmptySubsequences: false)
        guard !words.contains("") else { return nil }
        return (1...words.count).map { "/" + words.prefix($0).joined(separator: "-") + ".slice" }.joined()
    }
}
