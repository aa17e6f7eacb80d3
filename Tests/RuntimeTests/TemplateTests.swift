import AgentProtocol
import ControlProtocol
import Glibc
import LinuxSystem
import OCI
import Synchronization
import SystemPackage
import Testing

@testable import Runtime

private let order: @Sendable (Bench) -> Placement.MachineOrder = { bench in
    Placement.MachineOrder(key: bench.key(), image: bench.image, imageName: "test", store: bench.store)
}

private let templateRecord = TemplateRecord(
    image: "test", imageDigest: "sha256:00", memoryInBytes: 256 << 20, virtualCPUs: 1, zoneCount: 16,
    zoneSizeInBytes: 128 << 20, isAlone: false, created: 5)

extension Bench {
    var templates: TemplateStore { TemplateStore(besides: store.root) }

    func templateKey(arguments: String? = nil) throws -> TemplateKey {
        let order = order(self)
        return try TemplateKey(
            order, placement.record(for: order, id: ""), files: files,
            kernelArguments: arguments ?? placement.kernelArguments)
    }

    /// As a VM that saves itself would.
    func makeTemplate(_ key: TemplateKey? = nil, sizeInBytes: Int = 4096, limit: UInt64 = 1 << 30) throws {
        try templates.make(try key ?? templateKey(), templateRecord, limit: limit) {
            (directory, _) throws(RuntimeError) in
            try system { () throws(SystemError) in
                for (name, count) in [("state", 100), ("memory", sizeInBytes)] {
                    try FileSystem.replace("\(directory)/\(name)", with: [UInt8](repeating: 1, count: count))
                }
            }
            return 0
        }
    }
}

@Test func aTemplateIsThereWholeOrNotAtAll() throws {
    let bench = try Bench()
    let key = try bench.templateKey()
    #expect(try bench.templates.lease(key) == nil)
    #expect(throws: RuntimeError.self) {
        try bench.templates.make(key, templateRecord, limit: 1 << 30) { (directory, words) throws(RuntimeError) in
            try system { () throws(SystemError) in
                try FileSystem.replace("\(directory)/state", with: [1])
                try words.write(all: Array("czone-vm: no usable KVM\n".utf8))
            }
            return 1
        }
    }
    #expect(try bench.directory.contents().filter { $0.hasPrefix("templates/") } == ["templates/tmp"])
    try bench.makeTemplate()
    #expect(
        try bench.directory.contents().filter { $0.hasPrefix("templates/\(key.directoryName)/") }.map {
            String($0.split(separator: "/")[2])
        }
            == ["chunks", "key.json", "memory", "state", "template.json"])
    #expect(try bench.templates.entries().map(\.name) == [key.directoryName])
    #expect(try bench.templates.lease(key) != nil)
    // There is one: nobody is asked for another.
    try bench.templates.make(key, templateRecord, limit: 1 << 30) { (_, _) throws(RuntimeError) in
        Issue.record("it was made twice")
        return 0
    }
}

@Test func aVMThatNeverEndsMakingATemplateIsKilled() throws {
    let bench = try Bench()
    let monitor = "\(bench.directory.path)/monitor"
    try FileSystem.replace(monitor, with: Array("#!/bin/sh\nexec sleep 1000\n".utf8), mode: 0o755)
    var timeouts = ControlTimeouts()
    timeouts.template = 2_000
    let placement = Placement(
        registry: bench.registry, configuration: Configuration(),
        files: try VirtualMachineFiles(monitor: FilePath(monitor), kernel: "/bin/true", initialRAMDisk: "/bin/true"),
        starter: FakeStarter(), provider: NoProvider(), timeouts: timeouts)
    let refusal = #expect(throws: RuntimeError.self) { try placement.makeTemplate(for: order(bench)) }
    #expect("\(try #require(refusal))".contains("making a template has not ended within 2 s: its VM was killed"))
    #expect(try bench.directory.contents().filter { $0.hasPrefix("templates/") } == ["templates/tmp"])
}

