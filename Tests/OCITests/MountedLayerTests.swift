import Foundation
import Testing

@testable import OCI

/// Layers as containerd's erofs snapshotter has them: file systems that are mounted for a while. Mounting needs root.
@Suite(.enabled(if: geteuid() == 0, "mounting needs root")) struct MountedLayerTests {
    let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
        for (layer, text) in [("one", "one"), ("two", "two")] {
            try directory.write("\(layer)/word", Array(text.utf8))
            // All times and inodes are the same in both.
            try run("mkfs.erofs", ["-T0", "-x-1", directory.path("\(layer).erofs"), directory.path(layer)])
        }
        try directory.write("upper/more", Array("more".utf8))
        try FileManager.default.createDirectory(atPath: directory.path("mount 1"), withIntermediateDirectories: true)
    }

    /// The image of a layer that is mounted for so long at the one place.
    private func image(of layer: String, below upper: [String] = [], options: String = "ro,loop") throws -> StoredImage
    {
        let place = directory.path("mount 1")
        try run("mount", ["-t", "erofs", "-o", options, directory.path("\(layer).erofs"), place])
        let result = Result { try directory.store().resolve(layers: upper + [place], name: layer) }
        // Another process of the machine may just look at it: detached, it goes when that is done.
        try run("umount", ["--lazy", place])
        return try result.get()
    }

    @Test func anotherLayerAtTheSamePlaceIsAnother() throws {
        let (one, two) = (try image(of: "one"), try image(of: "two"))
        #expect(one.digest != two.digest)
        #expect(try directory.unpack(one).text("word") == "one" && directory.unpack(two).text("word") == "two")
        #expect(try image(of: "one") == one, "it is made once")
    }

    @Test func aMountedLayerLiesBelowOthers() throws {
        let image = try image(of: "one", below: [directory.path("upper")])
        #expect(try directory.unpack(image).names() == ["more", "word"])
    }

    @Test func theSourceOfAMountIsFoundByItsDevice() {
        let mounts = """
            22 1 0:21 / /proc rw,nosuid shared:12 - proc proc rw
            90 1 7:1 / /tmp/a rw shared:1 master:2 - ext4 /dev/loop1 ro
            91 1 7:0 / /tmp/mount\\0401 ro,relatime shared:1 - erofs /dev/loop0 ro,user_xattr
            92 1 0:55 / /tmp/b ro - erofs /s/1/layer\\040\\134.erofs ro
            broken - erofs
            93 1 7:2 / /tmp/c ro -
            """
        #expect(LayerIdentity.source(of: "7:0", in: mounts) == "/dev/loop0")
        #expect(LayerIdentity.source(of: "0:55", in: mounts) == #"/s/1/layer \.erofs"#)
        for device in ["7:1", "7:2", "0:21", "9:9", ""] {
            #expect(LayerIdentity.source(of: device, in: mounts) == nil, "\(device)")
        }
    }
}
