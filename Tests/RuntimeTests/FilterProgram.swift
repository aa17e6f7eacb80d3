/// Runs a seccomp filter as the kernel does (Linux's classic BPF; the instructions that libseccomp uses).
struct FilterProgram {
    private struct Instruction {
        let code: UInt16
        let jumpTrue: Int
        let jumpFalse: Int
        let operand: UInt32
    }

    enum Fault: Error { case unknownInstruction(UInt16), endless }

    static let native: UInt32 = 0xC000_003E
    static let i386: UInt32 = 0x4000_0003
    private let instructions: [Instruction]

    init(_ bytes: [UInt8]) {
        instructions = stride(from: 0, to: bytes.count, by: 8).map { at in
            Instruction(
                code: UInt16(bytes[at]) | UInt16(bytes[at + 1]) << 8, jumpTrue: Int(bytes[at + 2]),
                jumpFalse: Int(bytes[at + 3]),
                operand: (0..<4).reduce(0) { $0 | UInt32(bytes[at + 4 + $1]) << (8 * $1) })
        }
    }

    /// What the filter says of a system call: a SECCOMP_RET_… value.
    func verdict(_ number: UInt32, _ arguments: [UInt64] = [], architecture: UInt32 = native) throws -> UInt32 {
        // struct seccomp_data as 32-bit words: number, architecture, instruction pointer, six arguments.
        var data = [number, architecture, 0, 0]
        for index in 0..<6 {
            let value = index < arguments.count ? arguments[index] : 0
            data += [UInt32(truncatingIfNeeded: value), UInt32(truncatingIfNeeded: value >> 32)]
        }
        var (position, accumulator) = (0, UInt32(0))
        for _ in 0..<100_000 {
            let instruction = instructions[position]
            let operand = instruction.operand
            position += 1
            switch instruction.code {
            case 0x20: accumulator = data[Int(operand / 4)]
            case 0x54: accumulator &= operand
            case 0x05: position += Int(operand)
            case 0x15: position += accumulator == operand ? instruction.jumpTrue : instruction.jumpFalse
            case 0x25: position += accumulator > operand ? instruction.jumpTrue : instruction.jumpFalse
            case 0x35: position += accumulator >= operand ? instruction.jumpTrue : instruction.jumpFalse
            case 0x45: position += accumulator & operand != 0 ? instruction.jumpTrue : instruction.jumpFalse
            case 0x06: return operand
            default: throw Fault.unknownInstruction(instruction.code)
            }
        }
        throw Fault.endless
    }
}
