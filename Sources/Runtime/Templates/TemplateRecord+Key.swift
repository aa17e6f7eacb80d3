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
        if imageDigest.isEmpty { return try genericKey(by: placement, in: store) }
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
        let plain = try placement.templateKey(order(of: found, by: placement, in: store))
        guard function != nil || tenant != nil else { return plain }
        return plain.adding(try processLines(of: identity))
    }

    private func order(
        of image: StoredImage, by placement: Placement, in store: ImageStore
    ) -> Placement.MachineOrder {
        let key = FunctionKey(
            function: function, tenant: tenant ?? "default", image: image.digest, kernel: placement.files.identity,
            zoneSizeInBytes: zoneSizeInBytes, isAlone: isAlone)
        return Placement.MachineOrder(key: key, image: image, imageName: image.name, store: store)
    }

    /// The key of the template of every image. VMs of images of another size have another one: it is that of an image which
    /// is here and whose VMs have as much memory.
    private func genericKey(by placement: Placement, in store: ImageStore) throws(RuntimeError) -> TemplateKey {
        let images: [StoredImage]
        do { images = try store.list() } catch { throw .invalid(error.description) }
        for image in images {
            let order = order(of: image, by: placement, in: store)
            guard placement.hasGenericTemplate(order),
                placement.record(for: order, id: "").memoryInBytes == memoryInBytes
            else { continue }
            return try placement.templateKey(order, .everyImage)
        }
        throw .invalid(
            "the template is of every image with \(memoryInBytes) bytes of memory: this store has no such image yet")
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
