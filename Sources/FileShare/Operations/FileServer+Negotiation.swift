import SystemPackage

/// fuse.h, FUSE_… flags of INIT, and what they ask of us.
private enum Feature {
    /// Several readings of one file at a time.
    static let asynchronousRead: UInt32 = 1 << 0
    /// Emptying a file is a part of opening it.
    static let atomicTruncate: UInt32 = 1 << 3
    static let bigWrites: UInt32 = 1 << 5
    /// Locks of ranges (fcntl(2)) and of whole files (flock(2)) are ours.
    static let locks: UInt32 = 1 << 1 | 1 << 10
    /// The mask of a new file's mode is left to us: a folder's default access control list goes before it.
    static let masks: UInt32 = 1 << 6
    /// The guest drops what it has of a file when its size or time of change is another.
    static let automaticInvalidation: UInt32 = 1 << 12
    /// Listings come with the entries' attributes where these are asked for afterwards.
    static let foldersWithStatus: UInt32 = 1 << 13 | 1 << 14
    /// Access control lists count in the guest as on the host, and set-id bits go when one is set by who may not keep them.
    static let accessControlLists: UInt32 = 1 << 20 | 1 << 29
    static let parallelFolderOperations: UInt32 = 1 << 18
    static let maxPages: UInt32 = 1 << 22
    /// We take set-id bits away from a file that is written to, and are told when.
    static let handlesPrivileges: UInt32 = 1 << 28

    // Not the cache of changes that are written back later: others would see them late, and lose theirs to them.
    static let all =
        asynchronousRead | locks | atomicTruncate | bigWrites | masks | automaticInvalidation | foldersWithStatus
        | parallelFolderOperations | accessControlLists | maxPages | handlesPrivileges
}

extension FileServer {
    private static let majorVersion: UInt32 = 7
    /// That of our layouts: the least whose INIT has all that is used, the greatest that was looked at.
    private static let minorVersions: ClosedRange<UInt32> = 31...41
    private static let pageSize = 4096

    /// INIT (struct fuse_init_in, fuse_init_out): both sides say what they can do. The guest starts with nothing known.
    func initialize(_ request: inout Request) throws(Errno) -> Reply {
        let major: UInt32 = try request.integer()
        let minor: UInt32 = try request.integer()
        guard major >= Self.majorVersion, minor >= Self.minorVersions.lowerBound || major > Self.majorVersion else {
            throw .protocolError
        }
        forgetEverything()
        var reply = Reply()
        reply.integer(Self.majorVersion)
        // A newer guest asks again, with the version that it is told.
        guard major == Self.majorVersion else {
            reply.integer(Self.minorVersions.upperBound)
            reply.zeros(56)
            return reply
        }
        let readAhead: UInt32 = try request.integer()
        let offered: UInt32 = try request.integer()
        reply.integer(min(minor, Self.minorVersions.upperBound))
        reply.integer(min(readAhead, UInt32(Self.maxData)))
        reply.integer(offered & Feature.all)
        // Requests in the background, and from how many on the guest holds back.
        reply.integer(UInt16(16))
        reply.integer(UInt16(12))
        reply.integer(UInt32(Self.maxData))
        // Times are in nanoseconds.
        reply.integer(UInt32(1))
        reply.integer(UInt16(Self.maxData / Self.pageSize))
        reply.zeros(34)
        return reply
    }
}
