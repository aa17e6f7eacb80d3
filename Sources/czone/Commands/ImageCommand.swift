import ArgumentParser
import OCI
import Runtime

struct ImageCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "image", abstract: "Lists, imports and removes images.",
        subcommands: [ListCommand.self, ImportCommand.self, RemoveCommand.self], defaultSubcommand: ListCommand.self)

    /// The names of the properties, in snake case, are the keys of its JSON.
    struct Status: Encodable {
        var digest: String
        var names: [String]
        var origin: String
        var sizeBytes: UInt64
        var path: String
        var importedNs: UInt64
        var created: String?

        init(_ image: StoredImage) {
            digest = image.digest.description
            names = image.names
            origin = image.origin
            sizeBytes = image.erofsSizeInBytes
            path = image.erofsPath
            importedNs = UInt64(max(0, image.imported)) * 1_000_000_000
            created = image.created
        }
    }

    struct ListCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list", abstract: "Lists stored images.", aliases: ["ls"])

        @OptionGroup var global: GlobalOptions
        @Flag(help: "As JSON.")
        var json = false

        func run() throws {
            try global.perform {
                let images = try global.images().list().map(Status.init)
                if json { return printOutput(try JSONText.report(images)) }
                var table = Table(["DIGEST", "NAME", "SIZE", "AGE", "FROM"], rightAligned: [2])
                let now = currentTimeInNanoseconds()
                for image in images {
                    table.add([
                        String(image.digest.dropFirst("sha256:".count).prefix(12)), image.names.joined(separator: ", "),
                        ByteSize(bytes: image.sizeBytes).description, age(since: image.importedNs, now: now),
                        image.origin,
                    ])
                }
                printOutput(table.text)
            }
        }
    }

    struct ImportCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "import", abstract: "Puts an image into the store, and prints its digest.")

        @OptionGroup var global: GlobalOptions
        @Option(help: "A further name for it.")
        var name: String?
        @Flag(help: "As JSON.")
        var json = false
        @Argument(
            help: "An OCI archive, an OCI layout directory, a docker archive, or dir:ROOTFS.", completion: .file())
        var image: String

        func run() throws {
            try global.perform {
                let store = try global.images()
                let stored = try ImageImport.resolve(image, in: store)
                if let name { try store.tag(stored.digest, as: name) }
                if json {
                    let listed = try store.list().first { $0.digest == stored.digest } ?? stored
                    return printOutput(try JSONText.report(Status(listed)))
                }
                printOutput(stored.digest.description)
            }
        }
    }

    struct RemoveCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "remove", abstract: "Removes images.", aliases: ["rm"])

        @OptionGroup var global: GlobalOptions
        @Argument(help: "Names or digests.")
        var images: [String]

        func run() throws {
            try global.perform {
                let store = try global.images()
                try forEach(images) { name in
                    guard let image = try store.find(name) else { throw OCIError.notFound(name) }
                    try store.remove(image.digest)
                    printOutput(name)
                }
            }
        }
    }
}
