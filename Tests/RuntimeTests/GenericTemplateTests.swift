import ControlProtocol
import FoundationEssentials
import LinuxSystem
import OCI
import Synchronization
import SystemPackage
import Testing

@testable import Runtime

/// The template of every image, as VMs are chosen for it.
@Suite struct GenericTemplateTests {
    private func order(_ bench: Bench, _ image: StoredImage? = nil) -> Placement.MachineOrder {
        var key = bench.key()
        if let image { key.image = image.digest }
        return Placement.MachineOrder(
            key: key, image: image ?? bench.image, imageName: "test", store: bench.store)
    }

    /// The bench's image with another size and digest.
    private func other(_ bench: Bench, sizeInBytes: UInt64) throws -> StoredImage {
        let encoded = String(decoding: try JSONEncoder().encode(bench.image), as: UTF8.self)
        let changed = encoded.replacing(bench.image.digest.hex, with: Digest(of: [1]).hex)
            .replacing("InBytes\":\(bench.image.erofsSizeInBytes)", with: "InBytes\":\(sizeInBytes)")
        let image = try JSONDecoder().decode(StoredImage.self, from: Data(changed.utf8))
        try #require(image.erofsSizeInBytes == sizeInBytes && image.digest != bench.image.digest)
        return image
    }

    @Test func imagesOfAllUsualSizesHaveTheSame() throws {
        let bench = try Bench()
        let mine = try bench.placement.templateKey(order(bench), .everyImage)
        let large = order(bench, try other(bench, sizeInBytes: 512 << 20))
        #expect(try bench.placement.templateKey(large, .everyImage) == mine)
        #expect(mine != (try bench.placement.templateKey(order(bench))))
        let larger = order(bench, try other(bench, sizeInBytes: 513 << 20))
        #expect(try bench.placement.templateKey(larger, .everyImage) != mine)
    }

    private static let rooms: [(image: UInt64, room: UInt64, isShared: Bool)] = [
        (0, 8 << 20, true), (512 << 20, 8 << 20, true), ((512 << 20) + 1, 32 << 20, true), (4 << 30, 64 << 20, false),
    ]

    @Test(arguments: rooms)
    func thereIsRoomForTheImagesPageDescriptors(image: UInt64, room: UInt64, isShared: Bool) {
        let found = ImageRoom(imageSizeInBytes: image)
        #expect(found.bytes == room && found.isShared == isShared)
    }

    @Test func itComesBehindTheImagesOwn() throws {
        let bench = try Bench()
        let (own, generic) = (
            try bench.placement.templateKey(order(bench)), try bench.placement.templateKey(order(bench), .everyImage)
        )
        #expect(try bench.placement.templateKeys(order(bench)) == [own, generic])
    }

    @Test func whoIsAloneOrHasAHugeImageHasNone() throws {
        let bench = try Bench()
        var alone = order(bench)
        alone.key.isAlone = true
        #expect(try bench.placement.templateKeys(alone).count == 1)
        let huge = order(bench, try other(bench, sizeInBytes: 3 << 30))
        #expect(!bench.placement.hasGenericTemplate(huge))
        var configuration = Configuration()
        try configuration.read("generic-template: off", path: "c")
        let without = try Bench(configuration: configuration)
        #expect(try without.placement.templateKeys(order(without)).count == 1)
    }

    @Test func aMachineOfAnImageWithoutATemplateIsRestoredFromIt() throws {
        let starter = WatchingStarter()
        let bench = try Bench(starter)
        let generic = try bench.placement.templateKey(order(bench), .everyImage)
        try bench.makeTemplate(generic)
        _ = try bench.place("one")
        let launch = try #require(starter.launches.withLock { $0.last })
        #expect(launch.template?.identity == generic.identity)
        #expect(launch.images == [bench.image.erofsPath, nil, nil, nil], "with places for other containers' images")
    }
}
