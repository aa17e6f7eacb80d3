import ControlProtocol
import Testing

@testable import Runtime

@Test func zonesWithoutALimitGrowToHalfOfTheHostOrAsFarAsConfigured() throws {
    var configuration = Configuration()
    func size(_ memory: UInt64, bits: Int = 46) throws -> UInt64 {
        try ZoneSize.elastic(configuration, memory: memory, addressBits: bits)
    }
    #expect(try size(24 << 30) == 12 << 30)
    #expect(try size((3 << 30) + 5) == 1536 << 20)
    #expect(try size(100 << 20) == 128 << 20, "no less than it begins with")
    // 16 zones between 8 GiB and 512, and where the processor reaches less far, 256.
    #expect(try size(1 << 40) == 504 << 30 / 16 / (128 << 20) * (128 << 20))
    #expect(try size(1 << 40, bits: 39) == 248 << 30 / 16)
    configuration.zoneMaxInBytes = 1000 << 20
    #expect(try size(24 << 30) == 896 << 20)
    configuration.zoneMaxInBytes = 1 << 50
    #expect(try size(24 << 30) == 24 << 30)
}

@Test(
    arguments: [
        ("model name\t: x\naddress sizes\t: 46 bits physical, 48 bits virtual\n", 46), ("address sizes : 7 bits", nil),
        ("address sizes", nil), ("", nil), ("address sizes\t: 99999999999999999999 bits", nil),
    ] as [(String, Int?)])
func addressBitsAreTheProcessors(text: String, bits: Int?) {
    #expect(PhysicalAddresses.bits(parsing: Array(text.utf8)) == bits)
}

@Test func settingsAreRead() throws {
    var configuration = Configuration()
    try configuration.read(
        """
        ---
        # how many
        zones-per-vm: 32   # of them
        zone-size: "256M"
        kernel-arguments: 'quiet loglevel=3'

        idle-timeout: 0
        """, path: "c.yaml")
    #expect(configuration.zonesPerMachine == 32)
    #expect(configuration.zoneSizeInBytes == 256 << 20)
    #expect(configuration.kernelArguments == "quiet loglevel=3")
    #expect(configuration.idleTimeoutInSeconds == 0)
    #expect(configuration.baseMemoryInBytes == Configuration().baseMemoryInBytes)
}

@Test(arguments: [
    ("zones-per-vm: 65", "c.yaml:1: zones-per-vm is \"65\", expected a number from 1 to 64"),
    ("\nzone-size: big", "c.yaml:2: zone-size is \"big\", expected a size such as 128M"),
    ("zone-count: 3", "c.yaml:1: there is no setting \"zone-count\""),
    ("warm: 1", "c.yaml:1: the setting \"warm\" is now named \"prewarm\""),
    ("warm-timeout: 1", "c.yaml:1: the setting \"warm-timeout\" is now named \"prewarm-timeout\""),
    ("warm.hello: 1", "c.yaml:1: the setting \"warm.hello\" is now named \"prewarm.hello\""),
    ("warm-start: yes", "c.yaml:1: warm-start is \"yes\", expected on or off"),
    ("warm-start.hello: 1", "c.yaml:1: warm-start is \"1\", expected on or off"),
    ("warm-start-timeout: 0", "c.yaml:1: warm-start-timeout is \"0\", expected a number from 1 to 86400"),
    ("what", "c.yaml:1: \"what\" is no setting"),
])
func settingsThatMakeNoSenseAreNamed(text: String, message: String) {
    var configuration = Configuration()
    do {
        try configuration.read(text, path: "c.yaml")
        Issue.record("it was taken")
    } catch { #expect("\(error)".hasPrefix(message)) }
}

@Test func warmStartIsChosenByTheContainerThenTheFunctionThenTheHost() throws {
    var configuration = Configuration()
    #expect(try configuration.warmStart.warmStart(of: "hello") == nil)
    #expect(try configuration.warmStart.warmStart(of: "hello", choice: true) != nil)
    try configuration.read(
        "warm-start: on\nwarm-start.quiet: off\nwarm-start-timeout: 5\nwarm-start-memory: 64M", path: "c.yaml")
    let settings = configuration.warmStart
    let expected = WarmStart(varying: ["A", "B"], timeoutInSeconds: 5, memoryInBytes: 64 << 20)
    #expect(try settings.warmStart(of: "hello", varying: ["B", "A", "B"]) == expected)
    #expect(try settings.warmStart(of: "quiet") == nil)
    #expect(try settings.warmStart(of: "quiet", choice: true) != nil)
    #expect(try settings.warmStart(of: "hello", choice: false) == nil)
    for name in ["", "A=B", "A B", String(repeating: "A", count: 200)] {
        #expect(throws: RuntimeError.self) { try settings.warmStart(of: "hello", varying: [name]) }
    }
}

@Test func zonesAreRoundedUpToBlocks() throws {
    #expect(try ZoneSize.fitting(4 << 20) == 128 << 20)
    #expect(try ZoneSize.fitting(128 << 20) == 128 << 20)
    #expect(try ZoneSize.fitting((128 << 20) + 1) == 256 << 20)
    #expect(throws: RuntimeError.self) { try ZoneSize.fitting(0) }
    #expect(throws: RuntimeError.self) { try ZoneSize.fitting(1 << 20) }
    #expect(throws: RuntimeError.self) { try ZoneSize.fitting(.max) }
    #expect(throws: RuntimeError.self) { try ZoneSize.fitting(1 << 40) }
}

@Test func aContainersLimitIsMetBeforeItsZoneIsFull() {
    #expect(ZoneSize.memoryLimit(128 << 20, inZoneOf: 128 << 20) == 120 << 20)
    #expect(ZoneSize.memoryLimit(100 << 20, inZoneOf: 128 << 20) == 100 << 20)
}

@Test(
    arguments: [
        ("0", 0), ("1", 1), ("128M", 128 << 20), ("1.5G", nil), ("2gib", 2 << 30), ("64KB", 64 << 10), ("", nil),
        ("M", nil),
        ("12Q", nil), ("-1", nil), ("99999999999T", nil), ("128 M", nil),
    ] as [(String, UInt64?)])
func sizesAreReadAsPeopleWriteThem(text: String, bytes: UInt64?) {
    #expect(ByteSize(text)?.bytes == bytes)
}

@Test(
    arguments: [
        (0, "0 B"), (1023, "1023 B"), (1024, "1 KiB"), (128 << 20, "128 MiB"), (1536 << 20, "1.5 GiB"),
        (9 << 40, "9 TiB"),
        ((1 << 20) - 1, "1023.9 KiB"), (.max, "16777215.9 TiB"),
    ] as [(UInt64, String)])
func sizesAreShownInTheirLargestUnit(bytes: UInt64, text: String) {
    #expect(ByteSize(bytes: bytes).description == text)
}
