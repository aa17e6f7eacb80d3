public import Memory
public import Zones

/// What plugging and unplugging do to the VM: given by the machine. Called with the device lock held, for one block of
/// a zone at a time, which is plugged and unplugged in turns.
public protocol ZoneBacking: AnyObject {
    /// How much the guest will write at once to the zone's first block, in bytes, until another amount is expected. A
    /// matter of speed only.
    func expect(writtenBytes: UInt64)
    /// Makes a block accessible to the guest and to `GuestMemory`, as zeros. Where it throws, nothing has changed.
    func plug(_ block: GuestRange) throws
    /// Takes a block away from the guest and from `GuestMemory`, and gives its memory back to the host. Where it
    /// throws, the block is as it was.
    func unplug(_ block: GuestRange) throws
}

/// Receives what becomes of a zone's memory.
public protocol ZoneMemoryObserver: AnyObject {
    /// The guest has plugged or unplugged blocks, whether it was asked to or not.
    func zone(_ zone: Zone, pluggedSizeIs sizeInBytes: UInt64)
    /// The host could not do what the guest asked for rightly.
    func zone(_ zone: Zone, failed error: any Error)
}
