import ControlProtocol
import Glibc
import LinuxSystem
import Synchronization
import SystemPackage
import Testing

@testable import Runtime

@Test func containersOfOneFunctionShareAMachine() throws {
    let starter = FakeStarter()
    let bench = try Bench(starter)
    let (one, two) = (try bench.place("one"), try bench.place("two"))
    #expect(starter.machines.count == 1)
    #expect(one.machine == two.machine)
    #expect(one.zone != two.zone)
}

@Test func anotherTenantOrFunctionGetsAnotherMachine() throws {
    let starter = FakeStarter()
    let bench = try Bench(starter)
    let machines = try [
        bench.place("one"), bench.place("two", bench.key(tenant: "other")),
        bench.place("three", bench.key(function: "other")),
    ].map(\.machine.id)
    #expect(Set(machines).count == 3)
}

@Test func aFullMachineLeadsToTheNext() throws {
    let starter = FakeStarter(zones: 2)
    let bench = try Bench(starter)
    let machines = try (0..<5).map { try bench.place("c\($0)").machine.id }
    #expect(starter.machines.count == 3)
    #expect(machines[0] == machines[1] && machines[2] == machines[3] && machines[4] != machines[3])
    // What has become free is used before anything new.
    try bench.registry.removeContainer("c0", force: true)
    #expect(try bench.place("c5").machine.id == machines[0])
}

@Test func manyAtOnceStartNoMoreMachinesThanTheyNeed() async throws {
    let starter = FakeStarter(zones: 4)
    let bench = try Bench(starter)
    let machines = try await withThrowingTaskGroup(of: String.self) { group in
        for number in 0..<16 { group.addTask { [bench] in try bench.place("c\(number)").machine.id } }
        return try await group.reduce(into: []) { $0.append($1) }
    }
    #expect(starter.machines.count == 4)
    #expect(Set(machines).count == 4)
    #expect(try bench.registry.containerStatuses().count == 16)
}

/// Two that come at the same time: the second finds the first one's VM before it listens.
@Test func aMachineThatDoesNotListenYetIsWaitedFor() async throws {
    let starter = FakeStarter()
    let bench = try Bench(starter)
    let (placement, key) = (bench.placement, bench.key())
    let order = Placement.MachineOrder(key: key, image: bench.image, imageName: "test", store: bench.store)
    let function = bench.registry.function(key)
    let placed = try function.locked(making: key) { () throws(RuntimeError) in
        let reserved = try placement.reserve(in: function)
        let other = Task { try bench.place("second").machine.id }
        while try bench.registry.containers().isEmpty { sched_yield() }
        // It knows its candidates by now, and comes here for want of one that answers.
        _ = try placement.start(reserved, for: order)
        return other
    }
    _ = try await placed?.value
    #expect(starter.machines.count == 1)
}

@Test func aMachineThatHasDiedIsReplaced() throws {
    let starter = FakeStarter()
    let bench = try Bench(starter)
    let first = try bench.place("one")
    starter.machines[0].die()
    let second = try bench.place("two")
    #expect(second.machine != first.machine)
    #expect(starter.machines.count == 2)
    #expect(try FileSystem.status(first.machine.path) == nil)
}

private struct FailingStarter: VirtualMachineStarter {
    func start(_ launch: VirtualMachineLaunch) throws(RuntimeError) { throw .invalid("no") }
}

@Test func aMachineThatCannotBeStartedLeavesNothing() throws {
    let bench = try Bench(FailingStarter())
    #expect(throws: RuntimeError.self) { try bench.place("one") }
    try bench.registry.cleanUp()
    #expect(try bench.registryContents() == ["run/containers", "run/functions"])
}

/// Its process ends at once, and logs why.
private struct EndingStarter: VirtualMachineStarter {
    func start(_ launch: VirtualMachineLaunch) throws(RuntimeError) {
        try system { () throws(SystemError) in try launch.log.write(all: Array("czone-vm: no usable KVM\n".utf8)) }
    }
}

@Test func aMachineThatEndsAtOnceSaysWhy() throws {
    let bench = try Bench(EndingStarter())
    do {
        _ = try bench.place("one")
        Issue.record("it was placed")
    } catch {
        #expect("\(error)".hasSuffix("ended before it answered; its last words: no usable KVM"))
    }
    #expect(try bench.registry.containers().isEmpty)
}

@Test func aDetachedContainerHasALogAndOutlivesItsClient() throws {
    let starter = FakeStarter()
    let bench = try Bench(starter)
    _ = try bench.place("one")
    let request = try #require(starter.machines[0].state.withLock(\.requests).first)
    #expect(request.descriptors == [.log, .exitRecord])
    #expect(!request.endsWithConnection)
    #expect(request.zoneSizeInBytes == 128 << 20)
}

