import AgentProtocol
import ControlProtocol
import LinuxSystem
import Machine
import Virtio

/// Containers' interfaces: each is a port of the VM's network device from the container's request to its end.
extension Supervisor {
    /// Makes a port of each tap, and tells the interfaces their ports; all of them or none.
    func openPorts(
        for interfaces: inout [NetworkInterface], _ taps: [OwnedDescriptor], of container: Container
    ) throws(NetworkPortError) {
        guard !interfaces.isEmpty else { return }
        guard let network = machine.network else { throw .tooMany(0) }
        container.network = network
        for index in interfaces.indices {
            do throws(NetworkPortError) {
                let port = try network.addPort(EthernetAddress(interfaces[index].hardwareAddress), tap: taps[index])
                container.ports.append(port)
                interfaces[index].port = port.number
            } catch {
                container.closePorts()
                throw error
            }
        }
    }
}

extension Container {
    /// Nothing of it reaches the network any more; its taps are closed.
    func closePorts() {
        for port in ports { network?.removePort(port) }
        ports = []
    }
}
