/// The parameters that every czone guest's kernel gets (Documentation/admin-guide/kernel-parameters.txt). They belong to
/// the kernel's configuration: Kernel/cmdline says why each is there, and a test compares the two.
public enum KernelCommandLine {
    public static let base = [
        "console=ttyS0", "loglevel=4", "panic=-1", "memhp_default_state=online_movable",
        "memory_hotplug.memmap_on_memory=1", "virtio_mem.unplug_online=0",
        "sysctl.vm.percpu_pagelist_high_fraction=512", "thp_anon=16K-64K:always",
        "overcommit_guess_min=64G",
        "rcupdate.rcu_expedited=1", "swiotlb=noforce", "tsc=reliable", "noreplace-smp", "virtio_net.napi_tx=0",
    ].joined(separator: " ")
}
