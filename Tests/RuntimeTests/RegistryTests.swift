import ControlProtocol
import Glibc
import LinuxSystem
import SystemPackage
import Testing

@testable import Runtime

@Test func aDeadMachineIsFoundByItsLockAndRemoved() throws {
    let starter = FakeStarter()
    let bench = try Bench(starter)
    let placed = try bench.place("one")
    #expect(try placed.machine.isAlive())
    #expect(try bench.registry.virtualMachines().map(\.id) == [placed.machine.id])
    starter.machines[0].die()
    #expect(try !placed.machine.isAlive())
    try bench.registry.cleanUp()
    #expect(try bench.registry.functions().isEmpty)
    #expect(try FileSystem.status(placed.machine.path) == nil)
}

@Test func aLivingMachineSurvivesTheCleanUp() throws {
    let bench = try Bench()
    let placed = try bench.place("one")
    try bench.registry.cleanUp()
    #expect(try placed.machine.isAlive())
    #expect(try placed.machine.describe(measured: false).state == .ready)
    #expect(try bench.registry.containerStatuses().map(\.state) == [.running])
}

@Test func aContainerWhoseMachineDiedIsReported() throws {
    let starter = FakeStarter()
    let bench = try Bench(starter)
    let placed = try bench.place("one")
    let log = try OwnedDescriptor(opening: placed.machine.logPath, flags: O_WRONLY | O_APPEND)
    try log.write(all: Array("[    0.1] Linux\nczone-vm: the guest panicked\nmore\n".utf8))
    starter.machines[0].die()
    try bench.registry.cleanUp()
    let status = try #require(try bench.registry.containerStatuses().first)
    #expect(status.state == .exited)
    #expect(status.exit?.code == 255)
    #expect(status.exit?.reason == "its VM ended: the guest panicked")
    let time = status.exit?.timeNs
    try bench.registry.cleanUp()
    #expect(try bench.registry.containerStatuses().first?.exit?.timeNs == time)
}

