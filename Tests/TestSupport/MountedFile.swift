import Glibc
import LinuxSystem

/// A file system in a file, mounted for as long as this lives.
public final class MountedFile: Sendable {
    public let path: String
    private let directory: TemporaryDirectory

    /// Whether one could be mounted that one of these programs makes.
    public static func canBe(of programs: [String]) -> Bool {
        getuid() == 0 && programs.contains { findProgram($0) != nil }
            && (try? FileSystem.status("/dev/loop-control")) != nil
    }

    /// Nil where the program is missing, or the file system cannot be mounted here.
    ///
    /// - Parameters:
    ///   - type: as mount(8) takes it.
    ///   - make: the program that makes it, and its options; it gets the file.
    ///   - size: the file's, in bytes.
    public init?(_ type: String, make: [String], sizeInBytes size: UInt64 = 400 << 20) {
        guard findProgram(make[0]) != nil, let directory = try? TemporaryDirectory() else { return nil }
        self.directory = directory
        path = "\(directory.path)/mounted"
        do {
            let file = try OwnedDescriptor(opening: "\(directory.path)/file", flags: O_RDWR | O_CREAT)
            try file.setSize(size)
            try FileSystem.makeDirectory(path)
            for (program, arguments) in [
                (make[0], make.dropFirst() + ["\(directory.path)/file"]),
                ("mount", ["-t", type, "-o", "loop", "\(directory.path)/file", path]),
            ] where try run(program, Array(arguments)).status != 0 { return nil }
        } catch { return nil }
    }

    deinit { _ = try? run("umount", ["-l", path]) }
}
