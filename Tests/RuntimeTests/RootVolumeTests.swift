import AgentProtocol
import Glibc
import LinuxSystem
import Runtime
import SystemPackage
import Testing

/// Roots that are volumes: layers of the host as one directory. Mounting needs root.
@Suite(.enabled(if: geteuid() == 0, "mounting needs root")) struct RootVolumeTests {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
        for (path, text) in [("one/below", "one"), ("one/both", "one"), ("two/both", "two"), ("two/above", "two")] {
            try FileSystem.makeDirectories(directory.path.appending(String(path.prefix(3))))
            try FileSystem.replace("\(directory.path)/\(path)", with: Array(text.utf8))
        }
    }

    private func path(_ name: String) -> String { "\(directory.path)/\(name)" }

    /// What a file of a volume holds, opened as the file server does: from its descriptor on.
    private func text(_ name: String, in volume: HostVolume) throws -> String? {
        let bytes = try FileSystem.contents(of: "/proc/self/fd/\(volume.descriptor.rawValue)/\(name)", atMost: 100)
        return bytes.map { String(decoding: $0, as: UTF8.self) }
    }

    @Test func aLayerHidesWhatLiesBelowIt() throws {
        let volume = try HostVolume(layers: [path("two"), path("one")])
        #expect(try text("both", in: volume) == "two" && text("above", in: volume) == "two")
        #expect(try text("below", in: volume) == "one")
        #expect(volume.isReadOnly && volume.isConstant && !volume.isRecursive)
    }

    @Test(arguments: [["one"], ["two", "one"]])
    func nothingCanBeWritten(_ layers: [String]) throws {
        let volume = try HostVolume(layers: layers.map(path))
        for name in ["both", "new"] {
            let place = "/proc/self/fd/\(volume.descriptor.rawValue)/\(name)"
            let error = #expect(throws: SystemError.self) {
                try OwnedDescriptor(opening: place, flags: O_WRONLY | O_CREAT)
            }
            #expect(error?.errno == .readOnlyFileSystem)
        }
        #expect(try FileSystem.contents(of: path("one/both"), atMost: 100) == Array("one".utf8))
    }

    @Test func nothingIsMountedThatOthersSee() throws {
        let mounts = { try #require(try FileSystem.contents(of: "/proc/self/mountinfo", atMost: 1 << 20)) }
        let before = try mounts()
        let volume = try HostVolume(layers: [path("two"), path("one")])
        #expect(try mounts() == before)
        #expect(try text("above", in: volume) == "two", "it is there all the same")
        #expect(throws: Never.self) { try FileSystem.removeFile(path("two/above")) }
    }

    @Test func whatIsNoLayerIsRefusedByName() throws {
        for bad in [path("gone"), path("one/both"), "relative", ""] {
            for layers in [[bad], [path("one"), bad], [bad, path("one")]] {
                #expect(
                    throws: SpecificationError.invalid(
                        setting: "a layer of the root", value: bad, expected: "the absolute path of a directory")
                ) { try HostVolume(layers: layers) }
            }
        }
        #expect(throws: SpecificationError.missing(setting: "the layers of the root file system")) {
            try HostVolume(layers: [])
        }
    }

    @Test func moreLayersThanAMountTakesAreRefusedWithTheirNumber() throws {
        let error = #expect(throws: SpecificationError.self) {
            try HostVolume(layers: Array(repeating: path("one"), count: 400))
        }
        #expect(error?.description.contains("400 layers") == true)
    }

    @Test func aRootIsNamedByItsNumberAmongTheVolumes() throws {
        var volumes = VolumeSet.none
        #expect(try volumes.addRoot(of: [path("one")]) == .share(tag: "czone", path: "0"))
        #expect(try volumes.addRoot(of: [path("two"), path("one")]) == .share(tag: "czone", path: "1"))
        #expect(volumes.volumes.count == 2)
        #expect(throws: SpecificationError.self) { try volumes.addRoot(of: [path("gone")]) }
        #expect(volumes.volumes.count == 2)
    }
}
