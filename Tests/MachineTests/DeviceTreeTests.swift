import Geometry
import Machine
import Memory
import Testing
import Zones

@Suite struct DeviceTreeTests {
    private static func tree(zones: Int = 2, images: Int = 2) throws -> MachineTree {
        let layout = try MachineLayout(
            .init(
                baseMemory: 128 << 20, zoneCount: zones, zoneSize: 256 << 20,
                imageSizes: .init(repeating: 3 << 20, count: images)))
        return MachineTree(
            zones: layout.zones.map {
                .init(node: $0.node, base: $0.range.start.rawValue, sizeInBytes: $0.sizeInBytes)
            },
            images: layout.images.compactMap { $0 }.enumerated().map {
                .init(device: UInt32($0), base: $1.start.rawValue, sizeInBytes: $1.sizeInBytes)
            })
    }

    @Test func whatWasWrittenIsReadByLibfdt() throws {
        let reader = FlatTreeReader(blob: try DeviceTree(Self.tree()).blob())
        #expect(reader.headerError == 0 && reader.fullCheckError == 0)
        #expect(reader.text("compatible", of: "/") == "czone,machine")
        #expect(reader.cells("czone,machine-version", of: "/") == [MachineTree.Format.machineVersion])
        #expect(reader.childCount(of: "/zones") == 2 && reader.childCount(of: "/images") == 2)
        #expect(reader.cells("reg", of: "/zones/zone@210000000") == [2, 0x1000_0000, 0, 0x1000_0000])
        #expect(reader.cells("numa-node-id", of: "/zones/zone@210000000") == [2])
        #expect(reader.cells("reg", of: "/images/image@8008000000") == [0x80, 0x800_0000, 0, 0x40_0000])
        #expect(reader.cells("czone,pmem", of: "/images/image@8008000000") == [1])
    }

    @Test(arguments: [(0, 0), (2, 2), (64, 64)])
    func theAgentReadsWhatWasWritten(zones: Int, images: Int) throws {
        let tree = try Self.tree(zones: zones, images: images)
        #expect(try MachineTree(parsing: DeviceTree(tree).blob()) == tree)
    }

    @Test func onlyTheRootIsCompatibleWithAnything() throws {
        // Linux makes platform devices of the root's children that are.
        let reader = FlatTreeReader(blob: try DeviceTree(Self.tree()).blob())
        for path in ["/zones", "/images", "/zones/zone@200000000", "/images/image@8000000000"] {
            #expect(reader.property("compatible", of: path) == nil)
            #expect(reader.property("reg", of: path) != nil || reader.childCount(of: path) == 2)
        }
    }

    @Test func theLargestMachineFits() throws {
        let reader = FlatTreeReader(blob: try DeviceTree(Self.tree(zones: 64, images: 190)).blob())
        #expect(reader.fullCheckError == 0)
        #expect(reader.childCount(of: "/zones") == 64 && reader.childCount(of: "/images") == 190)
    }

    @Test func aTreeThatDoesNotFitIsRefused() throws {
        var tree = try Self.tree()
        tree.images = .init(repeating: tree.images[0], count: 5000)
        #expect(throws: DeviceTreeError.tooLarge(capacityInBytes: Int(AddressMap.setupDataCapacity) - 64)) {
            try DeviceTree(tree).blob()
        }
    }

    @Test(.enabled(if: Command.isInstalled("dtc"), "dtc (package device-tree-compiler) is not installed"))
    func anotherImplementationReadsTheTree() throws {
        let directory = try TemporaryDirectory()
        try directory.write(try DeviceTree(Self.tree(zones: 64)).blob(), to: "tree.dtb")
        let status = Command.run("cd \(directory.path) && dtc -I dtb -O dts -o tree.dts tree.dtb 2> out")
        let report = try directory.text(of: "out")
        #expect(status == 0 && report.isEmpty, "\(report)")
        #expect(try directory.text(of: "tree.dts").contains("zone@5f0000000"))
    }

    // MARK: what is no machine's tree

    @Test func everyTruncationIsRefused() throws {
        let blob = try DeviceTree(Self.tree()).blob()
        for length in 0..<blob.count {
            #expect(throws: MachineTreeError.self) { try MachineTree(parsing: Array(blob.prefix(length))) }
        }
        // What follows the tree is not looked at.
        #expect(try MachineTree(parsing: blob + [1, 2, 3]) == Self.tree())
    }

    /// A byte that was changed is found, or changes what is read, but leads nowhere else.
    @Test func noChangedByteLeadsOutOfTheTree() throws {
        let blob = try DeviceTree(Self.tree()).blob()
        for place in blob.indices {
            for bits in [UInt8(0x01), 0x80, 0xff] {
                var changed = blob
                changed[place] ^= bits
                guard let tree = try? MachineTree(parsing: changed) else { continue }
                #expect(tree.zones.count <= 64 && tree.images.count <= 64)
            }
        }
    }

    @Test func moreThanAMachineCanHaveIsRefused() throws {
        var tree = try Self.tree(zones: 64)
        tree.zones.append(tree.zones[0])
        #expect(throws: MachineTreeError.tooMany) { try MachineTree(parsing: DeviceTree(tree).blob()) }
        tree = try Self.tree(images: 65)
        #expect(throws: MachineTreeError.tooMany) { try MachineTree(parsing: DeviceTree(tree).blob()) }
    }

    static let senseless: [MachineTree] = [
        MachineTree(zones: [.init(node: 0, base: 1 << 33, sizeInBytes: 1 << 27)]),
        MachineTree(zones: [.init(node: 1, base: 1 << 33, sizeInBytes: 0)]),
        MachineTree(images: [.init(device: 0, base: .max, sizeInBytes: 1)]),
    ]

    @Test(arguments: senseless)
    func aZoneOrImageThatCannotBeIsRefused(tree: MachineTree) {
        #expect(throws: MachineTreeError.incomplete) { try MachineTree(parsing: DeviceTree(tree).blob()) }
    }

    @Test func anotherMachinesTreeIsRefused() throws {
        let blob = try DeviceTree(Self.tree()).blob()
        let name = Array("czone,machine\0".utf8)
        let place = try #require(blob.indices.first { blob[$0...].starts(with: name) })
        var other = blob
        other[place] = UInt8(ascii: "x")
        #expect(throws: MachineTreeError.notCompatible) { try MachineTree(parsing: other) }
        // The version is the next property's value: behind padding, token, length and name.
        var newer = blob
        newer[place + 16 + 12 + 3] = 9
        #expect(throws: MachineTreeError.machineVersion(9)) { try MachineTree(parsing: newer) }
        #expect(throws: MachineTreeError.noTree) { try MachineTree(parsing: .init(repeating: 0, count: 64)) }
    }
}