@Test(arguments: [
    ("czone-vm: the guest panicked\n", "the guest panicked"),
    ("2026-11-29T08:41:31.000000042Z czone-vm: warning: a rule was broken\n", ""),
    (
        #"{"time":"t","level":"critical","program":"czone-vm","message":"it is \"over\"","vm":"1"}"# + "\n",
        #"it is "over""#
    ),
    (#"{"time":"t","level":"warning","program":"czone-vm","message":"a rule was broken"}"# + "\n", ""),
    ("czone-vm: first\nczone-vm: last\nmore\n", "last"),
])
func theLastWordsOfAMachineAreWhyItEnded(log: String, words: String) throws {
    let bench = try Bench(FakeStarter())
    let placed = try bench.place("one")
    let file = try OwnedDescriptor(opening: placed.machine.logPath, flags: O_WRONLY | O_APPEND)
    try file.write(all: Array(log.utf8))
    #expect(placed.machine.lastWords() == words)
}

@Test func aContainerThatIsRemovedAtItsEndGoesWithItsMachine() throws {
    let starter = FakeStarter()
    let bench = try Bench(starter)
    _ = try bench.place("one", removed: true)
    starter.machines[0].die()
    try bench.registry.cleanUp()
    #expect(try bench.registryContents() == ["run/containers", "run/functions"])
}

@Test func whatAKilledClientLeavesIsRemoved() throws {
    let bench = try Bench()
    let (directory, exit) = try bench.registry.enter(bench.record("one"))
    let nothing = try OwnedDescriptor(opening: "/dev/null", flags: O_RDWR)
    var launch = ProcessLaunch(
        "/bin/sleep", arguments: ["sleep", "600"], environment: [], input: nothing, output: nothing, error: nothing)
    launch.kept = [exit]
    let client = try launch.start()
    _ = consume exit
    launch.kept = []
    try bench.registry.cleanUp()
    #expect(try directory.isAlive())
    sendSignal(SIGKILL, to: client.id)
    #expect(try client.waitForEnd() == 128 + SIGKILL)
    #expect(try !directory.isAlive())
    try bench.registry.cleanUp()
    #expect(try directory.exitRecord()?.reason == "the command that started it ended before it ran")
}

@Test func aCradleThatNobodyHoldsGoesAfterAWhile() throws {
    let bench = try Bench()
    let staging = bench.directory.path.appending("run/containers/.one.000000000000").string
    try FileSystem.makeDirectories(FilePath(staging))
    try FileSystem.replace("\(staging)/container.json", with: [])
    try bench.registry.cleanUp()
    #expect(try FileSystem.status(staging) != nil)
    let longAgo = [timeval(tv_sec: 1, tv_usec: 0), timeval(tv_sec: 1, tv_usec: 0)]
    #expect(unsafe utimes(staging, longAgo) == 0)
    try bench.registry.cleanUp()
    #expect(try FileSystem.status(staging) == nil)
}

@Test func aNameIsGivenOnce() throws {
    let bench = try Bench()
    _ = try bench.place("one")
    #expect(throws: RuntimeError.self) { try bench.place("one") }
    #expect(try bench.registry.containers().count == 1)
    #expect(try bench.registry.containerNames() == ["one"])
}

@Test(arguments: [true, false]) func oneThatIsRemovedAtItsEndLeavesItsName(removed: Bool) throws {
    let starter = FakeStarter()
    let bench = try Bench(starter)
    _ = try bench.place("one", removed: removed)
    starter.machines[0].die()
    guard removed else {
        #expect(throws: RuntimeError.self) { try bench.place("one") }
        return
    }
    _ = try bench.place("one")
    #expect(try bench.registry.containerStatuses().map(\.state) == [.running])
}

@Test func containersAreFoundByTheBeginningOfTheirNames() throws {
    let bench = try Bench()
    for id in ["abc", "abd", "abcd"] { _ = try bench.place(id) }
    #expect(try bench.registry.container(matching: "abc").id == "abc")
    #expect(try bench.registry.container(matching: "abd").id == "abd")
    #expect(throws: RuntimeError.self) { try bench.registry.container(matching: "ab") }
    #expect(throws: RuntimeError.self) { try bench.registry.container(matching: "x") }
    #expect(throws: RuntimeError.self) { try bench.registry.container(matching: "../x") }
}

@Test func runningContainersAreOnlyRemovedByForce() throws {
    let bench = try Bench()
    _ = try bench.place("one")
    #expect(throws: RuntimeError.self) { try bench.registry.removeContainer("one", force: false) }
    try bench.registry.removeContainer("one", force: true)
    #expect(try bench.registry.containers().isEmpty)
}

@Test func whoeverLocksAFunctionHasADirectoryThatIsThere() async throws {
    let bench = try Bench()
    let (registry, key) = (bench.registry, bench.key())
    let rounds = 40
    try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<4 {
            group.addTask {
                for _ in 0..<rounds {
                    _ = try registry.function(key).locked(making: key) { () throws(RuntimeError) in
                        let machine = registry.function(key).virtualMachine("x")
                        try system { () throws(SystemError) in try FileSystem.makeDirectory(machine.path) }
                        try machine.remove()
                    }
                    // Without VMs it goes, also while others wait for its lock.
                    try registry.cleanUp()
                }
            }
        }
        try await group.waitForAll()
    }
    try registry.cleanUp()
    #expect(try registry.functions().isEmpty)
}

@Test func pathsLongerThanASocketsAddressWork() throws {
    let directory = try TemporaryDirectory()
    let deep = directory.path.appending(String(repeating: "d", count: 200))
    try FileSystem.makeDirectory(deep.string)
    let path = deep.appending("control.sock").string
    let listening = try UnixSocket.listen(at: path)
    let client = try UnixSocket.connect(to: path)
    try client.send([1, 2, 3])
    #expect(listening.rawValue >= 0)
    #expect(throws: SystemError.self) { try UnixSocket.connect(to: deep.appending("other.sock").string) }
}
