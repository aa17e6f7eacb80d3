// SAFETY: in WebAssembly every address is checked by the machine that runs it: one outside the memory ends the event. Natively,
// where only tests run this, `at` checks it.

/// A place in linear memory.
typealias Address = UInt32

/// Size of linear memory: all that an event may have.
let memorySize: UInt32 = 16 << 20

#if hasFeature(Embedded)
@inline(__always) private func at(_ address: Address, _ size: Int) -> UnsafeMutableRawPointer {
    unsafe UnsafeMutableRawPointer(bitPattern: UInt(address)).unsafelyUnwrapped
}
#else
nonisolated(unsafe) private let arena = UnsafeMutableRawPointer.allocate(byteCount: Int(memorySize), alignment: 4096)

private func at(_ address: Address, _ size: Int) -> UnsafeMutableRawPointer {
    precondition(address > 0 && Int(address) + size <= Int(memorySize), "address \(address) outside of memory")
    return unsafe arena + Int(address)
}
#endif

@inline(__always) func load8(_ address: Address) -> UInt8 { unsafe at(address, 1).loadUnaligned(as: UInt8.self) }
@inline(__always) func load16(_ address: Address) -> UInt16 { unsafe at(address, 2).loadUnaligned(as: UInt16.self) }
@inline(__always) func load32(_ address: Address) -> UInt32 { unsafe at(address, 4).loadUnaligned(as: UInt32.self) }
@inline(__always) func load64(_ address: Address) -> UInt64 { unsafe at(address, 8).loadUnaligned(as: UInt64.self) }
@inline(__always) func store8(_ address: Address, _ value: UInt8) {
    unsafe at(address, 1).storeBytes(of: value, as: UInt8.self)
}
@inline(__always) func store16(_ address: Address, _ value: UInt16) {
    unsafe at(address, 2).storeBytes(of: value, as: UInt16.self)
}
@inline(__always) func store32(_ address: Address, _ value: UInt32) {
    unsafe at(address, 4).storeBytes(of: value, as: UInt32.self)
}
@inline(__always) func store64(_ address: Address, _ value: UInt64) {
    unsafe at(address, 8).storeBytes(of: value, as: UInt64.self)
}

/// Copies bytes, which may overlap.
@inline(__always) func copyMemory(to: Address, from: Address, count: UInt32) {
    guard count > 0 else { return }
    unsafe at(to, Int(count)).copyMemory(from: at(from, Int(count)), byteCount: Int(count))
}

@inline(__always) func clearMemory(_ address: Address, count: UInt32) {
    guard count > 0 else { return }
    unsafe at(address, Int(count)).initializeMemory(as: UInt8.self, repeating: 0, count: Int(count))
}

/// The runtime's own variables. They lie in linear memory too, so that a snapshot has them.
struct RuntimeState {
    var heapTop: Address = 0
    /// What lies below was there before the event: a write there would outlive it. 0 while the top level runs.
    var mark: Address = 0
    /// Table of interned strings: addresses, 0 for a free place.
    var internTable: Address = 0
    var internCapacity: UInt32 = 0
    var internCount: UInt32 = 0
    /// The function that answers events.
    var handler: Value = Value.undefined
    /// Microtasks: a list of cells.
    var firstTask: Address = 0
    var lastTask: Address = 0
    /// Bodies of responses that are waited for, likewise.
    var firstReading: Address = 0
    var lastReading: Address = 0
    /// External calls that have begun: their promises, by number.
    var calls: Address = 0
    var callCount: UInt32 = 0
    /// Strings of one Latin-1 character each.
    var characters: Address = 0
}

nonisolated(unsafe) private var stored = RuntimeState()

var state: RuntimeState {
    get { unsafe stored }
    _modify { yield unsafe &stored }
}

/// Every compiled function: its closure, `this`, and arguments in memory.
typealias CompiledFunction = @convention(c) (Address, Value, UInt32, Address) -> Value
/// A continuation of an async function: its frame, and what it waited for.
typealias Continuation = @convention(c) (Address, Value) -> Value

#if hasFeature(Embedded)
/// A function's address is its index in the table.
@inline(__always) func callTable(_ index: UInt32, _ closure: Address, _ this: Value, _ count: UInt32, _ list: Address)
    -> Value
{
    unsafe unsafeBitCast(UInt(index), to: CompiledFunction.self)(closure, this, count, list)
}

@inline(__always) func callContinuation(_ index: UInt32, _ frame: Address, _ value: Value) {
    _ = unsafe unsafeBitCast(UInt(index), to: Continuation.self)(frame, value)
}

@_extern(wasm, module: "czone", name: "abort") @_extern(c) private func hostAbort(_ reason: Int32)
@_extern(wasm, module: "czone", name: "fetch") @_extern(c)
func hostFetch(_ call: UInt32, _ request: Address, _ length: UInt32)
@_extern(wasm, module: "czone", name: "now") @_extern(c) func hostNow() -> Double
@_extern(wasm, module: "czone", name: "random") @_extern(c) func hostRandom() -> Double
@_extern(wasm, module: "czone", name: "answer") @_extern(c) func hostAnswer(_ text: Address, _ length: UInt32)
@_extern(wasm, module: "czone", name: "log") @_extern(c) func hostLog(
    _ stream: UInt32, _ text: Address, _ length: UInt32)

/// Gives the event up. The host ends it there and then.
func abort(_ reason: AbortReason) -> Never {
    hostAbort(reason.rawValue)
    unreachable()
}

private func unreachable() -> Never {
    while true {}
}
#else
func callTable(_ index: UInt32, _ closure: Address, _ this: Value, _ count: UInt32, _ list: Address) -> Value {
    .undefined
}
func callContinuation(_ index: UInt32, _ frame: Address, _ value: Value) {}
func hostFetch(_ call: UInt32, _ request: Address, _ length: UInt32) {}
func hostNow() -> Double { 0 }
func hostRandom() -> Double { 0 }
func hostAnswer(_ text: Address, _ length: UInt32) {}
func hostLog(_ stream: UInt32, _ text: Address, _ length: UInt32) {}
func abort(_ reason: AbortReason) -> Never { preconditionFailure("abort: \(reason)") }
#endif

/// Calls `body` with each byte of a literal.
@inline(__always) func forEachByte(of text: StaticString, _ body: (UInt8) -> Void) {
    for place in 0..<text.utf8CodeUnitCount { body(unsafe text.utf8Start[place]) }
}

/// A block of the heap, aligned to 8. Its contents are zero: the heap is never used twice.
@inline(__always) func allocate(_ size: UInt32) -> Address {
    let address = state.heapTop
    let (end, isTooLarge) = address.addingReportingOverflow((size &+ 7) & ~7)
    if isTooLarge || end > memorySize || size > memorySize { abort(.memory) }
    state.heapTop = end
    return address
}

/// Memory for the event and for answers, which the host fills, and for compiled Swift's own objects.
@_cdecl("czone_allocate") public func exportedAllocate(_ size: UInt32) -> UInt32 { allocate(size) }

#if !hasFeature(Embedded)
/// Native tests begin with an empty heap.
package func resetForTests() {
    state = RuntimeState()
    unsafe arena.initializeMemory(as: UInt8.self, repeating: 0, count: 1 << 20)
    begin(64, 0, 0)
}
#endif
