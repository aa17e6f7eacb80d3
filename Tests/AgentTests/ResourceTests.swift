import AgentProtocol
import Glibc
import LinuxSystem
import Testing

extension AgentTests {
    @Suite(.serialized) struct Resources {
        let agent: AgentSession
        init() throws { agent = try AgentSession.shared.get() }

        @Test func containerThatNeedsTooMuchIsKilledAloneAndReportedAtOnce() throws {
            let sibling = try agent.sleeper()
            let number = agent.newContainer()
            let specification = agent.specification(["dd", "if=/dev/zero", "of=/dev/null", "bs=64M"]) {
                $0.limits.memoryMax = 16 << 20
            }
            _ = try agent.call(
                CreateContainer(container: number, node: 0, zoneBytes: 0, start: true, specification: specification))
            let exited = try agent.exit(of: number)
            #expect(exited.status.code == 137)
            #expect(exited.oomKilled)
            #expect(try agent.outOfMemory().container == number)
            #expect(!agent.hasExited(sibling))
            #expect(try agent.call(ListProcesses(container: sibling)).processIDs.count == 1)
            _ = try agent.call(DeleteContainer(container: number))
            _ = try agent.call(DeleteContainer(container: sibling))
        }

        @Test func limitsAreSetAndChanged() throws {
            let number = try agent.sleeper {
                $0.limits = ResourceLimits(memoryMax: 64 << 20, processesMax: 10, cpuQuota: 50_000, cpuWeight: 50)
            }
            let before = try agent.measure(number)
            #expect(before.memoryMax == 64 << 20)
            #expect(before.processesMax == 10)
            #expect(before.processes == 1)
            #expect(before.memoryCurrent > 0)
            _ = try agent.call(
                UpdateResources(container: number, limits: ResourceLimits(memoryMax: .max, processesMax: 20)))
            // The quota is never below the burst, whichever of them came first.
            for (quota, burst) in [(20_000, 20_000), (50_000, 50_000), (10_000, 5_000)] as [(UInt64, UInt64)] {
                var limits = ResourceLimits(memoryLow: 1 << 20, cpuQuota: quota, cpuWeight: 7)
                (limits.memoryHigh, limits.memoryMin) = (48 << 20, 1 << 20)
                (limits.killsWhole, limits.cpuBurst, limits.isIdle) = (false, burst, false)
                _ = try agent.call(UpdateResources(container: number, limits: limits))
            }
            var idle = ResourceLimits(cpuWeight: 7)
            idle.isIdle = true
            _ = try agent.call(UpdateResources(container: number, limits: idle))
            let after = try agent.measure(number)
            #expect(after.memoryMax == .max)
            #expect(after.processesMax == 20)
            #expect(try agent.call(MeasureContainers()).containers.map(\.container) == [number])
            _ = try agent.call(DeleteContainer(container: number))
        }

        @Test func pausedContainerStandsStillUntilResumed() throws {
            let number = try agent.sleeper { $0.process.arguments = ["sh", "-c", "while :; do :; done"] }
            _ = try agent.call(PauseContainer(container: number))
            let paused = try agent.measure(number).cpuUsage
            for _ in 0..<10 { #expect(try agent.measure(number).cpuUsage == paused) }
            _ = try agent.call(ResumeContainer(container: number))
            let limit = time(nil) + 60
            while try agent.measure(number).cpuUsage == paused { try #require(time(nil) < limit) }
            _ = try agent.call(PauseContainer(container: number))
            // Deleting a frozen one works too.
            _ = try agent.call(DeleteContainer(container: number))
        }

        @Test func containerThatDoesNotRunAProgramIsNotPaused() throws {
            let number = agent.newContainer()
            _ = try agent.call(
                CreateContainer(
                    container: number, node: 0, zoneBytes: 0, start: false, specification: agent.specification(["true"])
                ))
            #expect(try agent.failure(of: PauseContainer(container: number))?.step == .freeze)
            _ = try agent.call(DeleteContainer(container: number))
        }

        @Test func reclaimReportsWhatItGot() throws {
            let number = try agent.sleeper()
            let reclaimed = try agent.call(Reclaim(container: number, bytes: 64 << 20))
            #expect(reclaimed.after <= reclaimed.before)
            _ = try agent.call(DeleteContainer(container: number))
        }

        @Test func manyContainersLeaveNothing() throws {
            let before = try agent.call(MeasureNodes())
            var numbers: [ContainerNumber] = []
            for _ in 0..<8 { numbers.append(try agent.sleeper()) }
            let deletions = try numbers.map { try agent.send(DeleteContainer(container: $0)) }
            for deletion in deletions { _ = try agent.reply(to: deletion, of: DeleteContainer.self) }
            #expect(try agent.containers().isEmpty)
            #expect(try agent.call(MeasureNodes()).agentResidentBytes <= before.agentResidentBytes + 65536)
            if agent.isGuest { return }
            #expect(try FileManager.read("/proc/mounts").contains("czone-agent/container") == false)
        }

        @Test func unknownThingsAreRefusedByName() throws {
            let nobody = ContainerNumber(999)
            #expect(try agent.failure(of: DeleteContainer(container: nobody))?.text.contains("container 999") == true)
            #expect(try agent.failure(of: OnlineZone(node: 7, sizeInBytes: 1 << 27))?.text.contains("node 7") == true)
            let number = try agent.sleeper()
            #expect(
                try agent.failure(
                    of: CreateContainer(
                        container: number, node: 0, zoneBytes: 0, start: true,
                        specification: agent.specification(["true"])))?.code == EEXIST)
            #expect(
                try agent.failure(
                    of: ResizeTerminal(container: number, size: WindowSize(rows: 1, columns: 1)))?.code == ENOTTY)
            _ = try agent.call(DeleteContainer(container: number))
        }

        @Test func placementIsSurveyed() throws {
            let number = try agent.sleeper()
            let placement = try agent.call(MeasurePlacement(container: number))
            #expect(placement.processes == 1)
            // Without a zone everything is outside of it.
            #expect(placement.inZone == 0)
            #expect(placement.outsideZone > 0)
            _ = try agent.call(DeleteContainer(container: number))
        }

        @Test func nodesAreMeasured() throws {
            let nodes = try agent.call(MeasureNodes()).nodes
            #expect(nodes.first?.node == 0)
            #expect((nodes.first?.freeBytes ?? 0) > 0)
            #expect((nodes.first?.freeBytes ?? 0) < (nodes.first?.totalBytes ?? 0))
        }
    }
}
