#include "clinux_kvm.h"
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

int clinux_run(int vcpu, struct kvm_run *run, struct clinux_exit *exit) {
    if (ioctl(vcpu, KVM_RUN, 0) < 0) return -errno;
    *exit = (struct clinux_exit){.reason = run->exit_reason};
    switch (run->exit_reason) {
    case KVM_EXIT_IO:
        exit->address = run->io.port;
        exit->width = run->io.size;
        exit->count = run->io.count;
        exit->is_write = run->io.direction == KVM_EXIT_IO_OUT;
        break;
    case KVM_EXIT_MMIO:
        exit->address = run->mmio.phys_addr;
        exit->width = run->mmio.len;
        exit->count = 1;
        exit->is_write = run->mmio.is_write;
        memcpy(&exit->value, run->mmio.data, sizeof(exit->value));
        break;
    case KVM_EXIT_SYSTEM_EVENT:
        exit->value = run->system_event.type;
        break;
    case KVM_EXIT_FAIL_ENTRY:
        exit->value = run->fail_entry.hardware_entry_failure_reason;
        break;
    case KVM_EXIT_INTERNAL_ERROR:
        exit->value = run->internal.suberror;
        break;
    default:
        break;
    }
    return 0;
}

static uint8_t *port_data(const struct kvm_run *run, uint32_t index, uint32_t width) {
    return (uint8_t *)run + run->io.data_offset + (uint64_t)index * width;
}

uint64_t clinux_port_value(const struct kvm_run *run, uint32_t index, uint32_t width) {
    uint64_t value = 0;
    memcpy(&value, port_data(run, index, width), width <= sizeof(value) ? width : sizeof(value));
    return value;
}

void clinux_set_port_value(struct kvm_run *run, uint32_t index, uint32_t width, uint64_t value) {
    memcpy(port_data(run, index, width), &value, width <= sizeof(value) ? width : sizeof(value));
}

void clinux_set_mmio_value(struct kvm_run *run, uint64_t value) { memcpy(run->mmio.data, &value, sizeof(value)); }

void clinux_set_immediate_exit(struct kvm_run *run, bool immediate) {
    __atomic_store_n(&run->immediate_exit, immediate, __ATOMIC_RELEASE);
}
