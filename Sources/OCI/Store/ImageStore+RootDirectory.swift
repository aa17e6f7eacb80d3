import Hashing
import Glibc
import LinuxSystem
import SystemPackage

extension ImageStore {
    /// The image of a plain root file system. It is made anew when anything in the directory has changed, and the image of
    /// its former state goes when nobody uses it.
    func resolveRootDirectory(_ path: String, _ progress: @escaping ImportProgress.Observer) throws(OCIError)
        -> StoredImage
    {
        guard let status = try Directory.status(ofPath: path) else { throw .notFound("dir:\(path)") }
        guard status.kind == .directory else {
            throw .notAnImage(path: path, reason: "dir: expects a directory that is a root file system")
        }
        let path = try Self.canonicalPath(path)
        let directory = try Directory(opening: path)
        let fingerprint = try DirectoryFingerprint(of: directory, path: path, limits: limits)
        if let image = try load(fingerprint.digest) { return image }
        try removeLeftovers()
        let image = try stored(fingerprint.digest, progress) { work throws(OCIError) in
            try build(directory, path: path, fingerprint, in: work, progress)
        }
        var key = SHA256()
        key.update("folder\0\(path)")
        let source = Digest(bytes: key.finish())
        let former = try find(source: source)
        try link(source.hex, in: .sources, to: image.digest)
        if let former, former.digest != image.digest { try? remove(former.digest) }
        return image
    }

    private func build(
        _ directory: Directory, path: String, _ fingerprint: DirectoryFingerprint, in work: WorkDirectory,
        _ progress: @escaping ImportProgress.Observer
    ) throws(OCIError) -> StoredImage {
        let age = currentTimeInNanoseconds() - fingerprint.latestChange
        if age < FileStatus.clockTick {
            // What was written just now could be written again without a trace in its times. Only the clock that files get
            // their times from ends this, by its next tick: there is no event for that, and 20 ms are waited.
            usleep(useconds_t(FileStatus.clockTick / 1000))
            guard try DirectoryFingerprint(of: directory, path: path, limits: limits) == fingerprint else {
                throw .changed(path: path)
            }
        }
        let accounts = try Accounts(of: FileTree(directory))
        let size = try ErofsImage.make(
            of: path, at: work.path.appending("image.erofs"), for: fingerprint.digest, in: work,
            expectedInBytes: fingerprint.contentInBytes, progress: progress)
        guard try DirectoryFingerprint(of: directory, path: path, limits: limits) == fingerprint else {
            throw .changed(path: path)
        }
        return try commit(
            StoredImage(
                digest: fingerprint.digest, name: "dir:\(path)", origin: path, config: .ofPlainDirectory,
                accounts: accounts,
                erofsSizeInBytes: size, created: nil, imported: currentTimeInNanoseconds() / 1_000_000_000),
            from: work)
    }
}

extension ImageStore {
    /// The image of a chain of layers that lie unpacked in directories, as the overlay file system has them: containerd's
    /// overlayfs snapshots, and erofs snapshots that it has mounted. It is made once for each chain.
    ///
    /// A layer is known by its `LayerIdentity`, as a committed snapshot does not change.
    /// - `layers`: absolute paths, the topmost first; not empty.
    /// - `name`: what lists show the image as.
    public func resolve(
        layers: [String], name: String, progress: @escaping ImportProgress.Observer = { _ in }
    ) throws(OCIError) -> StoredImage {
        guard !layers.isEmpty else { throw .notAnImage(path: name, reason: "it has no layers") }
        let (digest, directories) = try identify(layers)
        if let image = try load(digest) { return image }
        try removeLeftovers()
        return try stored(digest, progress) { [directories] work throws(OCIError) in
            try build(directories, paths: layers, name: name, digest, in: work, progress)
        }
    }

    /// The digest of the image that `resolve(layers:)` gives; none is made.
    public func digest(ofLayers layers: [String]) throws(OCIError) -> Digest { try identify(layers).0 }

    private func identify(_ layers: [String]) throws(OCIError) -> (Digest, [Directory]) {
        var hash = SHA256()
        hash.update("layers\0")
        var directories: [Directory] = []
        for path in layers {
            guard try Directory.status(ofPath: path)?.kind == .directory else {
                throw .notAnImage(path: path, reason: "a layer is expected to be a directory")
            }
            let directory = try Directory(opening: path)
            hash.update(try LayerIdentity.of(directory, at: path))
            directories.append(directory)
        }
        return (Digest(bytes: hash.finish()), directories)
    }

    private func build(
        _ layers: [Directory], paths: [String], name: String, _ digest: Digest, in work: WorkDirectory,
        _ progress: @escaping ImportProgress.Observer
    ) throws(OCIError) -> StoredImage {
        let rootName = try component("rootfs")
        try work.directory.makeDirectory(rootName)
        let root = try work.directory.directory(rootName)
        let merger = LayerMerger(root, limits: limits)
        for layer in layers.reversed() { try merger.add(layer) }
        let accounts = try Accounts(of: FileTree(root))
        let size = try ErofsImage.make(
            of: work.path.appending(rootName).string, at: work.path.appending("image.erofs"), for: digest, in: work,
            expectedInBytes: merger.contentInBytes, progress: progress)
        return try commit(
            StoredImage(
                digest: digest, name: name, origin: paths[0], config: ImageConfig(), accounts: accounts,
                erofsSizeInBytes: size, created: nil, imported: currentTimeInNanoseconds() / 1_000_000_000),
            from: work)
    }
}
