import Machine
import Memory
import Testing
import Zones

@Suite struct DeviceTreeTests {
    private static func tree(zones: Int = 2, digests: [String] = ["sha256:ab", "sha256:cd"]) throws -> DeviceTree {
        let layout = try MachineLayout(
            .init(
                baseMemory: 128 << 20, zoneCount: zones, zoneSize: 256 << 20,
                imageSizes: digests.map { _ in 3 << 20 }))
        return DeviceTree(
            zones: layout.zones.map { .init(node: $0.node, range: $0.range, device: UInt32($0.index + 4)) },
            images: zip(layout.images, digests).enumerated().map {
                .init(range: $1.0, device: UInt32($0 + 100), digest: $1.1)
            })
    }

    @Test func whatWasWrittenIsReadByLibfdt() throws {
        let reader = FlatTreeReader(blob: try Self.tree().blob())
        #expect(reader.headerError == 0 && reader.fullCheckError == 0)
        #expect(reader.text("compatible", of: "/") == "czone,machine")
        #expect(reader.cells("czone,machine-version", of: "/") == [DeviceTree.machineVersion])
        #expect(reader.childCount(of: "/zones") == 2 && reader.childCount(of: "/images") == 2)
        #expect(reader.cells("reg", of: "/zones/zone@210000000") == [2, 0x1000_0000, 0, 0x1000_0000])
        #expect(reader.cells("numa-node-id", of: "/zones/zone@210000000") == [2])
        #expect(reader.cells("czone,device", of: "/zones/zone@210000000") == [5])
        #expect(reader.cells("reg", of: "/images/image@8008000000") == [0x80, 0x800_0000, 0, 0x40_0000])
        #expect(reader.cells("czone,pmem", of: "/images/image@8008000000") == [1])
        #expect(reader.cells("czone,device", of: "/images/image@8008000000") == [101])
        #expect(reader.text("czone,digest", of: "/images/image@8008000000") == "sha256:cd")
    }

    @Test func onlyTheRootIsCompatibleWithAnything() throws {
        // Linux makes platform devices of the root's children that are.
        let reader = FlatTreeReader(blob: try Self.tree().blob())
        for path in ["/zones", "/images", "/zones/zone@200000000", "/images/image@8000000000"] {
            #expect(reader.property("compatible", of: path) == nil)
            #expect(reader.property("reg", of: path) != nil || reader.childCount(of: path) == 2)
        }
    }

    @Test func theLargestMachineFits() throws {
        let digest = String(repeating: "d", count: DeviceTree.longestDigest)
        let tree = try Self.tree(zones: 64, digests: .init(repeating: digest, count: 190))
        let reader = FlatTreeReader(blob: try tree.blob())
        #expect(reader.fullCheckError == 0)
        #expect(reader.childCount(of: "/zones") == 64 && reader.childCount(of: "/images") == 190)
    }

    @Test func aTreeThatDoesNotFitIsRefused() throws {
        var tree = try Self.tree()
        tree.images = .init(repeating: tree.images[0], count: 5000)
        #expect(throws: DeviceTreeError.tooLarge(capacityInBytes: Int(AddressMap.setupDataCapacity) - 64)) {
            try tree.blob()
        }
    }

    @Test(arguments: ["", "sha256:a b", "sha256:\0", "sha256:ü", String(repeating: "x", count: 129)])
    func aDigestThatIsNoneIsRefused(digest: String) throws {
        let tree = try Self.tree(digests: [digest])
        #expect(throws: DeviceTreeError.digest(digest)) { try tree.blob() }
    }

    @Test func aMachineWithoutZonesAndImagesHasATreeToo() throws {
        let reader = FlatTreeReader(blob: try DeviceTree().blob())
        #expect(reader.fullCheckError == 0)
        #expect(reader.childCount(of: "/zones") == 0 && reader.childCount(of: "/images") == 0)
    }

    @Test(.enabled(if: Command.isInstalled("dtc"), "dtc (package device-tree-compiler) is not installed"))
    func anotherImplementationReadsTheTree() throws {
        let folder = try TemporaryFolder()
        try folder.write(try Self.tree(zones: 64).blob(), to: "tree.dtb")
        let status = Command.run("cd \(folder.path) && dtc -I dtb -O dts -o tree.dts tree.dtb 2> out")
        let report = try folder.text(of: "out")
        #expect(status == 0 && report.isEmpty, "\(report)")
        #expect(try folder.text(of: "tree.dts").contains("zone@5f0000000"))
    }
}
