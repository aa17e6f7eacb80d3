import Foundation
import LeanJSON
import LinuxSystem
import SystemPackage
import Testing

@testable import OCI

@Suite struct ImageStoreTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func archive(_ content: String = "1", name: String? = "example:1", file: String = "image.tar") throws
        -> String
    {
        var tar = TarWriter()
        tar.file("file", content)
        tar.file("etc/passwd", "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001::/home/app:/bin/sh\n")
        tar.file("etc/group", "root:x:0:\napp:x:1001:\naudio:x:29:app\n")
        var writer = ImageWriter()
        try writer.image(
            [tar.finished], config: #"{"User":"app","Env":["A=1"],"Cmd":["/file"],"ExposedPorts":{"80/tcp":{}}}"#,
            name: name)
        return try writer.archive(in: directory, file)
    }

    @Test func anImportedImageHasEverythingThatARunNeeds() throws {
        let image = try directory.resolve(archive())
        #expect(image.erofsSizeInBytes > 0 && image.erofsSizeInBytes % (2 << 20) == 0)
        #expect(try Directory.status(ofPath: image.erofsPath)?.sizeInBytes == image.erofsSizeInBytes)
        #expect(image.config.exposedPorts == ["80/tcp"])
        #expect(image.config.env == ["A=1"])
        #expect(try image.accounts.identity(of: image.config.user ?? "").supplementaryGids == [1001, 29])
        try run("fsck.erofs", [image.erofsPath])
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path("images/tmp")).isEmpty)
        #expect(try Directory.status(ofPath: directory.path("images"))?.mode == 0o40700)
    }

    @Test func noContentLiesBehindAnInode() throws {
        let image = try directory.resolve(archive())
        let report = try run("dump.erofs", ["--path=/file", image.erofsPath])
        #expect(report.contains("Layout: 0"), "a flat file without inline data: \(report)")
    }

    @Test func anUnchangedSourceIsNotReadAgain() throws {
        let path = try archive()
        let store = try directory.store()
        let first = try store.resolve(ImageReference(path))
        usleep(30_000)
        _ = try store.resolve(ImageReference(path))
        let steps = Steps()
        let again = try store.resolve(ImageReference(path)) { steps.add($0) }
        #expect(again == first)
        #expect(steps.all.isEmpty)
        // Found without the archive's bytes: only its status is looked at.
        let status = try #require(try Directory.status(ofPath: path))
        #expect(try store.find(source: ImageSource(path: path, status: status, name: nil).key) == first)
    }

    @Test func aChangedSourceIsReadAgain() throws {
        let store = try directory.store()
        let first = try store.resolve(ImageReference(archive("1")))
        let second = try store.resolve(ImageReference(archive("2")))
        #expect(first.digest != second.digest)
        #expect(try directory.unpack(second).text("file") == "2")
        #expect(try store.find("example:1") == second, "the name moves to the newer image")
        #expect(try store.list().count == 2)
    }

    @Test func imagesAreFoundByDigestPrefixAndName() throws {
        let store = try directory.store()
        let image = try store.resolve(ImageReference(archive(name: "docker.io/library/app:latest")))
        for text in [
            image.digest.description, image.digest.hex, image.digest.shortHex, "docker.io/library/app:latest",
            "app:latest", "app",
        ] {
            #expect(try store.resolve(ImageReference(text)) == image, "\(text)")
        }
        #expect(try store.find("app:other") == nil)
        #expect(try store.find(String(image.digest.hex.prefix(3))) == nil, "too short to be meant")
    }

    @Test func anAmbiguousPrefixIsRefused() throws {
        let store = try directory.store()
        let image = try store.resolve(ImageReference(archive()))
        let twin = image.digest.hex.prefix(10) + String(repeating: "0", count: 54)
        try directory.write("images/\(twin).json", Array("{}".utf8))
        #expect(throws: OCIError.ambiguous(prefix: String(twin.prefix(8)), matches: [])) {
            do { _ = try store.find(String(twin.prefix(8))) } catch OCIError.ambiguous(let prefix, let matches) {
                #expect(matches.count == 2)
                throw OCIError.ambiguous(prefix: prefix, matches: [])
            }
        }
    }

    @Test func namesComeAndGo() throws {
        let store = try directory.store()
        let image = try store.resolve(ImageReference(archive()))
        try store.tag(image.digest, as: "registry.example:5000/team/app:3")
        #expect(try store.list().first?.names == ["example:1", "registry.example:5000/team/app:3"])
        try store.untag("example:1")
        #expect(try store.find("example:1") == nil)
        #expect(throws: OCIError.notFound("example:1")) { try store.untag("example:1") }
        for name in ["", "../up", "/absolute", "a b", "a\u{0}b", "ä", String(repeating: "a", count: 201)] {
            #expect(throws: OCIError.self, "\(name)") { try store.tag(image.digest, as: name) }
        }
    }

    @Test func aFileIsMeantBeforeANameOfTheStore() throws {
        // An archive must not be able to take the place of a file by naming itself like it.
        let store = try directory.store()
        let victim = try archive("right", name: "victim:1", file: "app.tar")
        let name = FilePath(victim).removingRoot().string
        _ = try store.resolve(ImageReference(archive("wrong", name: name, file: "attacker.tar")))
        #expect(try store.find(name) != nil)
        #expect(try directory.unpack(store.resolve(ImageReference(victim))).text("file") == "right")
    }

    @Test func aLeasedImageIsNotRemoved() throws {
        let store = try directory.store()
        let image = try store.resolve(ImageReference(archive()))
        var lease: ImageLease? = try store.lease(image)
        let inherited = try lease?.descriptor.duplicate()
        #expect(throws: OCIError.inUse(image.digest)) { try store.remove(image.digest) }
        lease = nil
        #expect(throws: OCIError.inUse(image.digest), "a duplicate holds the lease") { try store.remove(image.digest) }
        withExtendedLifetime(inherited) {}
        _ = consume inherited
        try store.remove(image.digest)
        #expect(throws: OCIError.notFound("example:1")) { try store.lease(image) }
        #expect(throws: OCIError.notFound(image.digest.description)) { try store.remove(image.digest) }
        let left = try FileManager.default.subpathsOfDirectory(atPath: directory.path("images")).sorted()
        #expect(left == ["names", "sources", "tmp"])
    }

    @Test func aDamagedStoreHealsByImport() throws {
        let store = try directory.store()
        let path = try archive()
        let image = try store.resolve(ImageReference(path))
        try run("truncate", ["-s", "4096", image.erofsPath])
        #expect(try store.find(image.digest.description) == nil)
        #expect(try store.resolve(ImageReference(path)) == image.later(than: image, in: store))
        try run("fsck.erofs", [image.erofsPath])
        try directory.write("images/\(image.digest.hex).json", Array("{".utf8))
        #expect(try store.resolve(ImageReference(path)).digest == image.digest)
    }

    @Test func whatADeadBuilderLeftIsRemoved() throws {
        try directory.write("images/tmp/\(String(repeating: "a", count: 64))/rootfs/deep/er/file", [1])
        try directory.write("images/tmp/\(String(repeating: "a", count: 64)).lock", [])
        try directory.write("images/tmp/spool-1-2/archive.tar", [1])
        _ = try directory.resolve(archive())
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path("images/tmp")).isEmpty)
    }

    @Test func aLivingBuildersDirectoryStays() throws {
        let store = try directory.store()
        let work = try WorkDirectory("busy", in: store)
        _ = try store.resolve(ImageReference(archive()))
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: directory.path("images/tmp")).sorted() == [
                "busy", "busy.lock",
            ])
        withExtendedLifetime(work) {}
    }

    @Test func twoBuildersAtOnceBuildOnce() async throws {
        let path = try archive(String(repeating: "content ", count: 200_000))
        let builds = Steps()
        let images = try await withThrowingTaskGroup(of: StoredImage.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    try directory.store().resolve(ImageReference(path)) { builds.add($0) }
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(Set(images).count == 1)
        #expect(builds.all.count { $0.phase == .building && $0.bytesDone == 0 } == 1)
        try run("fsck.erofs", [images[0].erofsPath])
    }

    @Test func theSameImageGivesTheSameBytes() throws {
        let path = try archive()
        let elsewhere = try TemporaryDirectory()
        let (here, there) = (try directory.resolve(path), try elsewhere.store().resolve(ImageReference(path)))
        try run("cmp", [here.erofsPath, there.erofsPath])
    }

    @Test func progressGoesUpToTheEnd() throws {
        let path = try archive(String(repeating: "content ", count: 200_000))
        let steps = Steps()
        _ = try directory.store().resolve(ImageReference(path)) { steps.add($0) }
        let seen = steps.all
        let unpacking = seen.filter { $0.phase == .unpacking }
        #expect(unpacking.last.map { $0.bytesDone == $0.bytesTotal && $0.bytesTotal > 1_600_000 } == true)
        #expect(zip(unpacking, unpacking.dropFirst()).allSatisfy { $0.bytesDone <= $1.bytesDone })
        #expect(seen.last.map { $0.phase == .building && $0.bytesDone == $0.bytesTotal } == true)
    }

    @Test func anEmptyStoreIsEmpty() throws {
        let store = try directory.store()
        #expect(try store.list().isEmpty)
        #expect(try store.find("abcdef") == nil)
        #expect(throws: OCIError.self) { try store.remove(Digest(of: [])) }
        #expect(!FileManager.default.fileExists(atPath: directory.path("images")), "asking makes nothing")
        #expect(throws: OCIError.self) { try ImageStore(root: "relative") }
    }
}

