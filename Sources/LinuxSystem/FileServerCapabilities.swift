/// What the process that serves a VM's volumes may do with files, as a set of capabilities by number (linux/capability.h):
/// chown, read and write whatever its mode, change its mode, keep set-id bits, make files as another, give programs
/// capabilities (CAP_CHOWN 0, DAC_OVERRIDE 1, FOWNER 3, FSETID 4, SETGID 6, SETUID 7, SETFCAP 31).
public let fileServerCapabilities: UInt64 = 1 << 0 | 1 << 1 | 1 << 3 | 1 << 4 | 1 << 6 | 1 << 7 | 1 << 31
