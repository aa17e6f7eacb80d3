import LinuxSystem
public import OCI
public import SystemPackage

/// Where this host's registry and store are.
public enum HostDirectories {
    /// The registry: what is asked for, else CZONE_ROOT, else /run/czone.
    public static func root(_ choice: String? = nil) -> String { choice ?? value("CZONE_ROOT", "/run/czone") }

    /// Images and templates: what is asked for, else CZONE_STORE, else /var/lib/czone.
    public static func store(_ choice: String? = nil) -> String { choice ?? value("CZONE_STORE", "/var/lib/czone") }

    /// The images of a store.
    public static func images(of store: FilePath) throws(OCIError) -> ImageStore {
        try ImageStore(root: store.appending("images"))
    }

    private static func value(_ variable: String, _ usual: String) -> String {
        CurrentProcess.environment(variable) ?? usual
    }
}
