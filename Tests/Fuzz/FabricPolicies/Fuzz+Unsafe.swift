import Definitions
import FabricPolicies

/// Entry of libFuzzer: the input is a policy's file, and an address. A policy is within its bounds, or refused with the
/// file's name.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    // SAFETY: libFuzzer passes `count` readable bytes, which are copied here.
    let input = unsafe [UInt8](UnsafeBufferPointer(start: start, count: count))
    let text = String(decoding: input, as: UTF8.self)
    if let address = IPAddress(text) {
        precondition(address.bytes.count == 16 && IPAddress(address.description) == address)
    }
    if let range = AddressRange(text) { _ = IPAddress("10.0.0.1").map { range.contains($0) } }
    do throws(DefinitionError) {
        let policy = try FabricPolicy(yaml: text, name: "p", file: "p.yaml")
        precondition(!policy.tenants.isEmpty && !policy.services.isEmpty && (1...64).contains(policy.maxConnections))
        precondition(policy.services.allSatisfy { !$0.buckets.isEmpty && !$0.regions.isEmpty })
        precondition(policy.environment.allSatisfy { $0.contains("=") && !$0.utf8.contains(0) })
    } catch {
        precondition(error.description.hasPrefix("p.yaml"))
    }
    return 0
}
