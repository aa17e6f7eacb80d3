import Devices
import Memory
import TestSupport
import Virtio

@testable import Machine

/// Entry of libFuzzer: the input is a state file, or what follows its header, or what a device has saved of itself.
/// Whatever it is, it is refused with an error, or read as something that is written as the same bytes again; a device
/// that has refused is in reset, and one that has not works with what it got.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    // SAFETY: libFuzzer passes `count` readable bytes, which are copied here.
    let bytes = unsafe [UInt8](UnsafeBufferPointer(start: start, count: count))
    guard let kind = bytes.first else { return 0 }
    let rest = Array(bytes.dropFirst())
    switch kind % 4 {
    case 0: _ = try? MachineState(rest, identity: "x")
    case 1: readBody(rest)
    case 2: restore(BalloonDevice(backing: NoPages()), rest)
    default: restore(EntropyDevice(), rest)
    }
    return 0
}

private func readBody(_ body: [UInt8]) {
    // Any identity will do: the one that the body has.
    var reader = StateReader(body)
    let identity = try? reader.section("identity", newest: 1) { (reader, _) throws(StateError) in try reader.readText()
    }
    guard let state = try? MachineState(StateFile.bytes(of: body), identity: identity ?? "") else { return }
    let again = try? MachineState(state.bytes, identity: state.identity)
    precondition(again == state, "what was read is not what is written")
}

private func restore(_ device: any VirtioDevice, _ bytes: [UInt8]) {
    guard let memory = try? GuestMemory.zeroed(sizeInBytes: 1 << 20) else { return }
    let driver = TestDriver(device, memory: memory)
    var reader = StateReader(bytes)
    do {
        try driver.transport.restore(from: &reader)
        driver.transport.resume()
    } catch {
        precondition(!driver.transport.isRunning, "a refused device runs")
    }
}

private final class NoPages: FreePageBacking {
    func takeBack(_ range: GuestRange) -> UInt64 { 0 }
}
