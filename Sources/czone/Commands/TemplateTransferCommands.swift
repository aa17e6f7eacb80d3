import ArgumentParser
import LinuxSystem
import OCI
import Runtime
import SystemPackage

extension TemplateCommand {
    /// What both directions take. `czone-transfer` does the work: the command line itself starts containers, and is
    /// small for that.
    struct TransferOptions: ParsableArguments {
        @Option(
            help: "A file of credentials as `docker login` writes it; by default ~/.docker/config.json.",
            completion: .file())
        var credentials: String?
        @Option(help: "A PEM file of further authorities that vouch for the registry.", completion: .file())
        var ca: String?
        @Flag(help: "Without TLS, to a registry that is not on this host.")
        var plainHttp = false
        @Option(help: "How long all of it may take, in seconds (600).")
        var timeout: Int?

        /// Becomes the program that does it.
        func become(_ verb: String, _ words: [String], _ global: GlobalOptions) throws -> Never {
            let program = try Artefacts().transfer().string
            let registry = try global.registry()
            var arguments = [
                program, verb, "--store", try global.images().root.removingLastComponent().string, "--root",
                registry.root.string,
            ]
            for (name, value) in [("credentials", credentials), ("ca", ca), ("timeout", timeout.map { "\($0)" })] {
                if let value { arguments += ["--\(name)", value] }
            }
            if plainHttp { arguments.append("--plain-http") }
            throw CurrentProcess.become(program, arguments: arguments + words)
        }
    }

    struct PushCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "push", abstract: "Sends a template to a registry; what is there already is not sent again.",
            discussion: """
                REFERENCE is [http://]REGISTRY[:PORT]/NAME[:TAG]. Without a tag it gets the one by which other hosts look \
                for it (the setting template-source). A template is the memory of a running guest: who can write to the \
                repository decides what runs in the VMs of those who pull from it.
                """)

        @OptionGroup var global: GlobalOptions
        @OptionGroup var options: TransferOptions
        @Argument(help: "Where to.")
        var reference: String
        @Argument(help: "Which template; by default the one that was used last.")
        var template: String?

        func run() throws {
            try global.perform {
                let store = try global.templates()
                guard let name = try template.map({ try store.find($0).name }) ?? store.entries().first?.name else {
                    throw RuntimeError.invalid("there is no template to push; `czone template create` makes one")
                }
                try options.become("push", [reference, name], global)
            }
        }
    }

    struct PullCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "pull", abstract: "Fetches a template from a registry, where it is of this host's VMs.",
            discussion: """
                REFERENCE is [http://]REGISTRY[:PORT]/NAME and :TAG, or @sha256:DIGEST, or both. The template's image has to \
                be in the store, and kernel, agent, monitor, processor and settings have to be those of the host that \
                made it: else it is refused by what differs.
                """)

        @OptionGroup var global: GlobalOptions
        @OptionGroup var options: TransferOptions
        @Argument(help: "Which template.")
        var reference: String

        func run() throws { try global.perform { try options.become("pull", [reference], global) } }
    }
}
