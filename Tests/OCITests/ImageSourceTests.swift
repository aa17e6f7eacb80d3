import Foundation
import Testing

@testable import OCI

/// Archives and layouts of every kind, and everything that can be wrong with one.
@Suite struct ImageSourceTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func layer(_ content: String = "1") -> [UInt8] {
        var tar = TarWriter()
        tar.file("file", content)
        return tar.finished
    }

    private func failure(_ reference: String) -> OCIError? {
        #expect(throws: OCIError.self) { try directory.resolve(reference) }
    }

    @Test func theSameImageComesOutOfEveryContainer() throws {
        var plain = ImageWriter()
        try plain.image([layer()])
        var packed = ImageWriter()
        try packed.image([layer()], [.zstd])
        let references = [
            try plain.archive(in: directory, "plain.tar"), try plain.archive(in: directory, "outer.tar.gz", .gzip),
            try packed.archive(in: directory, "outer.tar.zst", .zstd), try plain.layout(in: directory),
            "oci:" + (try packed.layout(in: directory, "packed")),
        ]
        let digests = try Set(references.map { try directory.resolve($0).digest })
        #expect(digests.count == 1)
        #expect(try directory.store().list().count == 1)
    }

    /// What docker and containerd run although the image specification wants more.
    @Test(arguments: [
        #"{"architecture":"amd64","os":"linux","rootfs":{"diff_ids":[DIFF]},"config":{"Cmd":["/c"]}}"#,
        #"{"architecture":"","os":"linux","rootfs":{"type":"layers","diff_ids":[DIFF]},"config":{"Cmd":["/c"]}}"#,
        #"{"os":"","rootfs":{"type":"","diff_ids":[DIFF]},"config":{"Cmd":"/c"}}"#,
        #"{"architecture":null,"rootfs":{"type":null,"diff_ids":[DIFF]},"config":{"Entrypoint":"/c","Cmd":null}}"#,
        #"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[DIFF]},"config":{"Cmd":["/c"],"Env":null,"Labels":{"a":null,"b":"c"},"Volumes":{"/v":null},"ExposedPorts":null,"User":null,"WorkingDir":null}}"#,
    ])
    func configurationsThatLeaveThingsOutAreRead(_ template: String) throws {
        let config = template.replacing("DIFF", with: "\"\(Digest(of: layer()))\"")
        var tar = TarWriter()
        tar.blob("config.json", Array(config.utf8))
        tar.blob("layer.tar", layer())
        tar.blob("manifest.json", Array(#"[{"Config":"config.json","RepoTags":null,"Layers":["layer.tar"]}]"#.utf8))
        let image = try directory.resolve(directory.write("saved.tar", tar.finished))
        #expect(image.config.commandLine() == ["/c"])
        #expect(image.config.labels.map { $0 == ["a": "", "b": "c"] } != false)
        #expect(image.config.volumes.map { $0 == ["/v"] } != false)
    }

    @Test func otherPlatformsAndRootsAreStillRefused() throws {
        for config in [
            #"{"architecture":"arm64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}"#,
            #"{"architecture":"","os":"windows","rootfs":{"type":"layers","diff_ids":[]}}"#,
            #"{"architecture":"amd64","os":"linux","rootfs":{"type":"blocks","diff_ids":[]}}"#,
        ] {
            var tar = TarWriter()
            tar.blob("config.json", Array(config.utf8))
            tar.blob("manifest.json", Array(#"[{"Config":"config.json","RepoTags":null,"Layers":[]}]"#.utf8))
            #expect(failure(try directory.write("saved.tar", tar.finished)) != nil, "\(config)")
        }
    }

    @Test func dockerArchivesAreRead() throws {
        let config =
            #"{"architecture":"amd64","os":"linux","config":{"Cmd":null,"Entrypoint":["/e"]},"rootfs":{"type":"layers","diff_ids":["\#(Digest(of: layer()))","\#(Digest(of: layer("2")))","\#(Digest(of: layer()))"]}}"#
        let digest = Digest(of: Array(config.utf8))
        var tar = TarWriter()
        tar.blob("\(digest.hex).json", Array(config.utf8))
        tar.blob("aa/layer.tar", layer())
        tar.blob("bb/layer.tar", layer("2"))
        // docker save writes a layer once and links to it.
        tar.link("cc/layer.tar", to: "../aa/layer.tar")
        tar.blob(
            "manifest.json",
            Array(
                #"[{"Config":"\#(digest.hex).json","RepoTags":["app:2"],"Layers":["aa/layer.tar","bb/layer.tar","cc/layer.tar"]}]"#
                    .utf8))
        let path = try directory.write("saved.tar", tar.finished)
        let image = try directory.resolve(path)
        #expect(image.digest == digest)
        #expect(image.config.commandLine() == ["/e"])
        #expect(image.name == "app:2")
        #expect(try directory.unpack(image).text("file") == "1")
        #expect(try directory.resolve("docker-archive:\(path):app:2").digest == digest)
        #expect(failure("docker-archive:\(path):app:3") == .missing(what: #"the image "app:3""#, in: path))
        #expect(try directory.store().find("app:2")?.digest == digest)
    }

    @Test func theManifestForTheGuestIsChosen() throws {
        var writer = ImageWriter()
        try writer.image([layer("arm")], platform: ("linux", "arm64"))
        let inner = [
            try writer.image([layer("windows")], platform: ("windows", "amd64"), listed: false),
            try writer.image([layer("right")], listed: false),
        ]
        writer.nestedIndex(inner)
        let image = try directory.unpack(directory.resolve(writer.archive(in: directory)))
        #expect(image.text("file") == "right")
    }

    @Test func anImageForOtherMachinesIsRefused() throws {
        var writer = ImageWriter()
        try writer.image([layer()], platform: ("linux", "arm64"))
        try writer.image([layer()], platform: ("windows", "amd64"))
        let path = try writer.archive(in: directory)
        #expect(failure(path) == .noPlatform(path: path, found: ["linux/arm64", "windows/amd64"]))
    }

    @Test func oneOfSeveralImagesIsChosenByName() throws {
        var writer = ImageWriter()
        try writer.image([layer("1")], name: "one:1")
        try writer.image([layer("2")], name: "two:1")
        let path = try writer.layout(in: directory)
        #expect(failure(path) == .severalImages(path: path, names: ["one:1", "two:1"]))
        #expect(try directory.unpack(directory.resolve("oci:\(path):two:1")).text("file") == "2")
        #expect(failure("oci:\(path):three:1")?.description.contains("one:1, two:1") == true)
    }

    @Test func whatIsNoImageIsNamed() throws {
        #expect(failure("/nowhere/at/all") == .notFound("/nowhere/at/all"))
        #expect(failure("no-such-name") == .notFound("no-such-name"))
        #expect(failure("dir:/nowhere") == .notFound("dir:/nowhere"))
        let text = try directory.write("text", Array("hello".utf8))
        let zeros = try directory.write("zeros", [UInt8](repeating: 0, count: 4096))
        let plain = try directory.write("plain/etc/passwd", [])
        for path in [
            text, zeros, try directory.write("empty", []), directory.path("plain"), "/dev/null", "dir:\(plain)",
        ] {
            guard case .notAnImage = failure(path) else {
                Issue.record("\(path): \(String(describing: failure(path)))")
                continue
            }
        }
    }

    @Test func aDamagedLayerIsRefused() throws {
        var writer = ImageWriter()
        try writer.image([layer()])
        let digest = Digest(of: layer())
        writer.damageBlob(digest)
        guard case .digestMismatch(_, digest, _) = failure(try writer.archive(in: directory)) else {
            Issue.record("expected a digest mismatch")
            return
        }
    }

    @Test(arguments: [ImageWriter.Compression.gzip, .zstd])
    func aDamagedCompressedLayerIsRefused(_ compression: ImageWriter.Compression) throws {
        var writer = ImageWriter()
        try writer.image(
            [layer(String((0..<4000).map { _ in Character(UnicodeScalar(UInt8.random(in: 33...126))) }))], [compression]
        )
        let largest = try #require(writer.files.max { $0.value.count < $1.value.count })
        writer.damageBlob(try #require(Digest(hex: largest.key.suffix(64))))
        let error = failure(try writer.archive(in: directory))
        guard case .digestMismatch = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test func aLayerThatUnpacksToSomethingElseIsRefused() throws {
        var writer = ImageWriter()
        try writer.image([layer()], [.gzip], diffIDs: [Digest(of: [1]).description])
        guard case .digestMismatch(let what, _, _) = failure(try writer.archive(in: directory)),
            what.contains("unpacked")
        else {
            Issue.record("expected a digest mismatch")
            return
        }
    }

    @Test func brokenDocumentsAreNamed() throws {
        var writer = ImageWriter()
        try writer.image([layer()])
        for (content, word) in [
            ("", "no JSON"), ("{", "no JSON"), ("[]", "expected type"), ("{}", "schemaVersion"),
            (#"{"schemaVersion":2,"manifests":[{"digest":"sha256:no","size":1}]}"#, "manifests.[0].digest"),
            (#"{"schemaVersion":2,"manifests":[]}"#, "no image for linux/amd64"),
            (
                #"{"schemaVersion":2,"manifests":[{"digest":"sha256:\#(String(repeating: "0", count: 64))","size":1}]}"#,
                "lacks"
            ),
        ] {
            var broken = writer
            broken.set("index.json", Array(content.utf8))
            let error = failure(try broken.archive(in: directory, "broken-\(word.hashValue).tar"))
            #expect(error?.description.contains(word) == true, "\(content): \(String(describing: error))")
        }
    }

    @Test func missingAndShortBlobsAreNamed() throws {
        var writer = ImageWriter()
        try writer.image([layer()])
        let path = "blobs/sha256/\(Digest(of: layer()).hex)"
        var missing = writer
        missing.set(path, nil)
        guard case .missing = failure(try missing.layout(in: directory, "missing")) else {
            Issue.record("expected a missing blob")
            return
        }
        var short = writer
        short.set(path, Array(layer().dropLast()))
        guard case .sizeMismatch = failure(try short.layout(in: directory, "short")) else {
            Issue.record("expected a size mismatch")
            return
        }
    }

    @Test(arguments: [ImageWriter.Compression.none, .gzip, .zstd])
    func truncatedArchivesAreRefused(_ compression: ImageWriter.Compression) throws {
        var writer = ImageWriter()
        try writer.image([layer(String(repeating: "content ", count: 4000))], name: nil)
        let whole = Array(try Data(contentsOf: URL(filePath: writer.archive(in: directory, "whole", compression))))
        for part in [whole.count / 4, whole.count / 2, whole.count * 9 / 10] {
            let path = try directory.write("cut-\(part)", Array(whole.prefix(part)))
            #expect(failure(path) != nil)
        }
        #expect(try directory.store().list().isEmpty)
    }

    @Test func otherLayersAndArtifactsAreRefusedByName() throws {
        var writer = ImageWriter()
        let config = writer.blob(Array("{}".utf8), type: "application/vnd.example.chart+json")
        let manifest = writer.blob(
            Array(#"{"schemaVersion":2,"config":{\#(config)},"layers":[]}"#.utf8),
            type: "application/vnd.oci.image.manifest.v1+json")
        writer.nestedIndex([manifest])
        let error = failure(try writer.archive(in: directory))
        #expect(error?.description.contains("application/vnd.example.chart+json") == true)
    }

    @Test func filesOutsideOfALayoutAreNotRead() throws {
        try directory.write("layout/manifest.json", Array(#"[{"Config":"../secret.json","Layers":[]}]"#.utf8))
        try directory.write(
            "secret.json",
            Array(#"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}"#.utf8))
        guard case .missing = failure(directory.path("layout")) else {
            Issue.record("expected the configuration to be missing")
            return
        }
    }

    @Test func anArchiveOfManyHeadersEnds() throws {
        var tar = TarWriter()
        for index in 0..<2000 { tar.file("f\(index)") }
        guard case .notAnImage = failure(try directory.write("many.tar", tar.finished)) else {
            Issue.record("expected no image")
            return
        }
        let cyclic = try directory.write(
            "cyclic.tar",
            {
                var tar = TarWriter()
                tar.link("manifest.json", to: "./manifest.json")
                return tar.finished
            }())
        guard case .malformed = failure(cyclic) else {
            Issue.record("expected a circle")
            return
        }
    }
}
