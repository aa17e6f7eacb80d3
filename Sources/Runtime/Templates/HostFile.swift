import LinuxSystem

/// A file of this host, and a mark that is another one when the file is replaced or written: its contents are not read at
/// each start.
package struct HostFile: Hashable, Codable, Sendable {
    package let path: String
    package let mark: String

    /// Nil where there is no file.
    package init?(_ path: String) throws(RuntimeError) {
        guard let status = try system({ () throws(SystemError) in try FileSystem.status(path) }) else { return nil }
        self.path = path
        mark = "\(status.device).\(status.inode).\(status.sizeInBytes).\(status.modified)"
    }
}
