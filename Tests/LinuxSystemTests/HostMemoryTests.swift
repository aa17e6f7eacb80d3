import LinuxSystem
import Testing

@Suite struct HostMemoryTests {
    private func memory(_ text: String) -> HostMemory? { HostMemory(parsing: Array(text.utf8)) }

    @Test func kibibytesBecomeBytes() {
        let text = "MemTotal:        2030332 kB\nMemFree:          100 kB\nMemAvailable:     203033 kB\nBuff"
        #expect(memory(text) == HostMemory(total: 2_030_332 << 10, available: 203_033 << 10))
    }

    @Test func aTextWithoutOneOfTheLinesSaysNothing() {
        #expect(memory("") == nil)
        #expect(memory("MemTotal: 1 kB\nMemFree: 1 kB\n") == nil)
        #expect(memory("MemTotal: 1 kB\nMemAvailable: many kB\n") == nil)
        #expect(memory("MemTotal: 1 kB\nMemAvailable: 18446744073709551615 kB\n") == nil)
    }

    @Test func thisHostHasMemory() throws {
        let memory = try #require(HostMemory.current())
        #expect(memory.available > 0 && memory.available <= memory.total)
    }
}
