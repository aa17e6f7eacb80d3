import LinuxSystem
import Foundation
import Testing

@testable import OCI

private func layer(_ fill: (inout TarWriter) -> Void) -> TarWriter {
    var tar = TarWriter()
    fill(&tar)
    return tar
}

@Suite struct LayerTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    /// Imports layers and unpacks what became of them.
    private func unpacked(
        _ layers: [TarWriter], _ compression: [ImageWriter.Compression] = [.none]
    ) throws -> UnpackedImage {
        var writer = ImageWriter()
        try writer.image(layers.map(\.finished), compression)
        return try directory.unpack(directory.resolve(writer.archive(in: directory)))
    }

    @Test(arguments: [ImageWriter.Compression.none, .gzip, .zstd])
    func everyKindOfEntryIsUnpacked(_ compression: ImageWriter.Compression) throws {
        var writer = ImageWriter()
        try writer.image(
            [
                layer {
                    $0.directory("bin", mode: 0o750, owner: (7, 8), time: 5_000)
                    $0.file(
                        "bin/tool", "content", mode: 0o4755, owner: (1000, 70_000), time: 1_234_567,
                        attributes: ["user.note": "text"])
                    $0.hardLink("bin/same", to: "bin/tool")
                    $0.link("bin/link", to: "/no/../such//place/")
                    $0.device("null", 1, 3)
                    $0.fifo("pipe")
                    $0.file("without/a/directory", "deep")
                    $0.longName("long/" + String(repeating: "n", count: 200), "long")
                    $0.file("grüße", "utf-8")
                }.finished
            ], [compression])
        try withMounted(directory.resolve(writer.archive(in: directory)), in: directory) { image in
            #expect(image.text("bin/tool") == "content")
            let tool = try #require(try image.status("bin/tool"))
            #expect(tool.mode == 0o104755 && tool.uid == 1000 && tool.gid == 70_000)
            #expect(tool.modified == 1_234_567_000_000_000)
            #expect(try image.attribute("user.note", of: "bin/tool") == "text")
            #expect(image.text("bin/same") == "content")
            #expect(try image.target("bin/link") == "/no/../such//place/")
            let bin = try #require(try image.status("bin"))
            #expect(bin.mode == 0o040750 && bin.uid == 7 && bin.gid == 8 && bin.modified == 5_000_000_000_000)
            #expect(try image.status("null")?.mode == 0o020666)
            #expect(try image.status("pipe")?.mode == 0o010600)
            #expect(image.text("without/a/directory") == "deep")
            #expect(try image.status("without")?.modified == 0)
            #expect(try image.names("long") == [String(repeating: "n", count: 200)])
            #expect(image.text("grüße") == "utf-8")
        }
    }

    /// Those that the overlay over the image would follow go; BuildKit's are attributes like others.
    @Test func ordersToTheOverlayAreDropped() throws {
        var writer = ImageWriter()
        try writer.image([
            layer {
                let orders = ["redirect": "/etc", "metacopy": "", "opaque": "y", "overlay.opaque": "y"]
                let own = orders.map { ("trusted.overlay.\($0.key)", $0.value) }
                let users = orders.map { ("user.overlay.\($0.key)", $0.value) }
                $0.file(
                    "a", "x", attributes: Dictionary(uniqueKeysWithValues: own + users + [("user.note", "kept")]))
            }.finished
        ])
        try withMounted(directory.resolve(writer.archive(in: directory)), in: directory) { image in
            #expect(image.text("a") == "x")
            let kept = try ["user.note", "user.overlay.redirect"].map { try image.attribute($0, of: "a") }
            #expect(kept == ["kept", "/etc"])
            for order in ["redirect", "metacopy", "opaque", "overlay.opaque"] {
                #expect(throws: ProgramFailure.self, "\(order)") {
                    try image.attribute("trusted.overlay.\(order)", of: "a")
                }
            }
        }
    }

    @Test func fileCapabilitiesStay() throws {
        // VFS_CAP_REVISION_2, effective; CAP_NET_BIND_SERVICE (capability.h).
        let capability = "\u{1}\u{0}\u{0}\u{2}\u{0}\u{4}" + String(repeating: "\u{0}", count: 14)
        var writer = ImageWriter()
        try writer.image([
            layer { $0.file("ping", "x", mode: 0o755, owner: (3, 4), attributes: ["security.capability": capability]) }
                .finished
        ])
        try withMounted(directory.resolve(writer.archive(in: directory)), in: directory) { image in
            let kept = try image.attribute("security.capability", of: "ping")
            #expect(kept == capability)
        }
    }

    /// Linux gives links and pipes no attributes of users (xattr(7)).
    @Test func attributesThatHaveNoPlaceAreLeftOut() throws {
        let image = try unpacked([
            layer {
                $0.link("link", to: "a", attributes: ["user.note": "x"])
                $0.fifo("pipe", attributes: ["user.note": "x"])
                $0.device("null", 1, 3, attributes: ["user.note": "x", "user.overlay.origin": "y"])
                $0.file("a", "x", attributes: ["nosuchnamespace.note": "x"])
            }
        ])
        #expect(try image.target("link") == "a")
        #expect(image.text("a") == "x")
        #expect(try image.status("pipe") != nil && image.status("null") != nil)
    }

    @Test func hardLinksShareTheirInode() throws {
        var writer = ImageWriter()
        try writer.image([
            layer {
                $0.file("a", "x")
                $0.hardLink("b", to: "./a")
                $0.hardLink("c", to: "/a")
            }.finished
        ])
        let image = try directory.resolve(writer.archive(in: directory))
        let inodes = try ["/a", "/b", "/c"].map { path in
            try #require(try run("dump.erofs", ["--path=\(path)", image.erofsPath]).firstMatch(of: /NID: (\d+)/)).1
        }
        #expect(Set(inodes).count == 1)
    }

    @Test func whiteoutsRemoveWhatLowerLayersHave() throws {
        let image = try unpacked(
            [
                layer {
                    $0.file("keep", "1")
                    $0.file("gone", "1")
                    $0.file("directory/one", "1")
                    $0.file("directory/two", "1")
                    $0.file("tree/deep/er/file", "1")
                },
                layer {
                    $0.file(".wh.gone")
                    $0.file("directory/.wh.one")
                    $0.file(".wh.tree")
                    $0.file(".wh.never-was")
                    $0.directory(".wh..wh.plnk")
                    $0.file(".wh..wh.plnk/12.34", "AUFS's own")
                },
            ], [.gzip, .zstd])
        #expect(try image.names() == ["directory", "keep"])
        #expect(try image.names("directory") == ["two"])
    }

    @Test(arguments: [true, false])
    func whiteoutsSpareTheirOwnLayer(markerFirst: Bool) throws {
        let image = try unpacked(
            [
                layer {
                    $0.file("d/old", "1")
                    $0.file("o/old", "1")
                    $0.file("o/sub/old", "1")
                    $0.file("f", "old")
                },
                layer {
                    func markers(_ tar: inout TarWriter) {
                        tar.file(".wh.d")
                        tar.file("o/.wh..wh..opq")
                        tar.file(".wh.f")
                    }
                    if markerFirst { markers(&$0) }
                    $0.directory("d")
                    $0.file("d/new", "2")
                    $0.file("o/new", "2")
                    $0.file("o/sub/new", "2")
                    $0.file("f", "new")
                    if !markerFirst { markers(&$0) }
                },
            ])
        #expect(try image.names("d") == ["new"])
        #expect(try image.names("o") == ["new", "sub"])
        #expect(try image.names("o/sub") == ["new"])
        #expect(image.text("f") == "new")
    }

    @Test func anOpaqueDirectoryHidesEverythingBelow() throws {
        let image = try unpacked(
            [
                layer { $0.file("a/b/c", "1") },
                layer { $0.file("a/d", "2") },
                layer { $0.file("a/.wh..wh..opq") },
            ])
        #expect(try image.names("a") == [])
    }

    @Test func laterEntriesReplaceEarlierOnes() throws {
        let image = try unpacked(
            [
                layer {
                    $0.file("twice", "first")
                    $0.file("twice", "second")
                    $0.file("directory/inner", "1")
                    $0.file("file", "1")
                    $0.link("link", to: "file")
                    $0.file("implicit", "1")
                    $0.directory("merged", mode: 0o700)
                    $0.file("merged/lower", "1")
                },
                layer {
                    $0.file("directory", "now a file")
                    $0.directory("file")
                    $0.file("file/inner", "now a directory")
                    $0.file("link", "no link any more")
                    $0.file("implicit/inner", "made by its child")
                    $0.directory("merged", mode: 0o711)
                    $0.file("merged/upper", "2")
                },
            ])
        #expect(image.text("twice") == "second")
        #expect(image.text("directory") == "now a file")
        #expect(image.text("file/inner") == "now a directory")
        #expect(image.text("link") == "no link any more")
        #expect(image.text("implicit/inner") == "made by its child")
        #expect(try image.names("merged") == ["lower", "upper"])
        #expect(try image.status("merged")?.mode == 0o040711)
    }

    @Test func linksInTheRootAreFollowedForDirectories() throws {
        let image = try unpacked(
            [
                layer {
                    $0.directory("usr/lib")
                    $0.link("lib", to: "usr/lib")
                    $0.link("abs", to: "/usr/lib")
                    $0.link("var/run", to: "/run/deep")
                },
                layer {
                    $0.file("lib/one", "1")
                    $0.file("abs/two", "2")
                    $0.file("var/run/three", "3")
                },
            ])
        #expect(try image.names("usr/lib") == ["one", "two"])
        #expect(try image.target("lib") == "usr/lib")
        #expect(image.text("run/deep/three") == "3")
    }

    @Test func hardLinksReachLowerLayersAndThemselves() throws {
        let image = try unpacked(
            [
                layer { $0.file("a", "1") },
                layer {
                    $0.hardLink("b", to: "a")
                    $0.hardLink("b", to: "a")
                    $0.hardLink("a", to: "a")
                    $0.file("a", "2")
                },
            ])
        #expect(image.text("a") == "2")
        #expect(image.text("b") == "1")
    }

    @Test func holesOfSparseFilesAreZeros() throws {
        let root = directory.path("root")
        try directory.write("root/x", [])
        try run("truncate", ["-s", "3M", "\(root)/sparse"])
        try run("dd", ["if=/dev/zero", "of=\(root)/sparse", "bs=1", "count=1", "seek=1000000", "conv=notrunc"])
        try run("tar", ["-S", "-C", root, "-cf", directory.path("layer.tar"), "."])
        var writer = ImageWriter()
        try writer.image([Array(try Data(contentsOf: URL(filePath: directory.path("layer.tar"))))])
        let image = try directory.unpack(directory.resolve(writer.archive(in: directory)))
        try run("cmp", ["\(root)/sparse", "\(image.root)/sparse"])
    }

    @Test func anEmptyLayerIsALayer() throws {
        let image = try unpacked([layer { $0.file("a", "1") }, TarWriter()])
        #expect(try image.names() == ["a"])
    }
}
