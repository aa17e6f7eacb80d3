extension ProcessSetup {
    func limit() throws(Failure) {
        // The specification's come after, and may be lower.
        for limit in BaseMemory.ofProcesses + process.resourceLimits {
            try check(
                Kernel.setLimit(limit), .limits, "set limit \(limit.resource) to \(limit.soft), \(limit.hard)")
        }
        Kernel.setModeMask(process.umask ?? 0o022)
    }

    /// Becomes the user, and finds the program with that user's rights.
    mutating func changeCredentials(in root: ContainerRoot) throws(Failure) -> CString {
        if process.noNewPrivileges {
            try check(Kernel.forbidNewPrivileges(), .credentials, "set no_new_privs")
        } else if let filter = process.seccomp {
            // Without no_new_privs it takes a privilege that is about to go.
            try install(filter)
        }
        let sets = process.capabilities
        for capability in UInt32(0)..<64 where sets.bounding >> UInt64(capability) & 1 == 0 {
            let result = Kernel.dropFromBoundingSet(capability)
            // Past the last capability that the kernel has.
            if result == -ErrorNumber.invalid { break }
            try check(result, .credentials, "drop capability \(capability)")
        }
        try check(Kernel.setGroups(process.additionalGroups), .credentials, "set additional groups")
        try check(Kernel.setGroup(process.groupID), .credentials, "become group \(process.groupID)")
        try check(Kernel.keepCapabilities(true), .credentials, "keep capabilities")
        try check(Kernel.setUser(process.userID), .credentials, "become user \(process.userID)")
        try check(Kernel.keepCapabilities(false), .credentials, "keep capabilities no longer")
        try check(Kernel.setCapabilities(sets), .credentials, "set capabilities")
        _ = Kernel.clearAmbientCapabilities()
        for capability in UInt32(0)..<64 where sets.ambient >> UInt64(capability) & 1 == 1 {
            try check(
                Kernel.raiseAmbientCapability(capability), .credentials, "raise ambient capability \(capability)")
        }
        timer.lap(.credentials)
        return try findProgram(in: root)
    }

    func install(_ filter: SeccompFilter) throws(Failure) {
        try check(Kernel.setFilter(filter), .seccomp, "install the seccomp filter")
    }
}
