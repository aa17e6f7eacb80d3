import LinuxSystem
import Testing

@Suite struct LittleEndianTests {
    @Test func theLeastSignificantByteComesFirst() {
        #expect(UInt32(0x0102_0304).littleEndianBytes == [4, 3, 2, 1])
        #expect(Int32(-2).littleEndianBytes == [0xfe, 0xff, 0xff, 0xff])
        #expect(UInt8(7).littleEndianBytes == [7])
    }

    @Test func valuesAreAppendedAndReplaced() {
        var bytes: [UInt8] = [9]
        bytes.append(littleEndian: UInt64(0x0807_0605_0403_0201))
        #expect(bytes == [9, 1, 2, 3, 4, 5, 6, 7, 8])
        bytes.replace(at: 1, littleEndian: UInt16(0xaabb))
        #expect(bytes == [9, 0xbb, 0xaa, 3, 4, 5, 6, 7, 8])
    }
}
