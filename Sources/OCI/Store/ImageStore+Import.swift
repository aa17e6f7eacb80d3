import Glibc
import LinuxSystem
import SystemPackage

extension ImageStore {
    /// The image of an archive or a layout directory.
    func resolve(
        path: String, name: String?, _ reference: ImageReference, _ progress: @escaping ImportProgress.Observer
    ) throws(OCIError) -> StoredImage {
        guard let status = try Directory.status(ofPath: path) else { throw .notFound(reference.description) }
        let source = try ImageSource(path: path, status: status, name: name)
        if let image = try find(source: source.key) { return image }
        guard status.kind == .directory || status.kind == .file else {
            throw .notAnImage(path: path, reason: "it is neither a file nor a directory")
        }
        try removeLeftovers()
        let image = try importImage(source, progress)
        try note(source, image)
        return image
    }

    private func importImage(
        _ source: ImageSource, _ progress: @escaping ImportProgress.Observer
    ) throws(OCIError) -> StoredImage {
        // Keeps a decompressed archive until its blobs have been read.
        var spool: WorkDirectory?
        let container = try source.open { archive throws(OCIError) in
            let directory = try WorkDirectory("spool-\(getpid())-\(UInt64.random(in: 0...UInt64.max))", in: self)
            spool = directory
            return try Self.decompress(archive, path: source.path, in: directory, limits, progress)
        }
        defer { withExtendedLifetime(spool) {} }
        let contents = try ImageContents(container, name: source.name, limits: limits)
        let image = try stored(contents.digest, progress) { work throws(OCIError) in
            try build(contents, from: source, in: work, progress)
        }
        for name in contents.names where Self.isName(name) { try tag(image.digest, as: name) }
        return image
    }

    /// The image of a digest, made by `make` when it is not there; of several that want it at once, one makes it.
    func stored(
        _ digest: Digest, _ progress: ImportProgress.Observer, make: (WorkDirectory) throws(OCIError) -> StoredImage
    ) throws(OCIError) -> StoredImage {
        if let image = try load(digest) { return image }
        let work = try WorkDirectory(digest.hex, in: self) { progress(ImportProgress(.waiting)) }
        if let image = try load(digest) { return image }
        return try make(work)
    }

    private func build(
        _ contents: ImageContents, from source: ImageSource, in work: WorkDirectory,
        _ progress: @escaping ImportProgress.Observer
    ) throws(OCIError) -> StoredImage {
        let rootName = try component("rootfs")
        try work.directory.makeDirectory(rootName)
        let builder = RootBuilder(try work.directory.directory(rootName), limits: limits)
        let total = contents.layers.reduce(0) { $0 + $1.blob.sizeInBytes }
        var done: UInt64 = 0
        progress(ImportProgress(.unpacking, bytesTotal: total))
        for layer in contents.layers {
            try builder.apply(layer) { count in
                done += count
                progress(ImportProgress(.unpacking, bytesDone: done, bytesTotal: total))
            }
        }
        try builder.finish()
        let accounts = try Accounts(of: builder.tree)
        let size = try ErofsImage.make(
            of: work.path.appending(rootName).string, at: work.path.appending("image.erofs"), for: contents.digest,
            in: work,
            expectedInBytes: builder.contentInBytes, progress: progress)
        return try commit(
            StoredImage(
                digest: contents.digest, name: contents.names.first ?? source.path, origin: source.path,
                config: contents.configuration.config ?? ImageConfig(), accounts: accounts, erofsSizeInBytes: size,
                created: contents.configuration.created, imported: currentTimeInNanoseconds() / 1_000_000_000),
            from: work)
    }

    /// Puts a finished image into its place: first the file, then the description, by which it exists.
    func commit(_ image: StoredImage, from work: WorkDirectory) throws(OCIError) -> StoredImage {
        let directory = try directory(.root)
        let description = try component("image.json")
        let file = try work.directory.open(description, flags: O_WRONLY | O_CREAT | O_EXCL)
        let bytes = try JSON.encode(image, what: "the image's description")
        try system { () throws(SystemError) in try file.write(all: bytes) }
        try system { () throws(SystemError) in try file.writeOut() }
        try work.directory.rename(component("image.erofs"), to: component("\(image.digest.hex).erofs"), in: directory)
        try work.directory.rename(description, to: component("\(image.digest.hex).json"), in: directory)
        try system { () throws(SystemError) in try directory.descriptor.writeOut() }
        guard let stored = try load(image.digest) else { throw .notFound(image.digest.description) }
        return stored
    }

    /// Notes what the image came from, so that it is found next time without a look into it, if nothing has changed.
    private func note(_ source: ImageSource, _ image: StoredImage) throws(OCIError) {
        guard let now = try Directory.status(ofPath: source.path),
            try ImageSource(path: source.path, status: now, name: source.name).key == source.key,
            currentTimeInNanoseconds() - source.latestChange > FileStatus.clockTick
        else { return }
        try link(source.key.hex, in: .sources, to: image.digest)
    }

    /// Decompresses a whole archive, as blobs in it can only be reached in a plain one.
    private static func decompress(
        _ archive: ByteRegion, path: String, in work: WorkDirectory, _ limits: ImportLimits,
        _ progress: @escaping ImportProgress.Observer
    ) throws(OCIError) -> ByteRegion {
        let file = try work.directory.open("archive.tar", flags: O_RDWR | O_CREAT | O_EXCL)
        var done: UInt64 = 0
        let source = try Decompressor(archive, what: "the archive \(quoted(path))", limit: limits.sizeInBytes) {
            count in
            done += count
            progress(ImportProgress(.decompressing, bytesDone: done, bytesTotal: archive.sizeInBytes))
        }
        try source.copy(to: file)
        return try ByteRegion(file)
    }
}
