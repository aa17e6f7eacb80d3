import ControlProtocol
import LinuxSystem
public import OCI

extension VirtualMachineDirectory {
    /// Has a running VM take a further image, for a container that comes next: the number by which its root names it. The VM
    /// keeps the image from being removed.
    ///
    /// - Throws: `.refused` where it does not take it: `full` for want of a place.
    public func bring(
        _ image: StoredImage, of store: ImageStore, _ timeouts: ControlTimeouts = .standard
    ) throws(RuntimeError) -> UInt32 {
        let file: OwnedDescriptor
        do { file = try store.lease(image).descriptor } catch { throw .invalid(error.description) }
        guard let connection = try connect(timeouts: timeouts) else {
            throw .virtualMachineEnded(id: id, lastWords: lastWords())
        }
        guard case .image(let number) = try connection.ask(.bringImage(digest: "\(image.digest)"), descriptors: [file])
        else { throw .conversation("the VM \(id) answered something else than an image's number") }
        return number
    }
}
