/// What PID 1 does before anything else, and what every agent needs.
enum Boot {
    /// Leaves the initramfs for a root that can be pivoted away from (the first one cannot), and mounts the kernel's
    /// file systems in it.
    static func makeRoot() throws(Failure) {
        _ = Kernel.makeDirectory("/root")
        // What is left there is the agent's program: nobody who reaches it by a process's /proc/PID/exe writes to it.
        try check(
            Kernel.mount("root", on: "/", type: "", flags: MountFlag.remount | MountFlag.readOnly), .request,
            "make the first root read-only")
        try mount("root", "/root", "tmpfs", "mode=755")
        try check(Kernel.changeDirectory("/root"), .request, "enter the new root")
        try check(
            Kernel.mount("/root", on: "/", type: "", flags: MountFlag.move), .request, "move the new root to /")
        try check(Kernel.setRoot("."), .request, "make the new root the root")
        for directory in ["/proc", "/sys", "/dev", "/run"] {
            try check(Kernel.makeDirectory(directory), .request, "make \(directory)")
        }
        try mount("proc", "/proc", "proc")
        try mount("sysfs", "/sys", "sysfs")
        try mount("devtmpfs", "/dev", "devtmpfs")
        // Delegated namespaces: no container changes its own limits and nodes through a mount of its own.
        try mount("cgroup2", "/sys/fs/cgroup", "cgroup2", "nsdelegate")
        try openStandardStreams()
        try BaseMemory.raiseSharedLimits()
    }

    /// The kernel opens the console for us if the initramfs has it. Else the numbers 0 to 2 are free, and would be
    /// taken by what must not be there.
    private static func openStandardStreams() throws(Failure) {
        while true {
            let console = Kernel.open("/dev/console", OpenFlag.readWrite)
            let stream = console >= 0 ? console : Kernel.open("/dev/null", OpenFlag.readWrite)
            if try check(stream, .request, "open /dev/null") > 2 { return Kernel.close(stream) }
        }
    }

    private static func mount(
        _ source: String, _ target: String, _ type: String, _ data: String = ""
    ) throws(Failure) {
        try check(Kernel.mount(source, on: target, type: type, data: data), .request, "mount \(target)")
    }

    /// The agent's directories, and the control groups: the agent's own on node 0, and the one of all containers.
    static func prepare() throws(Failure) {
        for directory in [
            AgentDirectory.state, AgentDirectory.container, AgentDirectory.state + "/images",
            AgentDirectory.state + "/shares", AgentDirectory.state + "/templates",
        ] {
            let result = Kernel.makeDirectory(directory)
            if result != -ErrorNumber.exists { try check(result, .request, "make \(directory)") }
        }
        try writeValue("-1000", to: "/proc/self/oom_score_adj", .request)
        try check(Kernel.forbidDumps(), .request, "keep the agent's memory from others")
        let root = "/sys/fs/cgroup"
        let controllers = "+cpuset +cpu +memory +pids"
        try writeValue(controllers, to: root + "/cgroup.subtree_control", .controlGroup)
        for group in [root + "/agent", ControlGroup.parent] {
            let result = Kernel.makeDirectory(group)
            if result != -ErrorNumber.exists { try check(result, .controlGroup, "make \(group)") }
        }
        // Or the agent's pages could come from a zone, and keep it from going.
        try writeValue("0", to: root + "/agent/cpuset.mems", .controlGroup)
        try writeValue("\(Kernel.processID)", to: root + "/agent/cgroup.procs", .controlGroup)
        try writeValue(controllers, to: ControlGroup.parent + "/cgroup.subtree_control", .controlGroup)
        let parent = Descriptor(
            taking: try check(
                Kernel.open(ControlGroup.parent, OpenFlag.directory), .controlGroup, "open \(ControlGroup.parent)"))
        try BaseMemory.bound(parent, to: BaseMemory.maxOfAll)
        try check(
            Kernel.restrictDevices(parent.rawValue), .controlGroup, "restrict the devices of containers")
    }
}