@Test func theEndOfAContainerIsRead() throws {
    let bench = try Bench(FakeStarter { request, _ in exit(request.id, code: 3) })
    let placed = try bench.place("one")
    while let frame = try placed.connection.receive() {
        if case .exited(let record) = frame.content {
            #expect(record.code == 3)
            break
        }
    }
    #expect(try placed.container.exitRecord() == exit("one", code: 3))
    #expect(try !placed.container.isAlive())
    #expect(try bench.registry.containerStatuses().map(\.state) == [.exited])
}

@Test func theMonitorGetsItsPartsAndDescriptors() throws {
    let bench = try Bench()
    let nothing = try OwnedDescriptor(opening: "/dev/null", flags: O_RDWR)
    let launch = VirtualMachineLaunch(
        files: bench.files,
        record: VirtualMachineRecord(
            id: "1", memoryInBytes: 1 << 28, virtualCPUs: 2, zoneCount: 16, zoneSizeInBytes: 1 << 27, image: "i",
            started: 1),
        images: ["/i.erofs"], idleTimeoutInSeconds: 60, prewarmTimeoutInSeconds: 600, isAlone: false,
        kernelArguments: "quiet", control: nothing, lock: nothing,
        identity: nothing, console: nothing, log: nothing, jail: .init(user: 4711, isReduced: true), leases: [])
    let number = "\(nothing.rawValue)"
    #expect(
        MonitorStarter.arguments(of: launch) == [
            "/bin/true", "--kernel", "/bin/true", "--initrd", "/bin/true", "--memory", "268435456", "--cpus", "2",
            "--zones",
            "16", "--zone-size", "134217728", "--image", "/i.erofs", "--append", "quiet", "--user",
            "4711", "--jail", "reduced", "--control-descriptor", number,
            "--lock-descriptor", number, "--log-descriptor", number, "--idle-timeout", "60",
        ])
}

@Test(arguments: [
    ("2\n", ""), ("0\n", "sysctl.kernel.randomize_va_space=0"), ("1\n", "sysctl.kernel.randomize_va_space=1"),
    ("7\n", ""), ("", ""), ("0 panic=1\n", ""),
])
func containersAreLaidOutAsTheHostsProcessesAre(setting: String, argument: String) {
    #expect(AddressRandomization.kernelArgument(hostSetting: Array(setting.utf8)) == argument)
    #expect(AddressRandomization.kernelArgument(hostSetting: nil).isEmpty)
}

@Test func theOperatorsKernelArgumentsComeLast() throws {
    let bench = try Bench()
    var configuration = Configuration()
    configuration.kernelArguments = "quiet"
    let placement = Placement(registry: bench.registry, configuration: configuration, files: bench.files)
    #expect(
        placement.kernelArguments
            == [AddressRandomization.kernelArgument(), "quiet"].filter { !$0.isEmpty }.joined(separator: " "))
}

@Test func theMonitorsProcessHoldsTheLockAndNothingElse() throws {
    let directory = try TemporaryDirectory()
    let path = directory.path.appending("lock").string
    let identityPath = directory.path.appending("pid").string
    var lock: OwnedDescriptor? = try OwnedDescriptor(opening: path, flags: O_RDONLY | O_CREAT)
    try lock?.takeLock(.exclusive)
    let nothing = try OwnedDescriptor(opening: "/dev/null", flags: O_RDWR)
    var launch: ProcessLaunch? = ProcessLaunch(
        "/bin/sleep", arguments: ["sleep", "600"], environment: [], input: nothing, output: nothing, error: nothing)
    launch?.kept = [try #require(lock)]
    launch?.identityFile = try OwnedDescriptor(opening: identityPath, flags: O_WRONLY | O_CREAT)
    launch?.isDetached = true
    launch?.seesNoProcesses = true
    let child = try #require(launch).start()
    let number = try #require(lock).rawValue
    (launch, lock) = (nil, nil)
    #expect(try FileSystem.contents(of: identityPath, atMost: 32) == Array("\(child.id)\n".utf8))
    #expect(try !OwnedDescriptor(opening: path, flags: O_RDONLY).tryLock(.shared))
    // execve(2) lets the parent go on a little before it closes what is to be closed.
    var open: Set<String> = []
    for _ in 0..<1000 where open.count != 4 { open = Set(try FileSystem.names(in: "/proc/\(child.id)/fd") ?? []) }
    #expect(open == ["0", "1", "2", "\(number)"])
    let status = String(
        decoding: try FileSystem.contents(of: "/proc/\(child.id)/status", atMost: 8192) ?? [], as: UTF8.self)
    #expect(status.contains("NSpid:\t\(child.id)\t1\n"))
    sendSignal(SIGKILL, to: child.id)
    _ = try child.waitForEnd()
    #expect(try OwnedDescriptor(opening: path, flags: O_RDONLY).tryLock(.shared))
}

@Test func aProgramThatIsNotThereCannotBeStarted() throws {
    let nothing = try OwnedDescriptor(opening: "/dev/null", flags: O_RDWR)
    let launch = ProcessLaunch(
        "/nonexistent", arguments: ["x"], environment: [], input: nothing, output: nothing, error: nothing)
    #expect(throws: SystemError("run /nonexistent", .noSuchFileOrDirectory)) { try launch.start() }
}
