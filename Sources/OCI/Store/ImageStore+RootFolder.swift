import Glibc
import LinuxSystem
import SystemPackage

extension ImageStore {
    /// The image of a plain root file system. It is made anew when anything in the folder has changed, and the image of
    /// its former state goes when nobody uses it.
    func resolveRootFolder(_ path: String, _ progress: @escaping ImportProgress.Observer) throws(OCIError)
        -> StoredImage
    {
        guard let status = try Directory.status(ofPath: path) else { throw .notFound("dir:\(path)") }
        guard status.kind == .directory else {
            throw .notAnImage(path: path, reason: "dir: expects a folder that is a root file system")
        }
        let path = try Self.canonicalPath(path)
        let folder = try Directory(opening: path)
        let fingerprint = try FolderFingerprint(of: folder, path: path, limits: limits)
        if let image = try load(fingerprint.digest) { return image }
        try removeLeftovers()
        let image = try stored(fingerprint.digest, progress) { work throws(OCIError) in
            try build(folder, path: path, fingerprint, in: work, progress)
        }
        var key = SHA256()
        key.update("folder\0\(path)")
        let source = key.finish()
        let former = try find(source: source)
        try link(source.hex, in: .sources, to: image.digest)
        if let former, former.digest != image.digest { try? remove(former.digest) }
        return image
    }

    private func build(
        _ folder: Directory, path: String, _ fingerprint: FolderFingerprint, in work: WorkFolder,
        _ progress: @escaping ImportProgress.Observer
    ) throws(OCIError) -> StoredImage {
        let age = currentTimeInNanoseconds() - fingerprint.latestChange
        if age < FileStatus.clockTick {
            // What was written just now could be written again without a trace in its times. Only the clock that files get
            // their times from ends this, by its next tick: no event tells of that, and 20 ms are waited.
            usleep(useconds_t(FileStatus.clockTick / 1000))
            guard try FolderFingerprint(of: folder, path: path, limits: limits) == fingerprint else {
                throw .changed(path: path)
            }
        }
        let accounts = try Accounts(of: FileTree(folder))
        let size = try ErofsImage.make(
            of: path, at: work.path.appending("image.erofs"), for: fingerprint.digest, in: work,
            expectedInBytes: fingerprint.contentInBytes, progress: progress)
        guard try FolderFingerprint(of: folder, path: path, limits: limits) == fingerprint else {
            throw .changed(path: path)
        }
        return try commit(
            StoredImage(
                digest: fingerprint.digest, name: "dir:\(path)", origin: path, config: .ofPlainFolder,
                accounts: accounts,
                erofsSizeInBytes: size, created: nil, imported: currentTimeInNanoseconds() / 1_000_000_000),
            from: work)
    }
}
