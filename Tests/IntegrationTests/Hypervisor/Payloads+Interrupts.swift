// The assembly stands in a column of its own.
// swift-format-ignore-file

/// Programs that deal with interrupts (AMD64 manual vol. 2 §16; x2APIC registers are MSRs 0x800 + offset / 16).
extension Payload {
    /// Takes the interrupt descriptor table at 0x7ff0.
    static let loadInterruptTable: [UInt8] = [
        0x0f, 0x01, 0x1c, 0x25, 0xf0, 0x7f, 0x00, 0x00,  // lidt [0x7ff0]
    ]

    /// Switches the processor's APIC on, as an x2APIC, its spurious vector 0xff.
    static let enableX2APIC: [UInt8] = [
        0xb9, 0x1b, 0x00, 0x00, 0x00,                    // mov ecx, 0x1b
        0x0f, 0x32,                                      // rdmsr
        0x0d, 0x00, 0x0c, 0x00, 0x00,                    // or eax, 0xc00
        0x0f, 0x30,                                      // wrmsr
        0xb9, 0x0f, 0x08, 0x00, 0x00,                    // mov ecx, 0x80f
        0xb8, 0xff, 0x01, 0x00, 0x00,                    // mov eax, 0x1ff
        0x31, 0xd2,                                      // xor edx, edx
        0x0f, 0x30,                                      // wrmsr
    ]

    /// Routes line 5 of the I/O APIC to a vector of its own processor.
    static func routeLine5(to vector: UInt8) -> [UInt8] {
        [
            0xbf, 0x00, 0x00, 0xc0, 0xfe,                    // mov edi, 0xfec00000
            0xc7, 0x07, 0x1b, 0x00, 0x00, 0x00,              // mov dword [rdi], 0x1b
            0xc7, 0x47, 0x10, 0x00, 0x00, 0x00, 0x00,        // mov dword [rdi+0x10], 0x0
            0xc7, 0x07, 0x1a, 0x00, 0x00, 0x00,              // mov dword [rdi], 0x1a
            0xc7, 0x47, 0x10, vector, 0x00, 0x00, 0x00,      // mov dword [rdi+0x10], vector
        ]
    }

    /// Routes line 5 to vector 0x40, and sleeps.
    static let deliveries: [UInt8] = loadInterruptTable + enableX2APIC + routeLine5(to: 0x40) + [
        0xe6, 0xf1,                                      // out 0xf1, al
        0xfb,                                            // sti
        // idle:
        0xf4,                                            // hlt
        0xeb, 0xfd,                                      // jmp idle
    ]

    /// Vector 0x40's handler: counts in the report, announces the count at port 0xf2, ends with the third.
    static let countDelivery: [UInt8] = [
        0x50,                                      // push rax
        0x51,                                      // push rcx
        0x52,                                      // push rdx
        0xff, 0x04, 0x25, 0x00, 0xa0, 0x00, 0x00,  // inc dword [0xa000]
        0xb9, 0x0b, 0x08, 0x00, 0x00,              // mov ecx, 0x80b
        0x31, 0xc0,                                // xor eax, eax
        0x31, 0xd2,                                // xor edx, edx
        0x0f, 0x30,                                // wrmsr
        0x8b, 0x04, 0x25, 0x00, 0xa0, 0x00, 0x00,  // mov eax, dword [0xa000]
        0xe6, 0xf2,                                // out 0xf2, al
        0x83, 0xf8, 0x03,                          // cmp eax, 0x3
        0x75, 0x02,                                // jne resume
        0xe6, 0xf4,                                // out 0xf4, al
        // resume:
        0x5a,                                      // pop rdx
        0x59,                                      // pop rcx
        0x58,                                      // pop rax
        0x48, 0xcf,                                // iretq
    ]

    /// Sends INIT and start-up (page 8) to all others; ends when RSI of them have reported.
    static let startOthers: [UInt8] = [
        0xe6, 0xf1,                                // out 0xf1, al
    ] + enableX2APIC + [
        0xb9, 0x30, 0x08, 0x00, 0x00,              // mov ecx, 0x830
        0xb8, 0x00, 0x45, 0x0c, 0x00,              // mov eax, 0xc4500
        0x0f, 0x30,                                // wrmsr
        0xb8, 0x08, 0x46, 0x0c, 0x00,              // mov eax, 0xc4608
        0x0f, 0x30,                                // wrmsr
        // wait:
        0xf3, 0x90,                                // pause
        0x39, 0x34, 0x25, 0x00, 0xa0, 0x00, 0x00,  // cmp dword [0xa000], esi
        0x75, 0xf5,                                // jne wait
        0xe6, 0xf4,                                // out 0xf4, al
    ]

    /// At 0x8000: from real mode, where a start-up interrupt begins, to 64-bit mode at 0x12000.
    static let trampoline: [UInt8] = [
        0x31, 0xc0,                                      // xor ax, ax
        0x8e, 0xd8,                                      // mov ds, ax
        0x66, 0x0f, 0x01, 0x16, 0xe0, 0x7f,              // lgdtd [0x7fe0]
        0x0f, 0x20, 0xe0,                                // mov eax, cr4
        0x66, 0x83, 0xc8, 0x20,                          // or eax, 0x20
        0x0f, 0x22, 0xe0,                                // mov cr4, eax
        0x66, 0xb8, 0x00, 0x10, 0x00, 0x00,              // mov eax, 0x1000
        0x0f, 0x22, 0xd8,                                // mov cr3, eax
        0x66, 0xb9, 0x80, 0x00, 0x00, 0xc0,              // mov ecx, 0xc0000080
        0x0f, 0x32,                                      // rdmsr
        0x66, 0x0d, 0x00, 0x01, 0x00, 0x00,              // or eax, 0x100
        0x0f, 0x30,                                      // wrmsr
        0x0f, 0x20, 0xc0,                                // mov eax, cr0
        0x66, 0x0d, 0x01, 0x00, 0x00, 0x80,              // or eax, 0x80000001
        0x0f, 0x22, 0xc0,                                // mov cr0, eax
        0x66, 0xea, 0x00, 0x20, 0x01, 0x00, 0x08, 0x00,  // jmp 0x8:0x12000
    ]

    /// At 0x12000: reports the number of cores by the processor's own number (CPUID leaf 0xB), and ends.
    static let startedProcessor: [UInt8] = [
        0xb8, 0x0b, 0x00, 0x00, 0x00,                    // mov eax, 0xb
        0xb9, 0x01, 0x00, 0x00, 0x00,                    // mov ecx, 0x1
        0x0f, 0xa2,                                      // cpuid
        0x89, 0x1c, 0x95, 0x00, 0xa1, 0x00, 0x00,        // mov dword [rdx*4+0xa100], ebx
        0xf0, 0xff, 0x04, 0x25, 0x00, 0xa0, 0x00, 0x00,  // lock inc dword [0xa000]
        0x89, 0xd0,                                      // mov eax, edx
        0xe6, 0xf1,                                      // out 0xf1, al
        0xe6, 0xf4,                                      // out 0xf4, al
    ]
}
