import Testing

@testable import Gateway

private let millisecond: UInt64 = 1_000_000

@Test func aZoneThatGrowsCostsWhatItHasHadPlugged() {
    var account = MemoryAccount()
    #expect(account.megabyteMilliseconds(at: 5 * millisecond) == 0)
    account.note(128 << 20, at: 10 * millisecond)
    #expect(account.megabyteMilliseconds(at: 20 * millisecond) == 1280)
    account.note(512 << 20, at: 20 * millisecond)
    account.note(128 << 20, at: 22 * millisecond)
    #expect(account.megabyteMilliseconds(at: 23 * millisecond) == 1280 + 1024 + 128)
    // A clock that went back, and what no number holds.
    #expect(account.megabyteMilliseconds(at: 0) == 1280 + 1024)
    account.note(.max, at: 0)
    #expect(account.megabyteMilliseconds(at: .max) == .max)
}
