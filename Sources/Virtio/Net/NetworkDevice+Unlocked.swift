import LinuxSystem
import Synchronization

/// A frame's way between tap and guest memory, for which nobody has to wait.
extension NetworkDevice {
    /// Does a frame's system call without the device lock. Nil where the driver has reset the device meanwhile: its
    /// queues and buffers are of no matter any more.
    ///
    /// While it is done `isMoving` keeps other threads out of the queues; a reset waits for its end, so that nothing is
    /// written into buffers that the driver has back.
    func move(_ call: () throws(SystemError) -> Int) -> Result<Int, SystemError>? {
        let before = resets.load(ordering: .sequentiallyConsistent)
        isMoving = true
        let result: Result<Int, SystemError>? = loop.lock.unlocked {
            moves.locked {
                guard resets.load(ordering: .sequentiallyConsistent) == before else { return nil }
                do throws(SystemError) { return .success(try call()) } catch { return .failure(error) }
            }
        }
        isMoving = false
        return resets.load(ordering: .sequentiallyConsistent) == before ? result : nil
    }

    /// Waits until no frame is on its way, and lets none that was prepared set out.
    func endMoves() {
        resets.add(1, ordering: .sequentiallyConsistent)
        moves.locked {}
    }
}
