"""A cpio archive (newc) with init and the kernel modules in the order in which they load."""

import itertools
from pathlib import Path

from .options import HostUnavailable

# What reaches the launcher and the caller's root; then KVM. Dependencies come by themselves, and so do all other
# modules at run time (tun, bridge, veth, nf_tables, erofs, loop, …): the kernel asks the caller's modprobe for them.
EARLY = ["virtio_pci", "virtio_console", "virtiofs", "overlay"]
LATE = ["kvm-amd"]

inode_numbers = itertools.count(1)


def read_dependencies(directory):
    """{module name: (path, [paths it needs, the nearest first])} from modules.dep."""
    table = {}
    for line in Path(directory, "modules.dep").read_text().splitlines():
        path, _, needs = line.partition(":")
        table[Path(path).stem.replace("-", "_")] = (path, needs.split())
    return table


def load_order(names, table, loaded):
    order = []
    for name in names:
        entry = table.get(name.replace("-", "_"))
        if entry is None:
            raise HostUnavailable(f"the host's kernel has no module {name}")
        path, needs = entry
        for module in [*reversed(needs), path]:
            if module not in loaded:
                loaded.add(module)
                order.append(module)
    return order


def entry(name, mode, data=b""):
    encoded = name.encode() + b"\0"
    fields = [next(inode_numbers), mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(encoded), 0]
    header = b"070701" + b"".join(b"%08X" % field for field in fields) + encoded
    return header + b"\0" * (-len(header) % 4) + data + b"\0" * (-len(data) % 4)


def build(init, modules_directory):
    """The archive's bytes. Modules are uncompressed and unsigned: checking signatures takes long under TCG."""
    table, loaded = read_dependencies(modules_directory), set()
    parts = [entry("dev", 0o040755), entry("modules", 0o040755), entry("init", 0o100755, Path(init).read_bytes())]
    for stage, names in (("early", EARLY), ("late", LATE)):
        parts.append(entry(f"modules/{stage}", 0o040755))
        for index, module in enumerate(load_order(names, table, loaded)):
            data = Path(modules_directory, module).read_bytes()
            parts.append(entry(f"modules/{stage}/{index:02}-{Path(module).name}", 0o100644, data))
    return b"".join(parts) + entry("TRAILER!!!", 0)
