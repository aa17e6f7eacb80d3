import Glibc
public import LinuxSystem
public import SystemPackage

/// The images of a host: a directory with one EROFS file and one description for each, safe against any number of processes
/// that import, use and remove at the same time.
///
///     <hex>.erofs, <hex>.json      an image; it exists when its description does
///     names/<name>                 links to <hex>
///     sources/<key>                links from what an image was imported from, by its identity as a file, to <hex>
///     tmp/<work>, tmp/<work>.lock  work in progress, locked by the process that does it
///
/// Locks (flock(2)), in the order in which they are taken: `tmp/<hex>.lock` exclusively while an image is built;
/// the EROFS file shared while it is in use and exclusively while it is removed.
public struct ImageStore: Sendable {
    /// The directory that it lies in.
    public let root: FilePath
    let limits: ImportLimits

    /// Opens the store in a directory, which is made by the first import.
    public init(root: FilePath, limits: ImportLimits = ImportLimits()) throws(OCIError) {
        guard root.isAbsolute else {
            throw .unsupported(what: "the image store's directory", value: root.string, expected: "an absolute path")
        }
        self.root = root
        self.limits = limits
    }

    /// How long the store's file system may take to say anything, in milliseconds.
    private static let patience: CInt = 15_000

    /// Waits until the store's file system answers, before whatever comes to it first: one that answers nothing would
    /// keep a call for ever.
    /// - Throws: `OCIError.silent` when it has not within 15 s.
    public func awaitAnswer() throws(OCIError) {
        let path = root.string
        let hasAnswered = try system { () throws(SystemError) in
            try FileSystem.answers(path, withinMilliseconds: Self.patience)
        }
        guard hasAnswered else { throw .silent(path: path, seconds: Int(Self.patience) / 1000) }
    }

    /// The image that a reference means, imported first if it is not in the store.
    ///
    /// An archive, layout or directory that has not changed since its import is found by its file status alone.
    /// - Throws: `OCIError.notFound` when the reference leads nowhere, and whatever can be wrong with an image.
    public func resolve(
        _ reference: ImageReference, progress: @escaping ImportProgress.Observer = { _ in }
    ) throws(OCIError) -> StoredImage {
        switch reference.source {
        case .rootDirectory(let path): return try resolveRootDirectory(path, progress)
        case .path(let path, let name): return try resolve(path: path, name: name, reference, progress)
        case .text(let text):
            // What is there as a file wins: an archive that names its image like a file must not take the file's place.
            if try Directory.status(ofPath: text) != nil {
                return try resolve(path: text, name: nil, reference, progress)
            }
            guard let image = try find(text) else { throw .notFound(text) }
            return image
        }
    }

    /// The stored image of a digest, a digest's beginning (at least 4 digits), or a name; nil when there is none.
    public func find(_ text: String) throws(OCIError) -> StoredImage? {
        if let digest = Digest(text) ?? Digest(hex: text) { return try load(digest) }
        if let image = try findByName(text) { return image }
        let prefix = text.hasPrefix("sha256:") ? String(text.dropFirst(7)) : text
        guard prefix.utf8.count >= 4, prefix.utf8.allSatisfy(\.isLowerHexDigit) else { return nil }
        let matches = try digests().filter { $0.hex.hasPrefix(prefix) }
        guard matches.count <= 1 else { throw .ambiguous(prefix: text, matches: matches) }
        return try matches.first.map { digest throws(OCIError) in try load(digest) } ?? nil
    }

    /// Every image, the newest first, with its names.
    public func list() throws(OCIError) -> [StoredImage] {
        var names: [String: [String]] = [:]
        for (name, hex) in try links(in: .names) { names[hex, default: []].append(name) }
        var images: [StoredImage] = []
        for digest in try digests() {
            guard var image = try load(digest) else { continue }
            image.names = names[digest.hex, default: []].sorted()
            images.append(image)
        }
        return images.sorted { ($1.imported, $1.digest.hex) < ($0.imported, $0.digest.hex) }
    }

    /// Removes an image and its names.
    /// - Throws: `OCIError.inUse` while a lease of it is held, `.notFound` when it is not there.
    public func remove(_ digest: Digest) throws(OCIError) {
        guard let directory = try existing(.root) else { throw .notFound(digest.description) }
        try removeLeftovers()
        // A process that builds the same image would have its new file removed.
        let work = try WorkDirectory(digest.hex, in: self)
        defer { withExtendedLifetime(work) {} }
        let (erofs, description) = try (component("\(digest.hex).erofs"), component("\(digest.hex).json"))
        let isThere = try directory.status(of: description) != nil
        if try directory.status(of: erofs) != nil {
            let file = try directory.open(erofs, flags: O_RDONLY | O_NOFOLLOW)
            guard try system({ () throws(SystemError) in try file.tryLock(.exclusive) }) else { throw .inUse(digest) }
            if isThere { try directory.remove(description) }
            try directory.remove(erofs)
        } else if isThere {
            try directory.remove(description)
        }
        guard isThere else { throw .notFound(digest.description) }
        try removeLinks(to: digest)
    }

    /// Removes what processes that died during an import left behind. Imports and removals do so by themselves.
    public func removeLeftovers() throws(OCIError) { try WorkDirectory.sweep(self) }

    /// Keeps an image from being removed for as long as the lease, or a duplicate of its descriptor, lives.
    /// - Throws: `OCIError.notFound` when it has been removed meanwhile.
    public func lease(_ image: StoredImage) throws(OCIError) -> ImageLease {
        guard let directory = try existing(.root) else { throw .notFound(image.name) }
        let name = try component("\(image.digest.hex).erofs")
        guard try directory.status(of: name) != nil else { throw .notFound(image.name) }
        let file = try directory.open(name, flags: O_RDONLY | O_NOFOLLOW)
        // Its remover holds it for as long as it takes to unlink two files.
        try system { () throws(SystemError) in try file.takeLock(.shared, withinMilliseconds: 30_000) }
        // Its remover may have been faster than the lock.
        guard try Directory.status(of: file).links > 0 else { throw .notFound(image.name) }
        return ImageLease(image: image, descriptor: file)
    }

    /// The stored image of a digest; nil when there is none, or its file is not what its description says: then the
    /// next import makes it anew.
    func load(_ digest: Digest) throws(OCIError) -> StoredImage? {
        let path = root.appending("\(digest.hex).json").string
        guard let bytes = try Self.content(ofPath: path) else { return nil }
        guard var image = StoredImage(description: bytes), image.digest == digest else { return nil }
        image.erofsPath = root.appending("\(digest.hex).erofs").string
        guard try Directory.status(ofPath: image.erofsPath)?.sizeInBytes == image.erofsSizeInBytes else { return nil }
        return image
    }

    /// The digests of everything that has a description.
    private func digests() throws(OCIError) -> [Digest] {
        guard let directory = try existing(.root) else { return [] }
        return try directory.names().compactMap { name in
            name.extension == "json" ? Digest(hex: name.stem) : nil
        }
    }
}

/// The right to use an image's file: as long as it lives, nobody removes the image.
public final class ImageLease: Sendable {
    /// What was imported.
    public let image: StoredImage
    /// The EROFS file, open for reading. A process that inherits it inherits the lease.
    public let descriptor: OwnedDescriptor

    init(image: StoredImage, descriptor: OwnedDescriptor) {
        self.image = image
        self.descriptor = descriptor
    }
}
