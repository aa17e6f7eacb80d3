// Directories of a root that is being set up, and of the kernel's file systems.

/// Makes the directories above a path.
func makeParent(of path: String, _ step: Step) throws(Failure) {
    let bytes = [UInt8](path.utf8)
    guard let slash = bytes.lastIndex(of: UInt8(ascii: "/")), slash > 0 else { return }
    try makeDirectories(String(decoding: bytes[..<slash], as: UTF8.self), step)
}

/// Makes a directory and those above it.
func makeDirectories(_ path: String, _ step: Step) throws(Failure) {
    let result = Kernel.makeDirectory(path)
    if result == 0 || result == -ErrorNumber.exists { return }
    if result == -ErrorNumber.noEntry {
        try makeParent(of: path, step)
        let second = Kernel.makeDirectory(path)
        if second == 0 || second == -ErrorNumber.exists { return }
    }
    try check(result, step, "make \(path)")
}
