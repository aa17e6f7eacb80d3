import LinuxSystem
package import OCI

extension TemplateRecord {
    /// The key of the template that this host would have made itself where another one made this: of this host's files and
    /// configuration. The record's words are not trusted, nor are the identity's.
    ///
    /// - Parameters:
    ///   - identity: what the other host says that the template is of. That it is this key's is still to be checked.
    ///   - placement: knows this host's files and configuration.
    ///   - store: has to have the image.
    package func key(
        of identity: PortableIdentity, by placement: Placement, in store: ImageStore
    ) throws(RuntimeError) -> TemplateKey {
        guard let digest = Digest(imageDigest) else {
            throw .invalid("the template is of the image \(quoted(imageDigest)), expected sha256:…")
        }
        let found: StoredImage?
        do { found = try store.find(digest.description) } catch { throw .invalid(error.description) }
        guard let found else {
            throw .invalid(
                "the template is of the image \(digest) (\(printable(image, atMost: 128))), which this store has not: "
                    + "import it first")
        }
        let key = FunctionKey(
            function: function, tenant: tenant ?? "default", image: digest, kernel: placement.files.identity,
            zoneSizeInBytes: zoneSizeInBytes, isAlone: isAlone)
        let plain = try placement.templateKey(
            Placement.MachineOrder(key: key, image: found, imageName: image, store: store))
        guard function != nil || tenant != nil else { return plain }
        return plain.adding(try processLines(of: identity))
    }

    /// The lines of a process template, which says nothing that this host could compare but whose it is.
    private func processLines(of identity: PortableIdentity) throws(RuntimeError) -> [String] {
        let digest = identity.description.split(separator: "\n").last { $0.hasPrefix("process ") }.map {
            String($0.dropFirst("process ".count))
        }
        guard let function, let tenant, let digest, Digest(hex: digest) != nil else {
            throw .invalid("the template has a process template of nobody's")
        }
        return ["function \(function)", "tenant \(tenant)", "process \(digest)"]
    }
}
