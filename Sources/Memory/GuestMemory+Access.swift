import CLinux
import LinuxSystem

extension GuestMemory {
    /// The host address of a range that lies whole in one region, which may be read-only.
    @usableFromInline
    func readableAddress(of address: GuestAddress, sizeInBytes: UInt64) throws(GuestMemoryError) -> UnsafeRawPointer {
        do {
            return try unsafe UnsafeRawPointer(hostAddress(of: address, sizeInBytes: sizeInBytes))
        } catch {
            guard let wanted = GuestRange(start: address, sizeInBytes: sizeInBytes) else { throw error }
            for region in readOnlyRegions where region.range.contains(wanted) {
                let distance = Int(address.rawValue - region.range.start.rawValue)
                // SAFETY: `contains` proved that offset + size stays within the mapping.
                return unsafe UnsafeRawPointer(region.mapping.address.advanced(by: distance))
            }
            throw error
        }
    }

    /// The host address of a range that lies whole in one mapped region that may be written.
    @usableFromInline
    func hostAddress(of address: GuestAddress, sizeInBytes: UInt64) throws(GuestMemoryError) -> UnsafeMutableRawPointer
    {
        guard let wanted = GuestRange(start: address, sizeInBytes: sizeInBytes) else {
            throw .notMapped(address: address, sizeInBytes: sizeInBytes)
        }
        for region in regions where region.range.contains(wanted) {
            // SAFETY: `contains` proved that offset + size stays within the mapping.
            return unsafe region.mapping.address.advanced(by: Int(address.rawValue - region.range.start.rawValue))
        }
        throw .notMapped(address: address, sizeInBytes: sizeInBytes)
    }

    /// Whether a range lies whole in one mapped region that may be written.
    public func isMapped(_ address: GuestAddress, sizeInBytes: UInt64) -> Bool {
        guard let wanted = GuestRange(start: address, sizeInBytes: sizeInBytes) else { return false }
        return regions.contains { $0.range.contains(wanted) }
    }

    /// A little-endian integer, fetched once.
    @inlinable
    public func load<Value: FixedWidthInteger & BitwiseCopyable>(
        _ type: Value.Type = Value.self, at address: GuestAddress
    ) throws(GuestMemoryError) -> Value {
        let source = try unsafe readableAddress(of: address, sizeInBytes: UInt64(MemoryLayout<Value>.size))
        // SAFETY: the range was checked for the value's size; the load needs no alignment.
        return Value(littleEndian: unsafe source.loadUnaligned(as: Value.self))
    }

    /// Stores an integer in little-endian order.
    @inlinable
    public func store<Value: FixedWidthInteger & BitwiseCopyable>(
        _ value: Value, at address: GuestAddress
    ) throws(GuestMemoryError) {
        let target = try unsafe hostAddress(of: address, sizeInBytes: UInt64(MemoryLayout<Value>.size))
        // SAFETY: the range was checked for the value's size.
        unsafe target.storeBytes(of: value.littleEndian, as: Value.self)
    }

    /// Loads a 16-bit ring index with acquire ordering: what the guest wrote before it is seen after it.
    public func loadAcquire(at address: GuestAddress) throws(GuestMemoryError) -> UInt16 {
        guard address.rawValue & 1 == 0 else { throw .misaligned(address) }
        // SAFETY: two bytes checked, aligned (regions are page-aligned).
        return try unsafe UInt16(littleEndian: clinux_load_acquire_u16(hostAddress(of: address, sizeInBytes: 2)))
    }

    /// Stores a 16-bit ring index with release ordering: a reader that sees it also sees what was written before it.
    public func storeRelease(_ value: UInt16, at address: GuestAddress) throws(GuestMemoryError) {
        guard address.rawValue & 1 == 0 else { throw .misaligned(address) }
        // SAFETY: two bytes checked, aligned.
        try unsafe clinux_store_release_u16(hostAddress(of: address, sizeInBytes: 2), value.littleEndian)
    }

    /// A full fence between a store and a load that follows it.
    public func fence() { clinux_fence() }

    /// A copy of bytes.
    public func read(_ count: Int, at address: GuestAddress) throws(GuestMemoryError) -> [UInt8] {
        let source = try unsafe readableAddress(of: address, sizeInBytes: UInt64(count))
        return unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            // SAFETY: the source was checked for `count` bytes, the buffer has room for as many.
            if count > 0 {
                unsafe buffer.baseAddress?.update(from: source.assumingMemoryBound(to: UInt8.self), count: count)
            }
            filled = count
        }
    }

    /// Writes bytes.
    public func write(_ bytes: [UInt8], at address: GuestAddress) throws(GuestMemoryError) {
        try write(bytes[...], at: address)
    }

    /// Writes bytes.
    public func write(_ bytes: ArraySlice<UInt8>, at address: GuestAddress) throws(GuestMemoryError) {
        let target = try unsafe hostAddress(of: address, sizeInBytes: UInt64(bytes.count))
        unsafe bytes.withUnsafeBytes { source in
            // SAFETY: the target was checked for as many bytes as the source has.
            guard let base = source.baseAddress else { return }
            unsafe target.copyMemory(from: base, byteCount: source.count)
        }
    }

    /// Sets bytes to one value.
    public func fill(_ range: GuestRange, with byte: UInt8) throws(GuestMemoryError) {
        let target = try unsafe hostAddress(of: range.start, sizeInBytes: range.sizeInBytes)
        // SAFETY: the target was checked for the range's size.
        unsafe _ = memset(target, CInt(byte), Int(range.sizeInBytes))
    }
}
