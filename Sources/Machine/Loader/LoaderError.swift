public import LinuxSystem
public import Memory

/// Why a kernel or an initial RAM disk cannot be loaded. The files are the user's input: every case names the mend
/// or the number that was expected.
public enum LoaderError: Error, Equatable, CustomStringConvertible {
    case unreadable(SystemError)
    case notELF
    /// A bzImage: the right kernel in the wrong wrapping.
    case compressedKernel
    case truncated(sizeInBytes: UInt64)
    case not64Bit(elfClass: UInt8)
    case notLittleEndian(encoding: UInt8)
    case notX86(machine: UInt16)
    case notExecutable(type: UInt16)
    case programHeaderSize(UInt16)
    case programHeaderCount(UInt16)
    case programHeadersBeyondFile(offset: UInt64, count: UInt16, fileSize: UInt64)
    case nothingToLoad
    case segmentBeyondFile(index: Int, offset: UInt64, sizeInBytes: UInt64, fileSize: UInt64)
    case segmentLargerInFile(index: Int, inFile: UInt64, inMemory: UInt64)
    case segmentAddress(index: Int, address: UInt64, sizeInBytes: UInt64)
    case segmentTooLow(index: Int, range: GuestRange)
    case segmentsOverlap(GuestRange, GuestRange)
    case entryOutsideSegments(entry: GuestAddress)
    case emptyInitrd
    case tooLittleMemory(has: UInt64, needs: UInt64)
    case initrdTooLarge(sizeInBytes: UInt64)
    case commandLineTooLong(count: Int)
    case commandLineHasZero
    case setupDataTooLarge(sizeInBytes: UInt64)
    case memory(GuestMemoryError)

    public var description: String {
        switch self {
        case .unreadable(let error): "\(error)"
        case .notELF: "not an ELF file: expected an uncompressed vmlinux"
        case .compressedKernel: "a bzImage: expected the uncompressed vmlinux of the same build"
        case .truncated(let size): "\(size) bytes: too short for an ELF header of 64 bytes"
        case .not64Bit(let value): "ELF class \(value): expected 2 (64 bit)"
        case .notLittleEndian(let value): "ELF data encoding \(value): expected 1 (little-endian)"
        case .notX86(let machine): "ELF machine \(machine): expected 62 (x86-64)"
        case .notExecutable(let type): "ELF type \(type): expected 2 (executable)"
        case .programHeaderSize(let size): "ELF program headers of \(size) bytes: expected 56"
        case .programHeaderCount(let count):
            "\(count) ELF program headers: expected 1 to \(KernelImage.maxProgramHeaders)"
        case .programHeadersBeyondFile(let offset, let count, let size):
            "\(count) ELF program headers at offset \(offset) are not within the file's \(size) bytes"
        case .nothingToLoad: "an ELF file without a loadable segment: expected a vmlinux"
        case .segmentBeyondFile(let index, let offset, let size, let fileSize):
            "ELF segment \(index) of \(size) bytes at offset \(offset) is not within the file's \(fileSize) bytes"
        case .segmentLargerInFile(let index, let inFile, let inMemory):
            "ELF segment \(index) has \(inFile) bytes in the file but \(inMemory) in memory: expected no fewer"
        case .segmentAddress(let index, let address, let size):
            "ELF segment \(index) of \(size) bytes at 0x\(String(address, radix: 16)) does not end below 3 GiB"
        case .segmentTooLow(let index, let range): "ELF segment \(index) at \(range): expected 1 MiB or above"
        case .segmentsOverlap(let first, let second): "ELF segments at \(first) and \(second) overlap"
        case .entryOutsideSegments(let entry): "the ELF entry point \(entry) is in no loadable segment"
        case .emptyInitrd: "the initial RAM disk is empty"
        case .tooLittleMemory(let has, let needs):
            "\(has >> 20) MiB of memory are too little for this kernel and initial RAM disk: "
                + "they need at least \(needs >> 20) MiB"
        case .initrdTooLarge(let size):
            "an initial RAM disk of \(size) bytes is too large: kernel and initial RAM disk must fit below 3 GiB"
        case .commandLineTooLong(let count):
            "a kernel command line of \(count) bytes: expected at most \(AddressMap.commandLineCapacity - 1)"
        case .commandLineHasZero: "the kernel command line has a zero byte"
        case .setupDataTooLarge(let size):
            "setup data of \(size) bytes: expected at most \(AddressMap.setupDataCapacity)"
        case .memory(let error): "\(error)"
        }
    }
}
