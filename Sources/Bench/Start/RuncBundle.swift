/// A bundle for runc that does what `czone run` does: the same namespaces, mounts and program.
public enum RuncBundle {
    /// The bundle's config.json (OCI runtime specification 1.0); its root is the directory `rootfs`.
    public static var configuration: String { configuration(root: "rootfs", arguments: ["true"]) }

    /// The same with another root directory, an absolute path or one below the bundle, and another program.
    public static func configuration(root: String, arguments: [String]) -> String {
        let words = arguments.map(text).joined(separator: ",")
        return """
            {"ociVersion":"1.0.2","process":{"user":{"uid":0,"gid":0},"args":[\(words)],"cwd":"/",
            "env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],"noNewPrivileges":true},
            "root":{"path":\(text(root)),"readonly":false},"hostname":"bench","mounts":[
            {"destination":"/proc","type":"proc","source":"proc"},
            {"destination":"/dev","type":"tmpfs","source":"tmpfs","options":["nosuid","strictatime","mode=755","size=65536k"]},
            {"destination":"/dev/pts","type":"devpts","source":"devpts","options":["nosuid","noexec","newinstance","ptmxmode=0666","mode=0620"]},
            {"destination":"/dev/shm","type":"tmpfs","source":"shm","options":["nosuid","noexec","nodev","mode=1777","size=65536k"]},
            {"destination":"/dev/mqueue","type":"mqueue","source":"mqueue","options":["nosuid","noexec","nodev"]},
            {"destination":"/sys","type":"sysfs","source":"sysfs","options":["nosuid","noexec","nodev","ro"]}],
            "linux":{"namespaces":[{"type":"pid"},{"type":"network"},{"type":"ipc"},{"type":"uts"},{"type":"mount"}]}}
            """
    }

    /// A JSON string (RFC 8259).
    private static func text(_ value: String) -> String {
        let escaped = value.unicodeScalars.map { scalar in
            switch scalar {
            case "\"", "\\": "\\\(scalar)"
            case "\n": "\\n"
            default: String(scalar)
            }
        }
        return "\"" + escaped.joined() + "\""
    }
}
