import Machine
import Testing

@Suite struct PowerControlTests {
    private func events(writing value: UInt64, to port: UInt64, width: Int = 1) -> [PowerEvent] {
        var events: [PowerEvent] = []
        let control = PowerControl { events.append($0) }
        control.write(value, offset: port - PortMap.power, width: width)
        return events
    }

    @Test func softOffPowersOff() {
        #expect(events(writing: 0x34, to: PowerControl.sleepControl) == [.powerOff])
    }

    @Test(arguments: [0x14, 0x20, 0x30, 0x00] as [UInt64])
    func anotherSleepTypeOrNoEnableDoesNothing(value: UInt64) {
        #expect(events(writing: value, to: PowerControl.sleepControl).isEmpty)
    }

    @Test func resetPanicAndExitAreReported() {
        #expect(events(writing: 1, to: PowerControl.reset) == [.reset])
        #expect(events(writing: 0, to: PowerControl.reset).isEmpty)
        #expect(events(writing: 1, to: PowerControl.panic) == [.panicked])
        #expect(events(writing: 2, to: PowerControl.panic).isEmpty)
        #expect(events(writing: 0x107, to: PowerControl.exit) == [.exit(code: 7)])
        #expect(events(writing: 1, to: PowerControl.exit, width: 2).isEmpty)
    }

    @Test func statusesReadAsNothingPending() {
        let control = PowerControl { _ in }
        #expect(control.read(offset: PowerControl.sleepStatus - PortMap.power, width: 1) == 0)
        #expect(control.read(offset: PowerControl.panic - PortMap.power, width: 1) == 1)
        #expect(control.read(offset: .max, width: 1) == 0)
    }
}
