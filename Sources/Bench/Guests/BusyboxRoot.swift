import LinuxSystem

/// A guest, or a root directory, of busybox alone: what the benches run, the same for both sides.
public enum BusyboxRoot {
    /// What the initial RAM disk's /init prints first.
    public static let greeting = "czone: /init runs"

    private static func busybox() throws -> [UInt8] {
        guard let path = findProgram("busybox"), let bytes = try FileSystem.contents(of: path, atMost: 16 << 20) else {
            throw Stopwatch.Failed(description: "busybox is not installed: apt-get install busybox-static")
        }
        return bytes
    }

    /// An archive whose /init prints the greeting and runs the lines, then powers off.
    ///
    /// `programs`: further ones of /bin.
    public static func initialRAMDisk(
        thenRunning lines: String = "", programs: [String: [UInt8]] = [:]
    ) throws -> [UInt8] {
        var archive = CpioArchive()
        for directory in ["bin", "dev", "proc", "sys"] { archive.directory(directory) }
        archive.characterDevice("dev/console", major: 5, minor: 1)
        archive.file("bin/busybox", executable: true, try busybox())
        archive.link("bin/sh", to: "busybox")
        for (name, contents) in programs { archive.file("bin/\(name)", executable: true, contents) }
        let script = "#!/bin/sh\n/bin/busybox echo '\(greeting)'\n\(lines)\n/bin/busybox poweroff -f\n"
        archive.file("init", executable: true, Array(script.utf8))
        return archive.finished()
    }

    /// Makes a root directory with /bin/busybox, /bin/sh and /bin/true.
    public static func makeDirectory(_ path: String) throws {
        for directory in ["", "/bin", "/dev", "/proc", "/sys", "/tmp", "/etc"] {
            try FileSystem.makeDirectory(path + directory, mode: 0o755)
        }
        try FileSystem.replace(path + "/bin/busybox", with: try busybox(), mode: 0o755)
        for name in ["sh", "true", "sleep"] {
            try FileSystem.makeLink("\(path)/bin/\(name)", to: "busybox")
        }
    }
}
