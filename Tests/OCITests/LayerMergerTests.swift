import Foundation
import Testing

@testable import OCI

/// Layers that lie unpacked in directories, as the overlay file system has them. Whiteouts need the rights of root.
@Suite(.enabled(if: geteuid() == 0, "device nodes and trusted attributes need root")) struct LayerMergerTests {
    let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
        for (name, text) in [
            ("low/keep", "low"), ("low/gone", "low"), ("low/replaced", "low"), ("low/opaque/old", "low"),
            ("low/open/old", "low"),
            ("low/tree/deep/file", "low"), ("high/replaced", "high"), ("high/opaque/new", "high"),
            ("high/open/new", "high"),
            ("high/tree2", "high"),
        ] { try directory.write(name, Array(text.utf8)) }
        try run(
            "sh",
            [
                "-c",
                """
                cd '\(directory.root)' && mknod high/gone c 0 0 && mkdir high/tree && rmdir high/tree && mknod high/tree c 0 0 &&
                mv high/tree2 high/file && ln high/file high/linked && ln -s keep high/link && chown 12:34 high/replaced &&
                chmod 4750 high/replaced && touch -d '2001-02-03 04:05:06 UTC' high/replaced &&
                setfattr -n trusted.overlay.opaque -v y high/opaque || python3 -c "import os; os.setxattr('high/opaque', 'trusted.overlay.opaque', b'y')"
                """,
            ])
    }

    @Test func theUpperLayerHidesAndReplaces() throws {
        let image = try directory.store().resolve(
            layers: [directory.path("high"), directory.path("low")], name: "merged")
        let content = try directory.unpack(image)
        #expect(try content.names() == ["file", "keep", "link", "linked", "opaque", "open", "replaced"])
        #expect(content.text("keep") == "low" && content.text("replaced") == "high")
        #expect(try content.names("opaque") == ["new"])
        #expect(try content.names("open") == ["new", "old"])
        #expect(content.text("link") == "low")
        // Mounted: unpacking loses set-user-id bits and hard links.
        try withMounted(image, in: directory) { content in
            let attributes = try FileManager.default.attributesOfItem(atPath: "\(content.root)/replaced")
            #expect(attributes[.posixPermissions] as? Int == 0o4750)
            #expect(attributes[.ownerAccountID] as? Int == 12 && attributes[.groupOwnerAccountID] as? Int == 34)
            #expect((attributes[.modificationDate] as? Date)?.timeIntervalSince1970 == 981_173_106)
            let file = try FileManager.default.attributesOfItem(atPath: "\(content.root)/file")
            #expect(file[.referenceCount] as? Int == 2)
        }
    }

    @Test func aChainIsBuiltOnce() throws {
        let layers = [directory.path("high"), directory.path("low")]
        let first = try directory.store().resolve(layers: layers, name: "one")
        let steps = Steps()
        #expect(try directory.store().resolve(layers: layers, name: "two") { steps.add($0) } == first)
        #expect(steps.all.isEmpty)
        #expect(try directory.store().resolve(layers: [directory.path("low")], name: "three").digest != first.digest)
    }

    @Test func aChainIsKnownWithoutBeingBuilt() throws {
        let layers = [directory.path("high"), directory.path("low")]
        let digest = try directory.store().digest(ofLayers: layers)
        #expect(try directory.store().list().isEmpty)
        #expect(try directory.store().resolve(layers: layers, name: "one").digest == digest)
        #expect(throws: OCIError.self) { try directory.store().digest(ofLayers: [directory.path("nowhere")]) }
    }

    @Test func aLayerThatIsNoDirectoryIsRefused() throws {
        #expect(throws: OCIError.self) {
            try directory.store().resolve(layers: [directory.path("low/keep")], name: "x")
        }
        #expect(throws: OCIError.self) { try directory.store().resolve(layers: [directory.path("nowhere")], name: "x") }
        #expect(throws: OCIError.self) { try directory.store().resolve(layers: [], name: "x") }
    }
}
