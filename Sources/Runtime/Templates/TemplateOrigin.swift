import Glibc
import LinuxSystem

/// Where a template comes from that another host made.
package struct TemplateOrigin: Codable, Equatable, Sendable {
    static let fileName = "source.json"

    /// As it was asked for: REGISTRY/NAME:TAG or with a digest.
    package let reference: String
    /// The manifest's digest.
    package let manifest: String

    package init(reference: String, manifest: String) {
        self.reference = reference
        self.manifest = manifest
    }

    /// Writes it into the directory of a template, with what the template's state file says that it is of.
    package func write(into directory: String, stateIdentity: String) throws(RuntimeError) {
        try TemplateStore.write(self, to: "\(directory)/\(Self.fileName)")
        try system { () throws(SystemError) in
            try FileSystem.replace("\(directory)/identity", with: Array(stateIdentity.utf8), mode: 0o444)
        }
    }
}

extension TemplateStore {
    /// Nil for one that this host has made.
    package func origin(of name: String) throws(RuntimeError) -> TemplateOrigin? {
        try RecordFile.read(TemplateOrigin.self, from: "\(path(name))/\(TemplateOrigin.fileName)")
    }

    private func refusalPath(_ key: TemplateKey) -> String { path("\(key.directoryName).refused") }

    /// Remembers that no VM could be restored from what was pulled for a key: it is not pulled again.
    func noteRefusal(of key: TemplateKey) throws(RuntimeError) {
        guard let origin = try origin(of: key.directoryName) else { return }
        try system { () throws(SystemError) in
            try FileSystem.replace(refusalPath(key), with: Array(origin.manifest.utf8))
        }
    }

    /// The manifest of what was pulled for a key and refused.
    package func refusedManifest(for key: TemplateKey) throws(RuntimeError) -> String? {
        try system { () throws(SystemError) in
            try FileSystem.contents(of: refusalPath(key), atMost: 256).map { String(decoding: $0, as: UTF8.self) }
        }
    }
}
