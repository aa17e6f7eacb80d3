import LinuxSystem

/// kernel.randomize_va_space (Documentation/admin-guide/sysctl/kernel.rst). A container finds the host's setting in its
/// VM too, as it would if it shared the host's kernel: where randomization was turned off, for a debugger or to compare
/// measurements, turned it off for containers.
enum AddressRandomization {
    private static let path = "/proc/sys/kernel/randomize_va_space"

    /// The argument for the guest kernel; empty where its own default, full randomization, is right, or the host's
    /// setting is unknown.
    static func kernelArgument(hostSetting: [UInt8]? = try? FileSystem.contents(of: path, atMost: 8)) -> String {
        let setting = hostSetting.map { String(decoding: $0.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self) }
        guard let setting, ["0", "1"].contains(setting) else { return "" }
        return "sysctl.kernel.randomize_va_space=\(setting)"
    }
}
