import Glibc
import Hashing
import LinuxSystem
import OCI
import SystemPackage

/// What a template is of in words that mean the same on every host: files by their contents, and the processor.
package struct PortableIdentity: Hashable, Sendable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }

    /// A tag for registries: what is to be found there by a host that has such a template not.
    package var tag: String { "czone-" + Digest(of: Array(description.utf8)).hex.prefix(32) }

    /// The first line in which two differ, of either; nil for equals.
    package func difference(from other: PortableIdentity) -> (own: String, other: String)? {
        let own = description.split(separator: "\n", omittingEmptySubsequences: false)
        let others = other.description.split(separator: "\n", omittingEmptySubsequences: false)
        for place in 0..<max(own.count, others.count) {
            let (one, two) = (place < own.count ? own[place] : "", place < others.count ? others[place] : "")
            if one != two { return (String(one), String(two)) }
        }
        return nil
    }
}

extension TemplateStore {
    /// The identity of a key on any host. Reads the files whose contents nobody has asked for before.
    ///
    /// - Throws: where a file is not what it was any more: the template is of no VM that could be started now.
    package func portableIdentity(of key: TemplateKey) throws(RuntimeError) -> PortableIdentity {
        var text = ""
        for part in key.parts {
            switch part {
            case .text(let words): text += words
            case .file(let file): text += try contentDigest(of: file)
            }
        }
        return PortableIdentity(text + "\nprocessor \(try Self.processorDigest())")
    }

    /// The key of a template that is there; nil for one of an older version, which did not note it.
    package func key(of name: String) throws(RuntimeError) -> TemplateKey? {
        try RecordFile.read([TemplateKey.Part].self, from: "\(path(name))/key.json").map { TemplateKey($0) }
    }

    /// SHA-256 of a file's contents, remembered by its mark in `digests/`.
    private func contentDigest(of file: HostFile) throws(RuntimeError) -> String {
        guard try HostFile(file.path)?.mark == file.mark else {
            throw .invalid("\(file.path) has been replaced since: no VM of this host is like the template any more")
        }
        let known = "\(root)/digests/\(file.mark)"
        return try system { () throws(SystemError) in
            if let text = try FileSystem.contents(of: known, atMost: 128),
                let digest = Digest(String(decoding: text, as: UTF8.self))
            {
                return digest.description
            }
            let opened = try OwnedDescriptor(opening: file.path, flags: O_RDONLY)
            var (hash, offset) = (SHA256(), UInt64(0))
            while true {
                let piece = try opened.read(upTo: 1 << 20, at: offset)
                if piece.isEmpty { break }
                hash.update(piece)
                offset += UInt64(piece.count)
            }
            let text = "sha256:\(hexadecimal(hash.finish()))"
            try FileSystem.makeDirectories(FilePath("\(root)/digests"))
            try FileSystem.replace(known, with: Array(text.utf8))
            return text
        }
    }

    /// Of what /proc/cpuinfo says of the first processor and every host of one kind has in common. What a guest sees of it is
    /// compared wholly when a VM is restored; this only keeps hosts of other processors from asking for the same tag.
    private static func processorDigest() throws(RuntimeError) -> String {
        let names = ["vendor_id", "cpu family", "model", "stepping", "flags"]
        let contents = try system { () throws(SystemError) in
            try FileSystem.contents(of: "/proc/cpuinfo", atMost: 64 << 10)
        }
        let lines = String(decoding: contents ?? [], as: UTF8.self).split(
            separator: "\n", omittingEmptySubsequences: false)
        let first = lines.prefix { !$0.isEmpty }.filter { line in
            names.contains { line.hasPrefix("\($0)\t") }
        }
        return String(Digest(of: Array(first.joined(separator: "\n").utf8)).hex.prefix(16))
    }
}
