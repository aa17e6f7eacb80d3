import Bench
import LinuxSystem
import TestSupport
import Testing

extension ContainerHost {
    /// An initramfs whose init lets the agent live until a container runs, and does something to it then, or to the
    /// kernel: to an agent that is PID 1 nothing could be done, and no container can panic the kernel.
    ///
    /// - Parameter deed: a script's lines; `$agent` is the agent's process.
    /// - Returns: the file's path, for CZONE_INITRAMFS.
    func makeInitramfs(doing deed: String) throws -> String {
        var archive = CpioArchive()
        for directory in ["bin", "dev", "proc", "root"] { archive.directory(directory) }
        archive.characterDevice("dev/console", major: 5, minor: 1)
        archive.characterDevice("dev/null", major: 1, minor: 3)
        for program in ["busybox", "czone-agent"] {
            let path = try #require(findProgram(program))
            archive.file(
                "bin/\(program)", executable: true, try #require(try FileSystem.contents(of: path, atMost: 16 << 20)))
        }
        let script = """
            #!/bin/busybox sh
            PATH=/bin
            busybox mount -t proc proc /proc
            czone-agent &
            agent=$!
            until busybox grep -q . /proc/$agent/root/sys/fs/cgroup/containers/*/cgroup.procs 2>/dev/null; do
              busybox sleep 0.2
            done
            busybox sleep 1
            \(deed)
            busybox sleep 1000
            """
        archive.file("init", executable: true, Array((script + "\n").utf8))
        let path = directory + "/changed.cpio"
        try FileSystem.replace(path, with: archive.finished())
        return path
    }
}
