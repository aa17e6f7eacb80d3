import Foundation

@testable import OCI

/// Writes OCI layouts, OCI archives and docker archives of given layers.
struct ImageWriter {
    enum Compression: String { case none, gzip, zstd }

    /// The files of the layout by their relative paths.
    private(set) var files: [String: [UInt8]] = ["oci-layout": Array(#"{"imageLayoutVersion":"1.0.0"}"#.utf8)]
    private var manifests: [String] = []

    /// Adds a blob and returns its descriptor's members.
    mutating func blob(_ content: [UInt8], type: String, digest: String? = nil) -> String {
        let digest = digest ?? Digest(of: content).description
        files["blobs/sha256/\(digest.dropFirst(7))"] = content
        return #""mediaType":"\#(type)","digest":"\#(digest)","size":\#(content.count)"#
    }

    /// Adds an image of tar archives, the lowest layer first, and returns its manifest's descriptor members.
    @discardableResult
    mutating func image(
        _ layers: [[UInt8]], _ compression: [Compression] = [.none], config: String = #"{"Cmd":["/bin/true"]}"#,
        name: String? = "example:1", platform: (os: String, architecture: String) = ("linux", "amd64"),
        diffIDs: [String]? = nil,
        layerDigest: String? = nil, listed: Bool = true
    ) throws -> String {
        let diffs = diffIDs ?? layers.map { Digest(of: $0).description }
        let configuration = """
            {"architecture":"\(platform.architecture)","os":"\(platform.os)","config":\(config),\
            "rootfs":{"type":"layers","diff_ids":[\(diffs.map { "\"\($0)\"" }.joined(separator: ","))]}}
            """
        var descriptors: [String] = []
        for (index, layer) in layers.enumerated() {
            let kind = compression[index % compression.count]
            let type = "application/vnd.oci.image.layer.v1.tar" + (kind == .none ? "" : "+\(kind)")
            descriptors.append(blob(try compressed(layer, kind), type: type, digest: layerDigest))
        }
        let config = blob(Array(configuration.utf8), type: "application/vnd.oci.image.config.v1+json")
        let manifest = """
            {"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{\(config)},\
            "layers":[\(descriptors.map { "{\($0)}" }.joined(separator: ","))]}
            """
        var members = blob(Array(manifest.utf8), type: "application/vnd.oci.image.manifest.v1+json")
        members += #","platform":{"os":"\#(platform.os)","architecture":"\#(platform.architecture)"}"#
        if let name { members += #","annotations":{"io.containerd.image.name":"\#(name)"}"# }
        if listed { manifests.append(members) }
        return members
    }

    /// Puts an index between `index.json` and the given manifests.
    mutating func nestedIndex(_ members: [String]) {
        let index = #"{"schemaVersion":2,"manifests":[\#(members.map { "{\($0)}" }.joined(separator: ","))]}"#
        manifests.append(blob(Array(index.utf8), type: "application/vnd.oci.image.index.v1+json"))
    }

    private var allFiles: [String: [UInt8]] {
        let index = #"{"schemaVersion":2,"manifests":[\#(manifests.map { "{\($0)}" }.joined(separator: ","))]}"#
        return files.merging(["index.json": Array(index.utf8)]) { old, _ in old }
    }

    /// Replaces or adds a file of the layout, to break it.
    mutating func set(_ path: String, _ content: [UInt8]?) { files[path] = content }

    /// Changes a byte of the blob of a digest.
    mutating func damageBlob(_ digest: Digest) { files["blobs/sha256/\(digest.hex)"]?[600] ^= 0xff }

    func layout(in directory: TemporaryDirectory, _ name: String = "layout") throws -> String {
        for (path, content) in allFiles { try directory.write("\(name)/\(path)", content) }
        return directory.path(name)
    }

    func archive(in directory: TemporaryDirectory, _ name: String = "image.tar", _ compression: Compression = .none)
        throws
        -> String
    {
        var tar = TarWriter()
        for (path, content) in allFiles.sorted(by: { $0.key > $1.key }) { tar.blob(path, content) }
        return try directory.write(name, try compressed(tar.finished, compression))
    }
}

func compressed(_ bytes: [UInt8], _ compression: ImageWriter.Compression) throws -> [UInt8] {
    guard compression != .none else { return bytes }
    let directory = try TemporaryDirectory()
    let input = try directory.write("input", bytes)
    try run(compression.rawValue, ["-q", "-k", input])
    return Array(try Data(contentsOf: URL(filePath: input + (compression == .gzip ? ".gz" : ".zst"))))
}