@Test func whoFailsSaysWhy() throws {
    let bench = try Bench()
    do {
        try bench.templates.make(bench.templateKey(), templateRecord, limit: 1 << 30) {
            (_, words) throws(RuntimeError) in
            try system { () throws(SystemError) in try words.write(all: Array("czone-vm: no usable KVM\n".utf8)) }
            return 3
        }
        Issue.record("a template was made")
    } catch { #expect("\(error)" == "no template was made: the VM ended with status 3: czone-vm: no usable KVM") }
}

@Test func aTemplateInUseIsNotRemoved() throws {
    let bench = try Bench()
    let key = try bench.templateKey()
    try bench.makeTemplate(key)
    var lease = try bench.templates.lease(key)
    #expect(try bench.templates.entries().map(\.isInUse) == [true])
    #expect(try !bench.templates.remove(key.directoryName))
    #expect(lease != nil)
    lease = nil
    #expect(try bench.templates.remove(key.directoryName))
    #expect(try bench.directory.contents().filter { $0.hasPrefix("templates/") } == ["templates/tmp"])
}

@Test func theOneUsedLongestAgoMakesRoom() throws {
    let bench = try Bench()
    let keys = try (0..<4).map { try bench.templateKey(arguments: "\($0)") }
    for key in keys.prefix(3) { try bench.makeTemplate(key, sizeInBytes: 1 << 20) }
    // The oldest is used again, the second is in use.
    let lease = try #require(try bench.templates.lease(keys[1]))
    _ = try bench.templates.lease(keys[0])
    try bench.makeTemplate(keys[3], sizeInBytes: 1 << 20, limit: (3 << 20) + (64 << 10))
    #expect(try Set(bench.templates.entries().map(\.name)) == Set([keys[0], keys[1], keys[3]].map(\.directoryName)))
    // The new one stays even where it is larger than all may be.
    try bench.templates.evict(toBytes: 0, keeping: keys[3])
    #expect(try Set(bench.templates.entries().map(\.name)) == Set([keys[1], keys[3]].map(\.directoryName)))
    withExtendedLifetime(lease) {}
}

@Test func whatTheDeadHaveLeftIsRemoved() throws {
    let bench = try Bench()
    let root = bench.templates.root
    for name in ["half", "gone-1"] {
        try FileSystem.makeDirectories(FilePath("\(root)/tmp/\(name)"))
        try FileSystem.replace("\(root)/tmp/\(name)/memory", with: [1])
    }
    try bench.makeTemplate()
    #expect(try FileSystem.names(in: "\(root)/tmp") == [])
}

@Test func everyChoiceMakesAnotherTemplate() throws {
    let bench = try Bench()
    let one = try bench.templateKey()
    #expect(try one == bench.templateKey())
    #expect(try one != bench.templateKey(arguments: "quiet"))
    var alone = order(bench)
    alone.key.isAlone = true
    let other = try TemplateKey(
        alone, bench.placement.record(for: alone, id: ""), files: bench.files,
        kernelArguments: bench.placement.kernelArguments)
    #expect(other.directoryName != one.directoryName)
}

/// Remembers launches; a VM that is restored from a template is refused if `refuses`.
final class WatchingStarter: VirtualMachineStarter {
    let inner = FakeStarter()
    let launches = Mutex<[VirtualMachineLaunch]>([])
    let refuses: Bool

    init(refuses: Bool = false) { self.refuses = refuses }

    var templates: [Bool] { launches.withLock { $0.map { $0.template != nil } } }

    func start(_ launch: VirtualMachineLaunch) throws(RuntimeError) {
        launches.withLock { $0.append(launch) }
        guard refuses, launch.template != nil else { return try inner.start(launch) }
        launches.withLock { all in
            all.removeLast()
            var kept = launch
            kept.control = kept.log
            kept.lock = kept.log
            kept.leases = []
            all.append(kept)
        }
        try system { () throws(SystemError) in
            try launch.log.write(all: Array("czone-vm: the template is refused: its state file has changed\n".utf8))
        }
    }
}

@Test func aNewMachineGoesOnFromItsTemplate() throws {
    let starter = WatchingStarter()
    let bench = try Bench(starter)
    try bench.makeTemplate()
    _ = try bench.place("one")
    #expect(starter.templates == [true])
    let launch = try #require(starter.launches.withLock { $0.first })
    let arguments = MonitorStarter.arguments(of: launch)
    #expect(arguments.contains("--restore"))
    #expect(try arguments.last == bench.templateKey().identity)
}

private let warmStart = WarmStart(varying: ["A"])

extension Bench {
    /// A VM for a container that may be a copy.
    fileprivate func warmOrder(_ arguments: CStringList = ["/bin/true"], key: FunctionKey? = nil)
        -> Placement.MachineOrder
    {
        var order = order(self)
        if let key { order.key = key }
        let specification = ContainerSpecification(
            root: RootFileSystem(layers: [.image(device: 0)]), process: ProcessSpecification(arguments: arguments))
        order.process = ProcessTemplateRequest(specification, warmStart)
        return order
    }

    fileprivate func placeWarm(_ id: String) throws -> Placement.Placed {
        var order = containerOrder(id)
        order.warmStart = warmStart
        return try placement.place(order)
    }
}

@Test func aTemplateWithAProcessIsItsFunctionsAndTenantsAlone() throws {
    let bench = try Bench()
    func name(_ order: Placement.MachineOrder) throws -> String { try bench.placement.templateKey(order).directoryName }
    let one = try name(bench.warmOrder())
    #expect(try one == name(bench.warmOrder()))
    var others = [try name(bench.warmOrder(["/bin/false"])), try bench.templateKey().directoryName]
    others.append(try name(bench.warmOrder(key: bench.key(function: "other"))))
    others.append(try name(bench.warmOrder(key: bench.key(tenant: "other"))))
    #expect(Set(others + [one]).count == 5)
    // One without is everybody's with the image.
    var plain = order(bench)
    plain.key = bench.key(function: "other", tenant: "other")
    #expect(try name(plain) == bench.templateKey().directoryName)
}

@Test func aMachineIsRestoredFromTheTemplateWithItsProcessElseFromThePlainOne() throws {
    let starter = WatchingStarter()
    let bench = try Bench(starter)
    try bench.makeTemplate()
    let first = try bench.placeWarm("one").machine
    let plain = try bench.templateKey()
    #expect(starter.launches.withLock { $0.last?.template?.identity } == plain.identity)
    let warm = try bench.placement.templateKey(bench.warmOrder())
    try bench.makeTemplate(warm)
    starter.inner.machines.first?.die()
    #expect(try bench.placeWarm("two").machine != first)
    #expect(starter.launches.withLock { $0.last?.template?.identity } == warm.identity)
    #expect(starter.inner.machines.last?.state.withLock { $0.requests.last?.warmStart } == warmStart)
}

@Test func whatBecameOfTheProcessIsInTheTemplatesRecord() throws {
    let bench = try Bench()
    let report = ProcessTemplateReport(
        number: 1, state: .refused, reason: "it has a connected socket", command: "python3 app.py")
    try bench.templates.make(bench.templateKey(), templateRecord, limit: 1 << 30) {
        (directory, _) throws(RuntimeError) in
        try system { () throws(SystemError) in
            for (name, bytes) in [("state", [1]), ("memory", [1]), ("process-template", report.bytes)] {
                try FileSystem.replace("\(directory)/\(name)", with: bytes)
            }
        }
        return 0
    }
    let record = try #require(try bench.templates.entries().first?.record.process)
    #expect(record.reason == "it has a connected socket" && record.command == "python3 app.py")
    #expect(try !bench.directory.contents().contains { $0.hasSuffix("process-template") })
}

@Test func aRefusedTemplateLeadsToABoot() throws {
    let starter = WatchingStarter(refuses: true)
    let bench = try Bench(starter)
    try bench.makeTemplate()
    let placed = try bench.place("one")
    #expect(starter.templates == [true, false])
    #expect(try placed.machine.isAlive())
    // It is not tried again.
    #expect(try bench.templates.entries().isEmpty)
}

@Test func aPulledTemplateThatIsRefusedIsRemembered() throws {
    let bench = try Bench(WatchingStarter(refuses: true))
    let key = try bench.templateKey()
    try bench.makeTemplate()
    let directory = bench.templates.path(key.directoryName)
    try TemplateOrigin(reference: "r/n:t", manifest: "sha256:12").write(into: directory, stateIdentity: "another's")
    #expect(try bench.templates.lease(key)?.identity == "another's")
    _ = try bench.place("one")
    #expect(try bench.templates.entries().isEmpty && bench.templates.refusedManifest(for: key) == "sha256:12")
}

@Test func anIdentityMeansTheSameOnEveryHost() throws {
    let bench = try Bench()
    let key = try bench.templateKey()
    let portable = try bench.templates.portableIdentity(of: key)
    #expect(!portable.description.contains(bench.files.identity))
    #expect(portable.description.contains("arguments ") && portable.description.contains("\nprocessor "))
    // By contents: /bin/true is three of its files.
    #expect(portable.description.split(separator: "sha256:").count > 4)
    #expect(try bench.templates.portableIdentity(of: key) == portable)
    // Another host's record leads to this host's key.
    var record = templateRecord
    record.imageDigest = bench.image.digest.description
    #expect(try record.key(of: portable, by: bench.placement, in: bench.store) == key)
    record.zoneSizeInBytes *= 2
    let other = try bench.templates.portableIdentity(
        of: record.key(of: portable, by: bench.placement, in: bench.store))
    #expect(try #require(portable.difference(from: other)).own == "zones 16 of 134217728")
    let generic = try bench.placement.templateKey(order(bench), .everyImage)
    let machine = bench.placement.record(for: order(bench), id: "")
    var ofEveryImage = templateRecord
    (ofEveryImage.imageDigest, ofEveryImage.memoryInBytes) = ("", machine.memoryInBytes)
    let words = try bench.templates.portableIdentity(of: generic)
    #expect(try ofEveryImage.key(of: words, by: bench.placement, in: bench.store) == generic)
    record.imageDigest = "sha256:" + String(repeating: "00", count: 32)
    let refusal = #expect(throws: RuntimeError.self) {
        try record.key(of: portable, by: bench.placement, in: bench.store)
    }
    #expect("\(try #require(refusal))".contains("which this store has not"))
}

