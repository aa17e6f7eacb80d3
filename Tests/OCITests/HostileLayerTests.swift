import Foundation
import Testing

@testable import OCI

/// Layers that try to reach out of their root file system, or to exhaust the host.
@Suite struct HostileLayerTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func archive(_ fills: ((inout TarWriter) -> Void)...) throws -> String {
        var writer = ImageWriter()
        try writer.image(
            fills.map { fill in
                var tar = TarWriter()
                fill(&tar)
                return tar.finished
            })
        return try writer.archive(in: directory)
    }

    private func refusal(_ limits: ImportLimits = ImportLimits(), _ fills: ((inout TarWriter) -> Void)...) throws
        -> OCIError?
    {
        var writer = ImageWriter()
        try writer.image(
            fills.map { fill in
                var tar = TarWriter()
                fill(&tar)
                return tar.finished
            })
        let path = try writer.archive(in: directory)
        let error = #expect(throws: OCIError.self) { try directory.store(limits).resolve(ImageReference(path)) }
        let store = try directory.store()
        #expect(try store.list().isEmpty, "nothing may have come of it")
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: directory.path("images/tmp")).isEmpty,
            "nothing may be left")
        return error
    }

    private func isUnsafe(_ error: OCIError?) -> Bool {
        if case .unsafeEntry = error { true } else { false }
    }

    @Test(arguments: ["../escape", "a/../../escape", "/../escape", "a/.."])
    func upwardNamesAreRefused(_ name: String) throws {
        #expect(isUnsafe(try refusal(ImportLimits(), { $0.file(name, "out") })))
        #expect(!FileManager.default.fileExists(atPath: directory.path("images/tmp/escape")))
    }

    @Test func upwardHardLinksAreRefused() throws {
        try directory.write("secret", Array("host".utf8))
        #expect(isUnsafe(try refusal(ImportLimits(), { $0.hardLink("a", to: "../../../../../secret") })))
        #expect(
            isUnsafe(try refusal(ImportLimits(), { $0.hardLink("a", to: directory.path("secret")) })),
            "absolute means in the root")
    }

    @Test func absoluteNamesBeginAtTheRoot() throws {
        let outside = directory.path("outside")
        let path = try archive { $0.file(outside, "in") }
        let image = try directory.unpack(directory.resolve(path))
        #expect(image.text(outside) == "in")
        #expect(!FileManager.default.fileExists(atPath: outside))
    }

    @Test func linksNeverLeadOut() throws {
        let outside = directory.path("outside")
        try directory.write("outside/kept", Array("kept".utf8))
        let up = String(repeating: "../", count: 40)
        let path = try archive(
            {
                $0.link("absolute", to: outside)
                $0.link("relative", to: "\(up)\(outside)")
                $0.link("self", to: "\(up)proc/self/root\(outside)")
                $0.link("file", to: "\(outside)/kept")
            },
            {
                $0.file("absolute/new", "1")
                $0.file("relative/newer", "2")
                $0.file("self/newest", "3")
                $0.file("file", "replaces the link")
                $0.file("absolute/.wh.kept")
                $0.file("relative/.wh..wh..opq")
                $0.hardLink("copy", to: "absolute/kept")
            })
        let error = #expect(throws: OCIError.self) { try directory.resolve(path) }
        #expect(isUnsafe(error), "the hard link's target is not in the image")
        #expect(try FileManager.default.contentsOfDirectory(atPath: outside) == ["kept"])
        #expect(try String(contentsOfFile: "\(outside)/kept", encoding: .utf8) == "kept")
    }

    @Test func aLinkForADirectoryIsResolvedInTheRoot() throws {
        let outside = directory.path("outside")
        let path = try archive({ $0.link("link", to: "../../../..\(outside)") }, { $0.file("link/file", "in") })
        let image = try directory.unpack(directory.resolve(path))
        #expect(image.text("\(outside)/file") == "in")
        #expect(!FileManager.default.fileExists(atPath: outside))
    }

    @Test func aLinkInACircleIsRefused() throws {
        #expect(
            isUnsafe(
                try refusal(
                    ImportLimits(),
                    {
                        $0.link("a", to: "b")
                        $0.link("b", to: "a")
                        $0.file("a/x", "1")
                    })))
    }

    @Test func theRootCannotBeReplaced() throws {
        #expect(isUnsafe(try refusal(ImportLimits(), { $0.file(".", "x") })))
        #expect(isUnsafe(try refusal(ImportLimits(), { $0.link(".", to: "/etc") })))
    }

    @Test func whiteoutsThatNameNothingAreRefused() throws {
        for name in [".wh.", ".wh..", ".wh..."] {
            #expect(isUnsafe(try refusal(ImportLimits(), { $0.file(name) })), "\(name)")
        }
    }

    @Test func aHardLinkToADirectoryIsRefused() throws {
        #expect(
            isUnsafe(
                try refusal(
                    ImportLimits(),
                    {
                        $0.directory("d")
                        $0.hardLink("l", to: "d")
                    })))
    }

    @Test func tooManyEntriesAreRefused() throws {
        let error = try refusal(ImportLimits(entries: 10), { tar in for index in 0..<11 { tar.file("f\(index)") } })
        #expect(error == .limitExceeded(what: "entries", limit: 10))
    }

    @Test func tooManyBytesAreRefused() throws {
        let big = String(repeating: "x", count: 40_000)
        let error = try refusal(
            ImportLimits(sizeInBytes: 100_000), { $0.file("a", big) },
            {
                $0.file("b", big); $0.file("c", big)
            })
        #expect(error == .limitExceeded(what: "bytes when unpacked", limit: 100_000))
        let promised = try refusal(ImportLimits(sizeInBytes: 100_000), { $0.emptyPromise("a", size: 1 << 32) })
        #expect(promised == .limitExceeded(what: "bytes when unpacked", limit: 100_000))
    }

    @Test func aCompressedBombIsRefused() throws {
        var tar = TarWriter()
        tar.file("a", String(repeating: "\u{0}", count: 4 << 20))
        var writer = ImageWriter()
        try writer.image([tar.finished], [.zstd])
        let path = try writer.archive(in: directory, "bomb.tar.gz", .gzip)
        let error = #expect(throws: OCIError.self) {
            try directory.store(ImportLimits(sizeInBytes: 1 << 20)).resolve(ImageReference(path))
        }
        #expect(error == .limitExceeded(what: "bytes when unpacked", limit: 1 << 20))
    }

    @Test func directoriesTooDeepAreRefused() throws {
        let level = "d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d"
        let error = try refusal(
            ImportLimits(depth: 50),
            {
                // Through links, paths get longer than any name in the archive.
                $0.directory(level)
                $0.link("l", to: level)
                $0.directory("l/\(level)")
                $0.link("m", to: "l/\(level)")
                $0.directory("m/\(level)")
            })
        guard case .limitExceeded(_, 50) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test func truncatedLayersAreRefused() throws {
        #expect(try refusal(ImportLimits(), { $0.emptyPromise("a", size: 100_000) }) != nil)
    }
}
