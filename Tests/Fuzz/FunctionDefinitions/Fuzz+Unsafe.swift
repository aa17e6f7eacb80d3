import Definitions
import Events

/// Entry of libFuzzer: the input is a file of the functions' directory. It is a definition whose every value is within its
/// bounds, or refused with the file's name.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    // SAFETY: libFuzzer passes `count` readable bytes, which are copied here.
    let input = unsafe [UInt8](UnsafeBufferPointer(start: start, count: count))
    do throws(DefinitionError) {
        let definition = try FunctionDefinition(yaml: String(decoding: input, as: UTF8.self), file: "f.yaml")
        precondition(FunctionDefinition.isName(definition.name) && !definition.image.isEmpty)
        precondition((1...1000).contains(definition.concurrency) && definition.scale.min <= definition.scale.max)
        precondition(definition.environment.allSatisfy { $0.contains("=") && !$0.utf8.contains(0) })
    } catch {
        precondition(error.description.hasPrefix("f.yaml"))
    }
    return 0
}
