/// What a guest can ask of its file system (include/uapi/linux/fuse.h, enum fuse_opcode); what is not here is answered
/// with ENOSYS, after which the guest's kernel does without or does it itself.
enum Opcode: UInt32 {
    case lookUp = 1
    case forget = 2
    case getAttributes = 3
    case setAttributes = 4
    case readLink = 5
    case makeLink = 6
    case makeNode = 8
    case makeDirectory = 9
    case unlink = 10
    case removeDirectory = 11
    case rename = 12
    case link = 13
    case open = 14
    case read = 15
    case write = 16
    case fileSystemStatus = 17
    case release = 18
    case synchronize = 20
    case setExtendedAttribute = 21
    case getExtendedAttribute = 22
    case listExtendedAttributes = 23
    case removeExtendedAttribute = 24
    case flush = 25
    case initialize = 26
    case openDirectory = 27
    case readDirectory = 28
    case releaseDirectory = 29
    case synchronizeDirectory = 30
    case getLock = 31
    case setLock = 32
    case setLockWaiting = 33
    case create = 35
    case interrupt = 36
    case destroy = 38
    case control = 39
    case forgetMany = 42
    case allocate = 43
    case readDirectoryPlus = 44
    case rename2 = 45
    case seek = 46
    case copy = 47
    case createNameless = 51
    case extendedStatus = 52

    /// Whether the guest expects an answer at all.
    var hasReply: Bool { ![.forget, .forgetMany, .interrupt].contains(self) }
}
