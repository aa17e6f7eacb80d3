import ControlProtocol
import LinuxSystem
import Testing

@testable import Runtime

@Suite struct UserLeaseTests {
    @Test func noTwoMachinesHaveTheSameUserAtATime() throws {
        let bench = try Bench()
        var leases = try (0..<50).map { _ in try UserLease(in: bench.registry, from: 1000) }
        #expect(Set(leases.map(\.number)).count == 50)
        #expect(leases.allSatisfy { (1000..<1000 + 65_536).contains($0.number) })
        let freed = try #require(leases.popLast()?.number)
        let lock = try OwnedDescriptor(opening: "\(bench.registry.root)/users/\(freed - 1000)", flags: 0)
        #expect(try lock.tryLock(.exclusive))
    }

    @Test func aMachinesUserIsLockedByItsOwnDescriptor() throws {
        let starter = FakeStarter()
        let bench = try Bench(starter)
        _ = try bench.place("one")
        let launch = starter.machines[0].launch
        #expect(launch.leases.count == 2)
        #expect(launch.jail.user >= 0x7000_0000)
        let path = "\(bench.registry.root)/users/\(launch.jail.user - 0x7000_0000)"
        #expect(try !OwnedDescriptor(opening: path, flags: 0).tryLock(.exclusive))
    }
}
