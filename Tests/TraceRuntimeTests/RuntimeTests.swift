import Testing

@testable import TraceRuntime

/// The run-time library, natively. It has one memory, so one test runs at a time.
@Suite(.serialized)
struct RuntimeTests {
    init() { resetForTests() }

    private func string(_ text: String) -> Value {
        let address = Text.make(length: UInt32(text.utf16.count), isWide: text.utf16.contains { $0 > 255 })
        for (place, unit) in text.utf16.enumerated() { Text.setUnit(address, UInt32(place), unit) }
        return Value(Tag.string, at: address)
    }

    private func text(_ value: Value) -> String {
        let address = Text.flatten(value.address)
        return String(decoding: (0..<Text.length(address)).map { Text.unit(address, $0) }, as: UTF16.self)
    }

    private func text(_ number: Double) -> String { text(Value(Tag.string, at: NumberText.make(number))) }

    @Test(arguments: [
        (0.0, "0"), (-0.0, "0"), (1, "1"), (-15, "-15"), (0.1, "0.1"), (1.5, "1.5"), (1e21, "1e+21"),
        (1e20, "100000000000000000000"),
        (1e-6, "0.000001"), (1e-7, "1e-7"), (1.25e-9, "1.25e-9"), (123456789.125, "123456789.125"),
        (.leastNonzeroMagnitude, "5e-324"),
        (1.7976931348623157e308, "1.7976931348623157e+308"), (9_007_199_254_740_992, "9007199254740992"), (.nan, "NaN"),
        (-.infinity, "-Infinity"), (4_294_967_295, "4294967295"), (1.2345e25, "1.2345e+25"),
    ])
    func numbersHaveTheLanguagesText(number: Double, expected: String) { #expect(text(number) == expected) }

    @Test func textOfNumbersReadsBack() {
        var state: UInt64 = 88_172_645_463_325_252
        for round in 0..<3000 {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            let number = Double(bitPattern: state)
            guard number.isFinite else { continue }
            #expect(NumberText.parse(NumberText.make(number)) == number)
            if round % 300 == 0 { resetForTests() }
        }
    }

    @Test(arguments: [
        ("", 0.0), ("  12 ", 12), ("0x1F", 31), ("0b101", 5), ("1e3", 1000), (".5", 0.5), ("5.", 5), ("-0", -0.0),
        ("Infinity", .infinity),
        ("2.2250738585072011e-308", Double(bitPattern: 0x000f_ffff_ffff_ffff)), ("4.9e-324", .leastNonzeroMagnitude),
        ("2e-324", 0), ("1e400", .infinity),
        ("0.1000000000000000055511151231257827", 0.1), ("9007199254740993", 9_007_199_254_740_992),
        ("1.7976931348623159e308", .infinity),
    ])
    func textBecomesTheNearestNumber(source: String, expected: Double) {
        let number = NumberText.parse(string(source).address)
        #expect(number == expected && number.sign == expected.sign)
    }

    @Test(arguments: ["1a", "0x", "--1", "1e", ".", "e5", "0xg", "1 2", "-0x1", "infinity", "1_0"])
    func whatIsNoNumberIsNaN(source: String) { #expect(NumberText.parse(string(source).address).isNaN) }

    @Test(arguments: [
        (1.005, 2, "1.00"), (0.5, 0, "1"), (2.5, 0, "3"), (-1.5, 0, "-2"), (1e20, 2, "100000000000000000000.00"),
        (0.000001, 7, "0.0000010"),
        (-0.0000001, 2, "-0.00"), (-0.0, 2, "0.00"), (123.456, 1, "123.5"),
    ])
    func fixedDigitsAreTheExactValueRounded(number: Double, digits: Int, expected: String) {
        #expect(text(Value(Tag.string, at: NumberText.fixed(number, digits))) == expected)
    }

    @Test func remaindersAreExact() {
        for (dividend, divisor) in [
            (5.5, 2.0), (-7, 3), (1e308, 3), (.leastNonzeroMagnitude, Double(bitPattern: 2)), (1e21, 7), (0.3, 0.1),
            (-4, 2),
        ] {
            let expected = dividend.truncatingRemainder(dividingBy: divisor)
            let found = remainder(dividend, divisor)
            #expect(found == expected && found.sign == expected.sign, "\(dividend) % \(divisor)")
        }
    }

    @Test func wholeNumbersOf32BitsWrap() {
        #expect(toInt32(4_294_967_296) == 0)
        #expect(toInt32(2_147_483_648) == -2_147_483_648)
        #expect(toInt32(-4_294_967_297.9) == -1)
        #expect(toInt32(1e21) == -559_939_584)
        #expect(toInt32(.nan) == 0)
    }

    @Test func keysLikeIndicesComeFirst() {
        let object = Objects.make(capacity: 0)
        for key in ["b", "10", "a", "2", "01", "4294967295", "0"] {
            Objects.set(object, Interning.intern(string(key).address), Value(number: 1))
        }
        let names = (0..<Objects.count(object)).map { text(Value(Tag.string, at: Objects.key(object, $0))) }
        #expect(names == ["0", "2", "10", "b", "a", "01", "4294967295"])
    }

    @Test func manyPropertiesAreFoundByTheirIndex() {
        let object = Objects.make(capacity: 0)
        let keys = (0..<200).map { Interning.intern(string("key\($0)").address) }
        for (place, key) in keys.enumerated() { Objects.set(object, key, Value(number: Double(place))) }
        for key in keys where key % 3 == 0 { Objects.remove(object, key) }
        for (place, key) in keys.enumerated() {
            let expected: Value = key % 3 == 0 ? .undefined : Value(number: Double(place))
            #expect(Objects.get(object, key) == expected)
        }
    }

    @Test func jsonIsReadAndMade() {
        let source = #"{"b":[1,-0.5,"x\u00e9\ud83d\ude00",null,true],"1":{},"a":""}"#
        let value = JSONReader.read(string(source).address)
        #expect(text(JSONText.make(value, .undefined, .undefined)) == #"{"1":{},"b":[1,-0.5,"xé😀",null,true],"a":""}"#)
    }

    @Test func joinedTextIsReadInItsOrder() {
        var joined = string("").address
        var expected = ""
        for number in 0..<200 {
            let part = number % 7 == 0 ? "€\(number)" : "abc\(number)"
            joined = number % 2 == 0 ? Text.join(joined, string(part).address) : Text.join(string(part).address, joined)
            expected = number % 2 == 0 ? expected + part : part + expected
        }
        #expect(text(Value(Tag.string, at: joined)) == expected)
    }
}