@Test func containersThatAreAloneGetAMachineEach() throws {
    let starter = WatchingStarter()
    let bench = try Bench(starter)
    var key = bench.key()
    key.isAlone = true
    let machines = try (0..<3).map { try bench.place("c\($0)", key).machine.id }
    #expect(Set(machines).count == 3)
    let launch = try #require(starter.launches.withLock { $0.first })
    #expect(launch.isAlone && launch.record.zoneCount == 0)
    // The container's memory is the base's.
    #expect(launch.record.memoryInBytes >= Configuration().baseMemoryInBytes + 128 << 20)
    #expect(starter.inner.machines[0].state.withLock { $0.requests.map(\.zoneSizeInBytes) } == [0])
    #expect(MonitorStarter.arguments(of: launch).contains("--alone"))
}

@Test func machinesAreStartedAheadOfDemand() throws {
    var configuration = Configuration()
    configuration.usesTemplates = false
    configuration.prewarm = 2
    let starter = WatchingStarter()
    let bench = try Bench(starter, configuration: configuration)
    let order = order(bench)
    let function = bench.registry.function(bench.key())
    try bench.placement.provideNow(for: order, behind: nil)
    #expect(try function.prewarmedMachines().count == 2)
    // There are enough.
    try bench.placement.provideNow(for: order, behind: nil)
    #expect(starter.launches.withLock { $0.map(\.isPrewarmed) } == [true, true])
    #expect(starter.launches.withLock { MonitorStarter.arguments(of: $0[0]).contains("--prewarm-timeout") })
    let placed = try bench.place("one")
    #expect(try !placed.machine.isPrewarmed())
    #expect(try function.prewarmedMachines().count == 1)
    #expect(starter.launches.withLock(\.count) == 2)
    try bench.placement.provideNow(for: order, behind: placed.machine)
    #expect(try function.prewarmedMachines().count == 2)
}

