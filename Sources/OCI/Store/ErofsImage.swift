import Glibc
import LinuxSystem
import SystemPackage

/// Makes the file that virtual machines map: an EROFS image whose file contents all lie in blocks of their own.
///
/// `noinline_data` is required: what is packed behind an inode cannot be mapped, and the guest would silently put the
/// whole file into its page cache. The same directory gives the same bytes: the time and the UUID are fixed, and files keep
/// their own times, by which interpreters judge their compiled files.
enum ErofsImage {
    /// The size of a large page: a device of another size could not be mapped with them.
    static let granularity: UInt64 = 2 << 20

    /// The time of the image itself, in seconds since 1970 (the year 2100). mkfs.erofs takes it as the latest time that a
    /// file may have; with its own option for the time (-T), every file would get that.
    private static let latestTime: Int64 = 4_102_444_800

    /// It has stalled when it has written nothing for so long, in milliseconds.
    private static let longestPause: CInt = 600_000

    /// Writes the image of a directory to `file` and returns its size in bytes.
    static func make(
        of directory: String, at file: FilePath, for digest: Digest, in work: WorkDirectory, expectedInBytes: UInt64,
        progress: ImportProgress.Observer
    ) throws(OCIError) -> UInt64 {
        progress(ImportProgress(.building, bytesTotal: expectedInBytes))
        let command = Command(
            program: "mkfs.erofs",
            arguments: ["--quiet", "-d0", "-E", "noinline_data", "-U", uuid(of: digest)]
                // A file system without extended attributes has none to copy, but mkfs.erofs fails where it asks.
                + (FileSystem.hasExtendedAttributes(directory) ? [] : ["-x-1"]) + [file.string, directory],
            environment: ["SOURCE_DATE_EPOCH=\(latestTime)"])
        var written: UInt64 = 0
        var stalled = Deadline(inMilliseconds: longestPause)
        let outcome = try run(command, work) {
            let size = (try? Directory.status(ofPath: file.string)?.sizeInBytes) ?? 0
            if size != written { stalled = Deadline(inMilliseconds: longestPause) }
            written = size
            progress(ImportProgress(.building, bytesDone: min(size, expectedInBytes), bytesTotal: expectedInBytes))
            return !stalled.hasPassed
        }
        guard !stalled.hasPassed || outcome.succeeded else {
            throw .erofs("mkfs.erofs was killed: it had written nothing for \(longestPause / 1000) s")
        }
        guard outcome.succeeded else {
            let reason = outcome.message.split(separator: "\n").last.map { quoted(String($0)) } ?? "it said nothing"
            throw .erofs("mkfs.erofs ended with status \(outcome.status): \(reason)")
        }
        return try finish(file, progress)
    }

    private static func run(_ command: Command, _ work: WorkDirectory, while mayGoOn: () -> Bool) throws(OCIError)
        -> Command.Outcome
    {
        do {
            return try command.run(inheriting: work.lock, while: mayGoOn)
        } catch {
            guard case .system(let failure) = error, failure.errno == .noSuchFileOrDirectory else { throw error }
            throw .erofs("mkfs.erofs is not installed: install the package erofs-utils")
        }
    }

    private static func finish(_ path: FilePath, _ progress: ImportProgress.Observer) throws(OCIError) -> UInt64 {
        let file = try system { () throws(SystemError) in try OwnedDescriptor(opening: path.string, flags: O_RDWR) }
        let written = try Directory.status(of: file).sizeInBytes
        let size = (written + granularity - 1) / granularity * granularity
        try system { () throws(SystemError) in try file.setSize(size) }
        guard fchmod(file.rawValue, 0o400) == 0 else {
            throw .system(SystemError("set the mode of \(path.string)", Errno(rawValue: errno)))
        }
        try system { () throws(SystemError) in try file.writeOut() }
        progress(ImportProgress(.building, bytesDone: written, bytesTotal: written))
        return size
    }

    private static func uuid(of digest: Digest) -> String {
        let digits = Array(digest.hex.prefix(32))
        let groups = [digits[0..<8], digits[8..<12], digits[12..<16], digits[16..<20], digits[20..<32]]
        return groups.map { String($0) }.joined(separator: "-")
    }
}
