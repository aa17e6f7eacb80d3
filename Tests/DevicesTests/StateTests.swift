import Devices
import Testing

@Suite struct StateTests {
    private var sample: [UInt8] {
        var writer = StateWriter()
        writer.section("queue", version: 2) { writer in
            writer.write(UInt16(0x0102))
            writer.write(true)
            writer.write([7, 8, 9])
            writer.write(UInt64.max - 1)
        }
        return writer.bytes
    }

    private func read(_ bytes: [UInt8], name: String = "queue", newest: UInt16 = 2) throws(StateError) -> (
        UInt16, Bool, [UInt8], UInt64
    ) {
        var reader = StateReader(bytes)
        return try reader.section(name, newest: newest) { (reader, _) throws(StateError) in
            (try reader.read(), try reader.readBool(), try reader.readBytes(), try reader.read())
        }
    }

    @Test func stateComesBackAsWritten() throws {
        let (number, truth, bytes, large) = try read(sample)
        #expect(number == 0x0102)
        #expect(truth)
        #expect(bytes == [7, 8, 9])
        #expect(large == UInt64.max - 1)
    }

    @Test func theFormatIsFixed() {
        #expect(
            sample == [
                5, 0, 0, 0, 0x71, 0x75, 0x65, 0x75, 0x65,  // the name "queue"
                2, 0,  // version
                18, 0, 0, 0,  // the section's length
                2, 1,  // a 16-bit integer
                1,  // true
                3, 0, 0, 0, 7, 8, 9,  // counted bytes
                0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
            ])
    }

    @Test func everyTruncationIsRefused() {
        for count in sample.indices {
            #expect(throws: StateError.self, "\(count) bytes") { try read([UInt8](sample.prefix(count))) }
        }
    }

    @Test func anotherSectionIsRefused() {
        #expect(throws: StateError.wrongSection(found: "queue", expected: "cpu")) { try read(sample, name: "cpu") }
    }

    @Test func aNewerVersionIsRefused() {
        #expect(throws: StateError.unknownVersion(section: "queue", found: 2, newest: 1)) {
            try read(sample, newest: 1)
        }
    }

    @Test func trailingBytesAreRefused() {
        var writer = StateWriter()
        writer.section("queue", version: 1) {
            $0.write(UInt8(1)); $0.write(UInt8(2))
        }
        var reader = StateReader(writer.bytes)
        #expect(throws: StateError.trailingBytes(section: "queue", count: 1)) {
            try reader.section("queue", newest: 1) { (reader, _) throws(StateError) in try reader.read(UInt8.self) }
        }
    }

    @Test func aCountBeyondTheEndIsRefused() {
        var reader = StateReader([0xff, 0xff, 0xff, 0xff, 1])
        #expect(throws: StateError.truncated(wanted: 0xffff_ffff, remaining: 1)) { try reader.readBytes() }
    }

    @Test func aTruthValueIsOneOfTwo() {
        var reader = StateReader([2])
        #expect(throws: StateError.invalid("a truth value of 2")) { try reader.readBool() }
    }
}
