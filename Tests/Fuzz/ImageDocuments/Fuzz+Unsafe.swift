@testable import OCI

/// Entry of libFuzzer: the input is a JSON document of an image or of a container. Every reader must take it or refuse
/// it, and what the store's own short reader takes, the general one must take too.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    // SAFETY: libFuzzer passes `count` readable bytes, which are copied here.
    let input = unsafe [UInt8](UnsafeBufferPointer(start: start, count: count))
    _ = try? JSON.decode(ImageIndex.self, from: input, what: "index")
    _ = try? JSON.decode(ImageManifest.self, from: input, what: "manifest")
    _ = try? JSON.decode([DockerArchiveImage].self, from: input, what: "manifest.json")
    if let image = try? JSON.decode(ImageConfiguration.self, from: input, what: "configuration") { run(image) }
    if let spec = try? RuntimeSpec(json: input) {
        let again = try? RuntimeSpec(json: spec.json())
        precondition(again == spec, "a spec changed on its second way")
    }
    if let image = StoredImage(description: input) {
        let bytes = try? JSON.encode(image, what: "image")
        precondition(bytes.flatMap { StoredImage(description: $0) } == image, "a description changed on its second way")
    }
    let text = String(decoding: input, as: UTF8.self)
    _ = try? Accounts(passwd: text, group: text).identity(of: text)
    _ = try? ImageReference(text)
    return 0
}

private func run(_ image: ImageConfiguration) {
    _ = try? RuntimeSpec.default(for: image.config ?? ImageConfig(), accounts: Accounts(), environment: ["A=B"])
}
