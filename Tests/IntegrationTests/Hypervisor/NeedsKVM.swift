import TestSupport
import Testing

extension Trait where Self == ConditionTrait {
    /// Skips the tests, or with `CZONE_REQUIRE_VM=1` fails them, where no virtual machine can run.
    static var needsKVM: Self {
        .enabled(
            if: try WorkingKVM.isThere(), Comment(rawValue: WorkingKVM.failure ?? "a KVM that runs 64-bit kernels"))
    }
}
