import Glibc
import Hypervisor

/// Whether virtual machines can run here, found once per process.
public enum WorkingKVM {
    /// Why they cannot, in one line; nil where they can.
    public static let failure: String? = {
        do {
            try KVMProbe.run()
            return nil
        } catch { return "\(error)" }
    }()

    /// Whether a test that needs a virtual machine shall run. Where none can run, such a test is skipped, but with
    /// `CZONE_REQUIRE_VM=1` in the environment it fails.
    public static func isThere() throws -> Bool {
        guard let failure else { return true }
        // SAFETY: the string is copied at once, and no test changes the environment.
        if unsafe getenv("CZONE_REQUIRE_VM").map({ unsafe String(cString: $0) }) == "1" {
            throw Missing(description: failure)
        }
        return false
    }

    public struct Missing: Error, CustomStringConvertible { public let description: String }
}
