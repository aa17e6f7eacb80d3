import LinuxSystem
import TestSupport
import Testing

/// VMs that are restored from templates, and what two of one template never share.
@Suite(.needsKVM, .serialized) struct TemplateTests {
    private let host: ContainerHost

    init() throws { host = try ContainerHost(templates: true) }

    private func makeTemplate(_ options: [String] = []) throws -> ContainerHost.Template {
        let made = try host.czone(["template", "create"] + options + [host.image])
        try #require(made.status == 0, "\(made.error)")
        return try #require(try host.templates().first { made.output.hasPrefix($0.id) })
    }

    /// Name, size, times and contents of the files of the templates.
    private func files() throws -> String {
        try host.shell("cd $CZONE_STORE/templates; stat -c '%n %s %Y %Z %a' */*; sha256sum */*").output
    }

    @Test func aRestoredVMRunsContainersAndItsTemplateStaysAsItIs() throws {
        let template = try makeTemplate()
        #expect(template.sizeBytes < template.memoryBytes / 2)
        let before = try files()
        #expect(before.contains("/state"))
        let name = try host.runDetached([], ["sleep", "1000"])
        #expect(try host.templates().map(\.inUse) == [true])
        #expect(try host.run([], ["echo", "hello"]).output == "hello\n")
        #expect(try host.czone(["exec", name, "sh", "-c", "echo $((6*7))"]).output == "42\n")
        #expect(try host.machines().count == 1)
        #expect(try host.czone(["template", "remove", template.id]).error.contains("is in use"))
        #expect(try host.czone(["vm", "stop", "--all"]).status == 0)
        #expect(try files() == before)
        #expect(try host.czone(["template", "remove", template.id]).status == 0)
        #expect(try host.templates().isEmpty)
    }

    @Test func nothingRandomIsSharedAndTheClockIsRight() throws {
        _ = try makeTemplate(["--one-per-vm"])
        let script = "head -c 16 /dev/urandom | od -An -tx1; cat /proc/sys/kernel/random/uuid; date +%s"
        var seen: Set<String> = []
        for _ in 0..<4 {
            let result = try host.run(["--one-per-vm"], ["sh", "-c", script])
            let lines = result.output.split(separator: "\n").map(String.init)
            try #require(lines.count == 3, "\(result.error)")
            #expect(seen.insert(lines[0]).inserted && seen.insert(lines[1]).inserted)
            let now = WallClock.nanoseconds / 1_000_000_000
            let time = try #require(UInt64(lines[2]))
            #expect(time <= now && time + 10 > now, "\(time) at \(now)")
        }
    }

    /// CZONE_RESTORES times (64; the promise is 200), 16 at a time.
    @Test func everyRestoreAnswers() throws {
        _ = try makeTemplate(["--one-per-vm"])
        let count = CurrentProcess.environment("CZONE_RESTORES").flatMap { Int($0) } ?? 64
        let script = """
            seq \(count) | xargs -P 16 -I N czone run --rm --one-per-vm $IMAGE sh -c 'head -c 16 /dev/urandom | od -An -tx1'
            """
        let result = try host.shell(script, within: 60 + 10 * count)
        #expect(result.status == 0, "\(result.error)")
        #expect(Set(result.output.split(separator: "\n")).count == count, "\(result.error)")
        #expect(try host.waits { try host.machines().isEmpty })
    }

    @Test(arguments: [("state", 5000), ("working-set", 40)])
    func aDamagedTemplateIsReplacedByABoot(file: String, offset: Int) throws {
        _ = try makeTemplate()
        let damage = """
            f=$(ls $CZONE_STORE/templates/*/\(file)); chmod 644 $f
            printf x | dd of=$f bs=1 seek=\(offset) conv=notrunc 2>&1
            """
        #expect(try host.shell(damage).status == 0)
        let result = try host.run([], ["echo", "hello"])
        #expect(result.output == "hello\n")
        #expect(
            result.error.contains("warning: booting a VM, as its template is no good: the template is refused"),
            "\(result.error)")
        #expect(result.error.split(separator: "\n").count == 1)
    }

    @Test func theFirstContainerLeavesATemplateBehind() throws {
        #expect(try host.run([], ["echo", "hello"]).output == "hello\n")
        #expect(try host.waits(atMost: 120) { try host.templates().count == 1 })
        #expect(try host.templates().first?.inUse == false)
    }

    @Test func aVMIsPrewarmed() throws {
        _ = try makeTemplate()
        let run = "CZONE_PREWARM=1 czone run --detach $IMAGE sleep 1000"
        #expect(try host.shell(run).status == 0)
        #expect(try host.waits(atMost: 60) { try host.machines().count == 2 })
        #expect(try host.machines().map(\.containers).sorted() == [0, 1])
    }
}
