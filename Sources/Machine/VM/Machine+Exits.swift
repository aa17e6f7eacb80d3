import LinuxSystem

extension Machine: VirtualCPUThread.Exits {
    func readPort(_ address: UInt16, width: Int) -> UInt64 {
        lock.locked { ports.read(UInt64(address), width: width) }
    }

    func writePort(_ value: UInt64, _ address: UInt16, width: Int) {
        lock.locked { ports.write(value, to: UInt64(address), width: width) }
    }

    func readMemory(_ address: UInt64, width: Int) -> UInt64 {
        lock.locked { registers.read(address, width: width) }
    }

    func writeMemory(_ value: UInt64, _ address: UInt64, width: Int) {
        lock.locked { registers.write(value, to: address, width: width) }
    }

    func end(_ end: MachineEnd) { report(end) }
}
