import Bench

/// An initial RAM disk with busybox and a script of the test's as /init.
public enum BusyboxGuest {
    /// The line that every script prints first.
    public static let greeting = BusyboxRoot.greeting

    /// Prints the greeting, mounts /proc and /sys, runs the lines, and powers off.
    public static func initialRAMDisk(_ lines: String) throws -> [UInt8] {
        try BusyboxRoot.initialRAMDisk(
            thenRunning: """
                /bin/busybox --install -s /bin
                export PATH=/bin
                mount -t proc proc /proc
                mount -t sysfs sysfs /sys
                \(lines)
                """)
    }
}
