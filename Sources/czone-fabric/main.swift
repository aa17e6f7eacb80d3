import Fabric
import Glibc
import Jail
import LinuxSystem
import Logging
import Logs

/// A tenant's fabric: serves the tenant's containers until there is none.
Log.begin(program: "czone-fabric")
Log.choices.level = .info
Log.choose(level: nil, format: nil)

do {
    let words = CurrentProcess.arguments
    if words.count == 3, words[0] == "policy" {
        try StandardStream.output.descriptor.write(all: PolicyReader.reply(words[1], name: words[2]))
        exit(0)
    }
    let arguments = try FabricArguments(words)
    // A container or client that has gone is an error of that write, not a signal.
    signal(SIGPIPE, SIG_IGN)
    CurrentProcess.setThreadName("czone-fabric")
    Confinement.forbidMerging()
    let service = try FabricService(
        OwnedDescriptor(taking: arguments.socket), tenant: arguments.tenant, walls: { try goBehindWalls(arguments) })
    try service.run()
} catch let error as FabricUsageError {
    report("\(error)")
    exit(2)
} catch {
    report("\(error)")
    exit(1)
}

/// The process's last line: why it ends.
func report(_ line: String) { Log.logger.critical("\(line)") }

/// Gives up what the process does not need, while it has one thread: others are as confined as that.
func goBehindWalls(_ arguments: FabricArguments) throws {
    let filter = try ThreadFilter(.fabric)
    try Confinement.watchFilters(program: "czone-fabric")
    let confinement = Confinement(.client(arguments.user), arguments.isReduced ? .reduced : .full)
    for failure in try confinement.enter(maxDescriptors: FabricArguments.maxDescriptors) {
        Log.logger.warning("\(failure)")
    }
    try filter.install()
}
