import LinuxSystem
import OCI
import Runtime
import Testing

@testable import TemplateRegistry

private func digest(_ byte: UInt8) -> ChunkDigest { ChunkDigest(of: [byte]) }

private func chunks(_ count: UInt32) -> ChunkIndex {
    ChunkIndex(
        memorySize: UInt64(count) << 16,
        chunks: (0..<count).map { ChunkIndex.Chunk(number: $0, digest: digest(UInt8($0))) })
}

private let good = PackIndex(
    chunks: chunks(3), packs: [.init(digest: digest(100), size: 2 << 16), .init(digest: digest(101), size: 1 << 16)],
    places: [.init(pack: 0, offset: 0), .init(pack: 1, offset: 0), .init(pack: 0, offset: 1 << 16)])

@Suite struct ArtifactTests {
    @Test func anIndexOfPacksIsReadAsItWasWritten() throws { #expect(try PackIndex(good.bytes) == good) }

    @Test func anIndexOfSomebodyHostileIsRefused() throws {
        /// The index with some of its bytes replaced.
        func changed(_ offset: Int, _ value: UInt32) -> [UInt8] {
            var bytes = good.bytes
            bytes.replace(at: offset, littleEndian: value)
            return bytes
        }
        let places = good.bytes.count - 3 * 8
        for bytes in [
            [], Array("czpacks1".utf8), Array(good.bytes.dropLast()), good.bytes + [0],
            changed(8, .max), changed(8, 3), changed(12, .max), changed(12, 0),
            changed(16 + 32, 0), changed(16 + 32, .max),  // a pack's size
            changed(places, 2), changed(places, .max),  // no such pack
            changed(places + 4, 1 << 16 + 1), changed(places + 4, .max),  // behind its end
        ] { #expect(throws: ArtifactError.self) { try PackIndex(bytes) } }
        var altered = good.bytes
        altered[16 + 2 * 36 + 30] ^= 1  // within the index of chunks
        let error = #expect(throws: ArtifactError.self) { try PackIndex(altered) }
        #expect("\(try #require(error))".contains("has changed since it was written"))
    }

    private let blob = #"{"mediaType":"application/vnd.czone.template.KIND.v1","digest":"sha256:DIGEST","size":SIZE}"#

    private func descriptor(_ kind: String, size: String = "5") -> String {
        blob.replacing("KIND", with: kind).replacing("DIGEST", with: String(repeating: "0a", count: 32)).replacing(
            "SIZE", with: size)
    }

    private func manifest(_ layers: [String], config: String? = nil) -> [UInt8] {
        let config = config ?? descriptor("config").replacing("v1\"", with: "v1+json\"")
        return Array(
            #"{"schemaVersion":2,"artifactType":"x","config":\#(config),"layers":[\#(layers.joined(separator: ","))]}"#
                .utf8)
    }

    @Test func aManifestIsReadAsItWasWritten() throws {
        let manifest = TemplateManifest(
            configuration: .init(.configuration, [1]),
            layers: [.init(.state, [2]), .init(.workingSet, [3]), .init(.index, [4]), .init(.workingSetPack, [5])],
            image: "python")
        #expect(try TemplateManifest(manifest.bytes()) == manifest)
        #expect(manifest[.index]?.digest == Digest(of: [4]) && manifest[.pack] == nil)
        // The same template has the same digest.
        #expect(try manifest.bytes() == TemplateManifest(manifest.bytes()).bytes())
    }

    @Test func aManifestOfSomebodyHostileIsRefused() throws {
        let layers = [descriptor("state"), descriptor("index"), descriptor("pack")]
        #expect(throws: Never.self) { try TemplateManifest(manifest(layers)) }
        let image = descriptor("config").replacing("czone.template.config.v1", with: "oci.image.config.v1+json")
        for bytes in [
            [], Array("{}".utf8), Array("[[[[".utf8), manifest(layers, config: image),
            manifest(layers, config: descriptor("config")),
            manifest([descriptor("state"), descriptor("pack")]),  // no index
            manifest(layers + [descriptor("state")]), manifest(layers + [descriptor("layer")]),
            manifest([descriptor("state", size: "0"), descriptor("index")]),
            manifest([descriptor("state", size: "-1"), descriptor("index")]),
            manifest([descriptor("state", size: "16777217"), descriptor("index")]),
            manifest([descriptor("state", size: "1e300"), descriptor("index")]),
            manifest(layers + [descriptor("pack", size: "99999999")]),
            [UInt8](repeating: 0x20, count: TemplateManifest.maxBytes + 1),
        ] { #expect(throws: ArtifactError.self) { try TemplateManifest(bytes) } }
        let error = #expect(throws: ArtifactError.self) { try TemplateManifest(manifest(layers, config: image)) }
        #expect("\(try #require(error))".contains("expected a template of czone"))
    }

    @Test func theFirstDifferenceOfTwoIdentitiesIsNamed() {
        let one = PortableIdentity("files a\nimage b\narguments x")
        #expect(one.difference(from: one) == nil)
        #expect(one.difference(from: PortableIdentity("files a\nimage c\narguments x"))! == ("image b", "image c"))
        #expect(one.difference(from: PortableIdentity("files a\nimage b"))! == ("arguments x", ""))
        #expect(one.tag != PortableIdentity("files a\nimage b").tag)
        #expect(throws: Never.self) { try RegistryReference("a.example/b:\(one.tag)") }
    }
}
