import LinuxSystem
import Foundation
import Synchronization
import SystemPackage

@testable import OCI

/// A directory that goes with the test.
final class TemporaryDirectory: Sendable {
    let root: String

    init() throws {
        root = FileManager.default.temporaryDirectory.path(percentEncoded: false) + "czone-oci-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: root) }

    func path(_ name: String) -> String { "\(root)/\(name)" }

    @discardableResult
    func write(_ name: String, _ content: [UInt8]) throws -> String {
        let url = URL(filePath: path(name))
        try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(content).write(to: url)
        return path(name)
    }

    /// An image store in this directory.
    func store(_ limits: ImportLimits = ImportLimits()) throws -> ImageStore {
        try ImageStore(root: FilePath(path("images")), limits: limits)
    }

    /// The image of an archive or layout, imported.
    func resolve(_ reference: String) throws -> StoredImage { try store().resolve(ImageReference(reference)) }

    /// An image's content, unpacked by erofs-utils after they found it sound.
    func unpack(_ image: StoredImage) throws -> UnpackedImage {
        let target = path("unpacked-\(UUID().uuidString)")
        try run("fsck.erofs", ["--extract=\(target)", "--preserve", image.erofsPath])
        return UnpackedImage(root: target)
    }
}

/// Mounts an image as the guest does, for as long as `body` looks at it.
func withMounted(_ image: StoredImage, in directory: TemporaryDirectory, _ body: (UnpackedImage) throws -> Void) throws
{
    let content = UnpackedImage(root: directory.path("mounted-\(UUID().uuidString)"))
    try FileManager.default.createDirectory(atPath: content.root, withIntermediateDirectories: true)
    try run("mount", ["-t", "erofs", "-o", "ro,loop", image.erofsPath, content.root])
    let result = Result { try body(content) }
    // Another process of the machine may just look at it: detached, it goes when that is done.
    try run("umount", ["--lazy", content.root])
    try result.get()
}

struct UnpackedImage {
    let root: String

    func text(_ path: String) -> String? { try? String(contentsOfFile: "\(root)/\(path)", encoding: .utf8) }
    func names(_ path: String = "") throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: "\(root)/\(path)").sorted()
    }
    func target(_ path: String) throws -> String {
        try FileManager.default.destinationOfSymbolicLink(atPath: "\(root)/\(path)")
    }
    func attribute(_ name: String, of path: String) throws -> String {
        try run(
            "python3",
            [
                "-c", "import os,sys; print(os.getxattr(sys.argv[1], sys.argv[2]).decode(), end='')", "\(root)/\(path)",
                name,
            ])
    }

    func status(_ path: String) throws -> FileStatus? {
        try Directory(opening: root).status(of: path)
    }
}

extension Directory {
    /// What lies at a relative path of several names.
    func status(of path: String) throws -> FileStatus? {
        let path = FilePath(path)
        guard let name = path.lastComponent else { return try Directory.status(of: descriptor) }
        return try FileTree(self).directory(path.removingLastComponent())?.status(of: name)
    }
}

/// The steps that imports report, on whichever thread.
final class Steps: Sendable {
    private let steps = Mutex<[ImportProgress]>([])

    var all: [ImportProgress] { steps.withLock { $0 } }
    func add(_ step: ImportProgress) { steps.withLock { $0.append(step) } }
}

/// A program that did not succeed.
struct ProgramFailure: Error { let message: String }

/// Runs a program to its end and returns what it wrote.
@discardableResult
func run(_ program: String, _ arguments: [String]) throws -> String {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = [program] + arguments
    let output = Pipe()
    process.standardOutput = output
    process.standardError = output
    try process.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { throw ProgramFailure(message: "\(program) \(arguments): \(text)") }
    return text
}
