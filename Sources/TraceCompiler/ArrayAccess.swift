import Trace
import TraceRuntime
import WasmModule

/// Elements and lengths of arrays, without a call where that is what there is (`Arrays` of the run-time library: 0 length,
/// 8 elements).
enum ArrayAccess {
    /// Pushes an element; anything but one that is there is the run-time library's.
    static func pushElement(of owner: Expression, _ key: Expression, _ site: Site, _ emitter: inout FunctionEmitter) {
        let array = emitter.keep(owner)
        emitter.pushNumber(key)
        let number = emitter.code.addLocal(.f64)
        let place = emitter.code.addLocal(.i32)
        let value = emitter.code.addLocal(.i64)
        emitter.code.teeLocal(number)
        emitter.code.truncateToI32()
        emitter.code.setLocal(place)
        let done = emitter.code.block(.i64)
        let other = emitter.code.block()
        leaveUnlessArray(array, to: other, &emitter)
        emitter.code.getLocal(place)
        emitter.code.add(.f64ConvertI32Unsigned)
        emitter.code.getLocal(number)
        emitter.code.add(.f64NotEqual)
        emitter.code.branchIf(to: other)
        emitter.code.getLocal(place)
        pushField(0, of: array, &emitter)
        emitter.code.add(.i32GreaterEqualUnsigned)
        emitter.code.branchIf(to: other)
        pushField(8, of: array, &emitter)
        emitter.code.getLocal(place)
        emitter.code.i32(3)
        emitter.code.add(.i32ShiftLeft)
        emitter.code.add(.i32Add)
        emitter.code.loadI64(offset: 0)
        emitter.code.teeLocal(value)
        emitter.code.i64(Value.absent)
        emitter.code.add(.i64Equal)
        emitter.code.branchIf(to: other)
        emitter.code.getLocal(value)
        emitter.code.branch(to: done)
        emitter.code.end()
        emitter.mark(site)
        emitter.code.getLocal(array)
        emitter.code.getLocal(number)
        emitter.code.add(.i64ReinterpretF64)
        emitter.callRuntime("get_index")
        emitter.code.end()
    }

    static func pushLength(of owner: Expression, _ site: Site, _ emitter: inout FunctionEmitter) {
        let array = emitter.keep(owner)
        let done = emitter.code.block(.i64)
        let other = emitter.code.block()
        leaveUnlessArray(array, to: other, &emitter)
        pushField(0, of: array, &emitter)
        emitter.code.add(.f64ConvertI32Unsigned)
        emitter.code.add(.i64ReinterpretF64)
        emitter.code.branch(to: done)
        emitter.code.end()
        emitter.mark(site)
        emitter.code.getLocal(array)
        emitter.pushAddress(TraceText("length"))
        emitter.callRuntime("get")
        emitter.code.end()
    }

    private static func leaveUnlessArray(_ local: Int, to label: Int, _ emitter: inout FunctionEmitter) {
        emitter.code.getLocal(local)
        emitter.code.i64(48)
        emitter.code.add(.i64ShiftRight)
        emitter.code.i64(Tag.array)
        emitter.code.add(.i64NotEqual)
        emitter.code.branchIf(to: label)
    }

    private static func pushField(_ offset: Int, of array: Int, _ emitter: inout FunctionEmitter) {
        emitter.code.getLocal(array)
        emitter.code.add(.i32WrapI64)
        emitter.code.loadI32(offset: offset)
    }
}