extension StoredImage {
    /// The same image as the store has it now: it may have been imported a second later.
    fileprivate func later(than old: StoredImage, in store: ImageStore) throws -> StoredImage? {
        try store.find(old.digest.description)
    }
}

@Suite struct StoredImageTests {
    @Test func theDescriptionIsReadAsItWasWritten() throws {
        var config = ImageConfig(entrypoint: ["/e"], cmd: [], env: ["A=\"\\\n\u{1}ä😀/"], workingDir: "/", user: "u")
        config.exposedPorts = ["80/tcp"]
        config.volumes = ["/data"]
        config.labels = ["k": "v"]
        config.stopSignal = "SIGQUIT"
        let accounts = Accounts(passwd: "a:x:4294967295:2:::\n", group: "g:x:3:a,b\n")
        let image = StoredImage(
            digest: Digest(of: []), name: "n", origin: "/o", config: config, accounts: accounts,
            erofsSizeInBytes: 2 << 20,
            created: nil, imported: 1)
        let bytes = try JSON.encode(image, what: "image")
        #expect(StoredImage(description: bytes) == image)
        #expect(try JSON.decode(StoredImage.self, from: bytes, what: "image") == image, "both readers agree")
        for count in 0..<bytes.count { #expect(StoredImage(description: Array(bytes.prefix(count))) == nil) }
    }

    @Test(
        arguments: [
            ("", nil), ("{}", .object([:])), (" [ ] ", .array([])), ("[1,-2]", .array([.integer(1), .integer(-2)])),
            (#""\u00e4\ud83d\ude00\n""#, .string("ä😀\n")), ("[1,]", nil), (#"{"a" 1}"#, nil), ("nul", nil),
            ("1.5", nil), ("--1", nil),
            (#""\ud83d""#, nil), (#""\x""#, nil), (#""open"#, nil), ("null true", nil),
            ("9223372036854775808", .unsigned(1 << 63)),
            ("18446744073709551616", nil),
            (String(repeating: "[", count: 10_000), nil), (#"{"a":null,"a":true}"#, .object(["a": .bool(true)])),
        ] as [(String, JSONValue?)])
    func valuesAreReadStrictly(_ text: String, _ expected: JSONValue?) {
        #expect(JSONValue(Array(text.utf8)) == expected)
    }
}
