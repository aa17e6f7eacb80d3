import Testing

@testable import LinuxSystem

struct BoundedCallTests {
    @Test func whatReturnsInTimeIsReturned() throws {
        #expect(try BoundedCall.value(withinMilliseconds: 10_000) { 7 } == 7)
    }

    @Test func whatHangsIsGivenUp() throws {
        let (reading, writing) = try OwnedDescriptor.pipe()
        let value = try BoundedCall.value(withinMilliseconds: 10) { try? reading.read(atMost: 1) }
        #expect(value == nil)
        // Its thread ends.
        try writing.write(all: [0])
    }
}
