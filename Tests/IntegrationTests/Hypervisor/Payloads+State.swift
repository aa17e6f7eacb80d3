// The assembly stands in a column of its own.
// swift-format-ignore-file

/// A program that fills a processor with state, is moved to another machine, and looks what has arrived.
extension Payload {
    /// Sets descriptor tables, controllers, the MSRs of the table at 0xa400, vector, x87, debug and general registers,
    /// and a deadline timer; then waits to be moved. RSI: XCR0, whether there are 256-bit vectors. `checkState`
    /// follows directly.
    static let fillState: [UInt8] = loadInterruptTable + enableX2APIC + routeLine5(to: 0x41) + [
        0xbb, 0x00, 0xa4, 0x00, 0x00,                                // mov ebx, 0xa400
        // set:
        0x8b, 0x0b,                                                  // mov ecx, dword [rbx]
        0x8b, 0x43, 0x08,                                            // mov eax, dword [rbx+0x8]
        0x8b, 0x53, 0x0c,                                            // mov edx, dword [rbx+0xc]
        0x0f, 0x30,                                                  // wrmsr
        0x83, 0xc3, 0x10,                                            // add ebx, 0x10
        0x83, 0x3b, 0x00,                                            // cmp dword [rbx], 0x0
        0x75, 0xee,                                                  // jne set
        0xf3, 0x44, 0x0f, 0x6f, 0x3c, 0x25, 0x00, 0xa2, 0x00, 0x00,  // movdqu xmm15, [0xa200]
        0xf7, 0xc6, 0x04, 0x00, 0x00, 0x00,                          // test esi, 0x4
        0x74, 0x09,                                                  // je noymm
        0xc5, 0xfe, 0x6f, 0x3c, 0x25, 0x00, 0xa2, 0x00, 0x00,        // vmovdqu ymm7, [0xa200]
        // noymm:
        0xd9, 0xeb,                                                  // fldpi
        0xb8, 0xb6, 0xde, 0x00, 0x00,                                // mov eax, 0xdeb6
        0x0f, 0x23, 0xd8,                                            // mov dr3, rax
        0x49, 0xb9, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11,  // mov r9, 0x1122334455667788
        0xb9, 0x32, 0x08, 0x00, 0x00,                                // mov ecx, 0x832
        0xb8, 0x40, 0x00, 0x04, 0x00,                                // mov eax, 0x40040
        0x31, 0xd2,                                                  // xor edx, edx
        0x0f, 0x30,                                                  // wrmsr
        0x0f, 0xae, 0xf0,                                            // mfence
        0x0f, 0x31,                                                  // rdtsc
        0x89, 0x04, 0x25, 0x00, 0xa0, 0x00, 0x00,                    // mov dword [0xa000], eax
        0x89, 0x14, 0x25, 0x04, 0xa0, 0x00, 0x00,                    // mov dword [0xa004], edx
        0x05, 0x00, 0x00, 0x00, 0x10,                                // add eax, 0x10000000
        0x83, 0xd2, 0x00,                                            // adc edx, 0x0
        0xb9, 0xe0, 0x06, 0x00, 0x00,                                // mov ecx, 0x6e0
        0x0f, 0x30,                                                  // wrmsr
        0xe6, 0xf1,                                                  // out 0xf1, al
    ]

    /// Reports what it finds, and sleeps until the timer (vector 0x40) and line 5 (vector 0x41) have both come.
    static let checkState: [UInt8] = [
        0x0f, 0x31,                                                  // rdtsc
        0x89, 0x04, 0x25, 0x08, 0xa0, 0x00, 0x00,                    // mov dword [0xa008], eax
        0x89, 0x14, 0x25, 0x0c, 0xa0, 0x00, 0x00,                    // mov dword [0xa00c], edx
        0x4c, 0x89, 0x0c, 0x25, 0x10, 0xa0, 0x00, 0x00,              // mov qword [0xa010], r9
        0x0f, 0x21, 0xd8,                                            // mov rax, dr3
        0x48, 0x89, 0x04, 0x25, 0x18, 0xa0, 0x00, 0x00,              // mov qword [0xa018], rax
        0xf3, 0x44, 0x0f, 0x7f, 0x3c, 0x25, 0x20, 0xa2, 0x00, 0x00,  // movdqu [0xa220], xmm15
        0xf7, 0xc6, 0x04, 0x00, 0x00, 0x00,                          // test esi, 0x4
        0x74, 0x09,                                                  // je noymm2
        0xc5, 0xfe, 0x7f, 0x3c, 0x25, 0x40, 0xa2, 0x00, 0x00,        // vmovdqu [0xa240], ymm7
        // noymm2:
        0xdd, 0x1c, 0x25, 0x20, 0xa0, 0x00, 0x00,                    // fstp qword [0xa020]
        0xbb, 0x00, 0xa4, 0x00, 0x00,                                // mov ebx, 0xa400
        0x45, 0x31, 0xc0,                                            // xor r8d, r8d
        // check:
        0x8b, 0x0b,                                                  // mov ecx, dword [rbx]
        0x0f, 0x32,                                                  // rdmsr
        0x3b, 0x43, 0x08,                                            // cmp eax, dword [rbx+0x8]
        0x75, 0x05,                                                  // jne wrong
        0x3b, 0x53, 0x0c,                                            // cmp edx, dword [rbx+0xc]
        0x74, 0x03,                                                  // je right
        // wrong:
        0x41, 0x89, 0xc8,                                            // mov r8d, ecx
        // right:
        0x83, 0xc3, 0x10,                                            // add ebx, 0x10
        0x83, 0x3b, 0x00,                                            // cmp dword [rbx], 0x0
        0x75, 0xe7,                                                  // jne check
        0x44, 0x89, 0x04, 0x25, 0x28, 0xa0, 0x00, 0x00,              // mov dword [0xa028], r8d
        // idle:
        0xfa,                                                        // cli
        0x8b, 0x04, 0x25, 0x30, 0xa0, 0x00, 0x00,                    // mov eax, dword [0xa030]
        0x23, 0x04, 0x25, 0x34, 0xa0, 0x00, 0x00,                    // and eax, dword [0xa034]
        0x75, 0x04,                                                  // jne done
        0xfb,                                                        // sti
        0xf4,                                                        // hlt
        0xeb, 0xeb,                                                  // jmp idle
        // done:
        0xe6, 0xf4,                                                  // out 0xf4, al
    ]

    /// Vector 0x40's handler.
    static let timerFired = note(at: 0x30, port: 0xf2)
    /// Vector 0x41's handler.
    static let lineRaised = note(at: 0x34, port: 0xf3)

    /// A handler that sets a doubleword of the report at 0xa000, announces itself at a port, and ends its interrupt.
    private static func note(at offset: UInt8, port: UInt8) -> [UInt8] {
        [
            0x50,                                                                // push rax
            0x51,                                                                // push rcx
            0x52,                                                                // push rdx
            0xc7, 0x04, 0x25, offset, 0xa0, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00,  // mov dword [0xa000+offset], 0x1
            0xe6, port,                                                          // out port, al
            0xb9, 0x0b, 0x08, 0x00, 0x00,                                        // mov ecx, 0x80b
            0x31, 0xc0,                                                          // xor eax, eax
            0x31, 0xd2,                                                          // xor edx, edx
            0x0f, 0x30,                                                          // wrmsr
            0x5a,                                                                // pop rdx
            0x59,                                                                // pop rcx
            0x58,                                                                // pop rax
            0x48, 0xcf,                                                          // iretq
        ]
    }
}