@Test func onePrewarmedServesOneThatIsAlone() throws {
    var configuration = Configuration()
    configuration.usesTemplates = false
    configuration.prewarm = 1
    let starter = WatchingStarter()
    let bench = try Bench(starter, configuration: configuration)
    var order = order(bench)
    order.key.isAlone = true
    try bench.placement.provideNow(for: order, behind: nil)
    let prewarmed = try #require(try bench.registry.function(order.key).prewarmedMachines().first)
    #expect(try bench.place("one", order.key).machine == prewarmed)
    #expect(try bench.place("two", order.key).machine != prewarmed)
}

@Test func functionsHaveSettingsOfTheirOwn() throws {
    var configuration = Configuration()
    try configuration.read(
        "prewarm: 1\nprewarm.hello: 3\ntemplates: off\ntemplate-limit: 1G\nprewarm-timeout: 5\n", path: "c")
    #expect(configuration.prewarm("hello") == 3)
    #expect(configuration.prewarm("other") == 1)
    #expect(!configuration.usesTemplates)
    #expect(configuration.templateLimitInBytes == 1 << 30)
    #expect(configuration.prewarmTimeoutInSeconds == 5)
    #expect(throws: RuntimeError.self) { try configuration.read("prewarm.hello: many", path: "c") }
    #expect(throws: RuntimeError.self) { try configuration.read("templates: maybe", path: "c") }
}
