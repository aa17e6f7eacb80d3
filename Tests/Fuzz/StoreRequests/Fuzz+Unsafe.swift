import Fabric
import FabricPolicies
import NIOHTTP1

/// Entry of libFuzzer: the first line is a request's target, further ones are headers. It is refused, or within the policy's
/// buckets in a form that nobody reads in another way: read again it is the same.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    // SAFETY: libFuzzer passes `count` readable bytes, which are copied here.
    let input = unsafe [UInt8](UnsafeBufferPointer(start: start, count: count))
    var lines = String(decoding: input, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
    let target = String(lines.removeFirst())
    var headers = HTTPHeaders()
    for line in lines {
        let parts = line.split(separator: ":", maxSplits: 1)
        if parts.count == 2 { headers.add(name: String(parts[0]), value: String(parts[1])) }
    }
    do throws(StoreFault) {
        let head = HTTPRequestHead(version: .http1_1, method: .PUT, uri: target, headers: headers)
        _ = try StoreRequest(head, for: policy)
        let read = try StoreTarget(target)
        precondition(read.bucket.map { $0 == "photos" || $0.hasPrefix("logs-") } == true)
        precondition(!"\(read.path)/".contains("/../") && !"\(read.path)/".contains("/./"))
        precondition((read.path + read.query).utf8.allSatisfy { (0x21...0x7E).contains($0) })
        let again = try StoreTarget(read.query.isEmpty ? read.path : "\(read.path)?\(read.query)")
        precondition(again.path == read.path && again.query == read.query && again.bucket == read.bucket)
    } catch {
        precondition((400..<600).contains(Int(error.status)))
    }
    return 0
}

private let policy: FabricPolicy = {
    var policy = FabricPolicy(name: "p")
    var service = FabricPolicy.Service()
    service.regions = ["eu-west-1"]
    service.buckets = ["photos", "logs-*"]
    policy.services = [service]
    return policy
}()
