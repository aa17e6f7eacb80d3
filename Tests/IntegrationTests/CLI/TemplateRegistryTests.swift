import LinuxSystem
import TestSupport
import Testing

/// Templates that one host makes and another one uses, with a registry between them.
@Suite(.needsKVM, .serialized, .enabled(if: DockerRegistry.isInstalled, "docker-registry is not installed"))
struct TemplateRegistryTests {
    private let maker: ContainerHost
    private let user: ContainerHost
    private let registry: DockerRegistry

    init() throws {
        maker = try ContainerHost(templates: true)
        user = try ContainerHost(templates: true)
        registry = try DockerRegistry()
    }

    private var repository: String { "http://\(registry.authority)/test/templates" }

    /// Makes a template on the one host and pushes it; what the push printed.
    private func push(_ options: [String] = [], _ command: [String] = [], to reference: String) throws -> String {
        let made = try maker.czone(["template", "create"] + options + [maker.image] + command)
        try #require(made.status == 0, "\(made.error)")
        let pushed = try maker.czone(["template", "push", reference])
        try #require(pushed.status == 0, "\(pushed.error)")
        return String(pushed.output.dropLast())
    }

    private func show(_ template: String) throws -> String {
        try user.czone(["template", "show", "--json", template]).output
    }

    @Test func aVMIsRestoredFromATemplateOfAnotherHost() throws {
        let pinned = try push(to: "\(repository):one")
        // Its image has to be there.
        let early = try user.czone(["template", "pull", "http://\(pinned)"])
        #expect(
            early.status == 1 && early.error.contains("which this store has not: import it first"), "\(early.error)")
        #expect(try user.czone(["image", "import", maker.image]).status == 0)
        let pulled = try user.czone(["template", "pull", "http://\(pinned)"])
        try #require(pulled.status == 0, "\(pulled.error)")
        let template = try #require(try user.templates().first { pulled.output.hasPrefix($0.id) })
        #expect(try template.id != maker.templates().first?.id)
        #expect(try show(template.id).contains("\"source\" : \"\(pinned)@"))
        // A VM is restored from it, and has nothing to complain of.
        let ran = try user.czone(["run", "--detach", maker.image, "sleep", "1000"])
        #expect(ran.status == 0 && ran.error.isEmpty, "\(ran.error)")
        #expect(try user.templates().map(\.inUse) == [true])
        #expect(try user.czone(["run", "--rm", maker.image, "echo", "hello"]).output == "hello\n")
        #expect(try user.machines().count == 1)
        // Both hosts draw random numbers of their own.
        let random = ["run", "--rm", maker.image, "sh", "-c", "head -c 16 /dev/urandom | od -An -tx1"]
        #expect(try user.czone(random).output != maker.czone(random).output)
    }

    @Test func aMissingTemplateComesFromTheSourceBehindTheFirstContainer() throws {
        let pushed = try push(to: repository)
        #expect(pushed.contains(":czone-"))
        let run =
            "CZONE_GENERIC_TEMPLATE=off CZONE_TEMPLATE_SOURCE=\(repository) czone run --detach \(maker.image) sleep 1000"
        let first = try user.shell(run)
        #expect(first.status == 0, "\(first.error)")
        #expect(try user.waits(atMost: 120) { try user.templates().count == 1 })
        let template = try #require(try user.templates().first)
        #expect(try show(template.id).contains(pushed.split(separator: "@")[0]))
        #expect(try user.czone(["vm", "stop", "--all"]).status == 0)
        #expect(try user.shell(run).status == 0)
        #expect(try user.templates().map(\.inUse) == [true])
    }

    @Test func aSourceThatIsNotThereCostsNothingButTheMaking() throws {
        registry.kill()
        let run =
            "CZONE_GENERIC_TEMPLATE=off CZONE_TEMPLATE_SOURCE=\(repository) czone run --detach \(maker.image) sleep 1000"
        #expect(try user.shell(run).status == 0)
        #expect(try user.waits(atMost: 120) { try user.templates().count == 1 })
        let template = try #require(try user.templates().first)
        #expect(try !show(template.id).contains("\"source\""))
    }

    @Test func aProcessTemplateComesAlong() throws {
        let program = ["--warm-start", "--function", "f"]
        let command = ["sh", "-c", "kill -STOP $$; echo copied; sleep 1000"]
        let pinned = try push(program, command, to: "\(repository):warm")
        #expect(try user.czone(["image", "import", maker.image]).status == 0)
        let pulled = try user.czone(["template", "pull", "http://\(pinned)"])
        try #require(pulled.status == 0, "\(pulled.error)")
        let ran = try user.czone(["run", "--detach", "--name", "c"] + program + [maker.image] + command)
        #expect(ran.status == 0, "\(ran.error)")
        #expect(try user.waits(atMost: 60) { try user.czone(["logs", "c"]).output == "copied\n" })
        #expect(try user.processTemplates().map(\.instances) == [1])
    }
}
