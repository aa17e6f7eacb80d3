// KVM's request numbers (macros that Swift cannot import) and the decoding of its exits.
#pragma once
#include "clinux.h"

enum : uint64_t {
    CLINUX_KVM_GET_API_VERSION = KVM_GET_API_VERSION,
    CLINUX_KVM_CREATE_VM = KVM_CREATE_VM,
    CLINUX_KVM_CHECK_EXTENSION = KVM_CHECK_EXTENSION,
    CLINUX_KVM_GET_VCPU_MMAP_SIZE = KVM_GET_VCPU_MMAP_SIZE,
    CLINUX_KVM_GET_SUPPORTED_CPUID = KVM_GET_SUPPORTED_CPUID,
    CLINUX_KVM_GET_MSR_INDEX_LIST = KVM_GET_MSR_INDEX_LIST,
    CLINUX_KVM_SET_TSS_ADDR = KVM_SET_TSS_ADDR,
    CLINUX_KVM_SET_IDENTITY_MAP_ADDR = KVM_SET_IDENTITY_MAP_ADDR,
    CLINUX_KVM_CREATE_IRQCHIP = KVM_CREATE_IRQCHIP,
    CLINUX_KVM_CREATE_VCPU = KVM_CREATE_VCPU,
    CLINUX_KVM_SET_USER_MEMORY_REGION = KVM_SET_USER_MEMORY_REGION,
    CLINUX_KVM_IRQFD = KVM_IRQFD,
    CLINUX_KVM_IOEVENTFD = KVM_IOEVENTFD,
    CLINUX_KVM_SET_GSI_ROUTING = KVM_SET_GSI_ROUTING,
    CLINUX_KVM_IRQ_LINE = KVM_IRQ_LINE,
    CLINUX_KVM_GET_IRQCHIP = KVM_GET_IRQCHIP,
    CLINUX_KVM_SET_IRQCHIP = KVM_SET_IRQCHIP,
    CLINUX_KVM_GET_CLOCK = KVM_GET_CLOCK,
    CLINUX_KVM_SET_CLOCK = KVM_SET_CLOCK,
    CLINUX_KVM_RUN = KVM_RUN,
    CLINUX_KVM_GET_REGS = KVM_GET_REGS,
    CLINUX_KVM_SET_REGS = KVM_SET_REGS,
    CLINUX_KVM_GET_SREGS = KVM_GET_SREGS,
    CLINUX_KVM_SET_SREGS = KVM_SET_SREGS,
    CLINUX_KVM_GET_XSAVE = KVM_GET_XSAVE,
    CLINUX_KVM_GET_XSAVE2 = KVM_GET_XSAVE2,
    CLINUX_KVM_SET_XSAVE = KVM_SET_XSAVE,
    CLINUX_KVM_GET_XCRS = KVM_GET_XCRS,
    CLINUX_KVM_SET_XCRS = KVM_SET_XCRS,
    CLINUX_KVM_GET_DEBUGREGS = KVM_GET_DEBUGREGS,
    CLINUX_KVM_SET_DEBUGREGS = KVM_SET_DEBUGREGS,
    CLINUX_KVM_GET_MSRS = KVM_GET_MSRS,
    CLINUX_KVM_SET_MSRS = KVM_SET_MSRS,
    CLINUX_KVM_GET_LAPIC = KVM_GET_LAPIC,
    CLINUX_KVM_SET_LAPIC = KVM_SET_LAPIC,
    CLINUX_KVM_GET_VCPU_EVENTS = KVM_GET_VCPU_EVENTS,
    CLINUX_KVM_SET_VCPU_EVENTS = KVM_SET_VCPU_EVENTS,
    CLINUX_KVM_GET_MP_STATE = KVM_GET_MP_STATE,
    CLINUX_KVM_SET_MP_STATE = KVM_SET_MP_STATE,
    CLINUX_KVM_SET_CPUID2 = KVM_SET_CPUID2,
    CLINUX_KVM_GET_TSC_KHZ = KVM_GET_TSC_KHZ,
    CLINUX_KVM_SET_TSC_KHZ = KVM_SET_TSC_KHZ,
};

/// An exit from guest mode, copied out of the shared kvm_run page.
struct clinux_exit {
    uint32_t reason;
    /// Port or guest-physical address.
    uint64_t address;
    /// The value written (MMIO); the first 64 bits of the reason's own data otherwise.
    uint64_t value;
    /// Bytes per access.
    uint32_t width;
    /// How many accesses (string I/O).
    uint32_t count;
    bool is_write;
};

/// KVM_RUN; 0 or a negative errno, the exit in *exit.
int clinux_run(int vcpu, struct kvm_run *run, struct clinux_exit *exit);
/// The i-th value of a port access; i below the exit's count.
uint64_t clinux_port_value(const struct kvm_run *run, uint32_t index, uint32_t width);
void clinux_set_port_value(struct kvm_run *run, uint32_t index, uint32_t width, uint64_t value);
/// The answer to an MMIO read.
void clinux_set_mmio_value(struct kvm_run *run, uint64_t value);
/// Makes the next or present KVM_RUN return at once.
void clinux_set_immediate_exit(struct kvm_run *run, bool immediate);
