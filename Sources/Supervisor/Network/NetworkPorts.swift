import AgentProtocol
import LinuxSystem
import Virtio

/// A container's interfaces: each is a port of the VM's network device from the container's request to its end. Protected
/// by the device lock.
struct NetworkPorts {
    private weak var device: NetworkDevice?
    private var ports: [NetworkPort] = []
    /// What ports have carried that are closed.
    private var past = NetworkTraffic()

    /// What its interfaces have carried; never less than before.
    var traffic: NetworkTraffic { ports.reduce(into: past) { $0 += $1.traffic } }

    /// Opens ports of a machine's device.
    struct Source {
        /// Nil for a machine without.
        let device: NetworkDevice?

        /// Makes a port of each tap, in the interfaces' order, and writes the ports into the interfaces; all of them or
        /// none.
        func open(
            for interfaces: inout [NetworkInterface], _ taps: [OwnedDescriptor]
        ) throws(NetworkPortError) -> NetworkPorts {
            var ports = NetworkPorts()
            guard !interfaces.isEmpty else { return ports }
            guard let device else { throw .tooMany(0) }
            ports.device = device
            for (index, tap) in zip(interfaces.indices, taps) {
                do throws(NetworkPortError) {
                    let port = try device.addPort(EthernetAddress(interfaces[index].hardwareAddress), tap: tap)
                    ports.ports.append(port)
                    interfaces[index].port = port.number
                } catch {
                    ports.close()
                    throw error
                }
            }
            return ports
        }
    }

    /// Nothing of the container reaches the network any more; its taps are closed.
    mutating func close() {
        past = traffic
        for port in ports { device?.removePort(port) }
        ports = []
    }
}
