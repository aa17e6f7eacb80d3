public import Hypervisor
public import LinuxSystem
public import Memory

/// Why a machine cannot be made.
public enum MachineError: Error, CustomStringConvertible {
    case hypervisor(HypervisorError)
    case layout(LayoutError)
    case loader(LoaderError)
    case memory(GuestMemoryError)
    /// The snapshot that the machine was to be restored from.
    case snapshot(SnapshotError)
    case system(SystemError)
    case virtualCPUCount(Int, max: Int)
    case other(String)

    public var description: String {
        switch self {
        case .hypervisor(let error): "\(error)"
        case .layout(let error): "\(error)"
        case .loader(let error): "\(error)"
        case .memory(let error): "\(error)"
        case .snapshot(let error): "the template is refused: \(error)"
        case .system(let error): "\(error)"
        case .virtualCPUCount(let count, let most): "\(count) vCPUs: expected 1 to \(most)"
        case .other(let text): text
        }
    }
}

/// Runs a step of the machine's making, whose error becomes the machine's.
func making<Result>(
    _ step: () throws -> Result
) throws(MachineError) -> Result {
    do { return try step() } catch let error as MachineError { throw error } catch let error as HypervisorError {
        throw .hypervisor(error)
    } catch let error as LayoutError { throw .layout(error) } catch let error as LoaderError {
        throw .loader(error)
    } catch let error as GuestMemoryError { throw .memory(error) } catch let error as SystemError {
        throw .system(error)
    } catch let error as SnapshotError { throw .snapshot(error) } catch { throw .other("\(error)") }
}
