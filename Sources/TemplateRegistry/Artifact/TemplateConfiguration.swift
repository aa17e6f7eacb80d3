import FoundationEssentials
package import Runtime

/// What a template in a registry is of: its manifest's configuration.
package struct TemplateConfiguration: Equatable, Codable, Sendable {
    /// What it is of, on any host (`PortableIdentity`).
    package let identity: String
    /// What its state file says that it is of, in its maker's words.
    package let stateIdentity: String
    /// When the memory file was written, in nanoseconds since 1970; its state file has it too.
    package let memoryModified: Int64
    package let record: TemplateRecord

    package init(identity: PortableIdentity, stateIdentity: String, memoryModified: Int64, record: TemplateRecord) {
        self.identity = identity.description
        self.stateIdentity = stateIdentity
        self.memoryModified = memoryModified
        self.record = record
    }

    /// Reads what somebody hostile may have written.
    package init(_ bytes: [UInt8]) throws(ArtifactError) {
        guard bytes.count <= TemplateManifest.Kind.configuration.maxBytes,
            let decoded = try? JSONDecoder().decode(Self.self, from: Data(bytes))
        else { throw .invalid("the configuration", "is none of a template of this version of czone") }
        for text in [decoded.identity, decoded.stateIdentity] where text.utf8.count > TemplateKey.maxBytes {
            throw .invalid(
                "the configuration",
                "has an identity of \(text.utf8.count) bytes, expected at most \(TemplateKey.maxBytes)")
        }
        self = decoded
    }
}
