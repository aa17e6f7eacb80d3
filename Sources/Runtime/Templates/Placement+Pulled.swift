import LinuxSystem
package import OCI

extension Placement {
    /// The key of the template that this host would have made itself where another one made one with a record: of this
    /// host's files and configuration.
    ///
    /// - Parameters:
    ///   - record: whose words are not trusted; nor are the identity's.
    ///   - identity: what the other host says that the template is of. That it is this key's is still to be checked.
    ///   - store: has to have the image.
    package func templateKey(
        for record: TemplateRecord, of identity: PortableIdentity, in store: ImageStore
    ) throws(RuntimeError) -> TemplateKey {
        guard let digest = Digest(record.imageDigest) else {
            throw .invalid("the template is of the image \(quoted(record.imageDigest)), expected sha256:…")
        }
        let found: StoredImage?
        do { found = try store.find(digest.description) } catch { throw .invalid(error.description) }
        guard let found else {
            throw .invalid(
                "the template is of the image \(digest) (\(printable(record.image, atMost: 128))), which this store has not: "
                    + "import it first")
        }
        let key = FunctionKey(
            function: record.function, tenant: record.tenant ?? "default", image: digest, kernel: files.identity,
            zoneSizeInBytes: record.zoneSizeInBytes, isAlone: record.isAlone)
        let plain = try templateKey(MachineOrder(key: key, image: found, imageName: record.image, store: store))
        guard record.function != nil || record.tenant != nil else { return plain }
        return plain.adding(try Self.processLines(of: identity, record))
    }

    /// The lines of a process template, which says nothing that this host could compare but whose it is.
    private static func processLines(
        of identity: PortableIdentity, _ record: TemplateRecord
    ) throws(RuntimeError) -> [String] {
        let digest = identity.description.split(separator: "\n").last { $0.hasPrefix("process ") }.map {
            String($0.dropFirst("process ".count))
        }
        guard let function = record.function, let tenant = record.tenant, let digest, Digest(hex: digest) != nil else {
            throw .invalid("the template has a process template of nobody's")
        }
        return ["function \(function)", "tenant \(tenant)", "process \(digest)"]
    }
}
