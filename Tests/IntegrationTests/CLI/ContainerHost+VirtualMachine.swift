import AgentProtocol
import ControlProtocol
import Runtime
import SystemPackage
import Testing

/// What a VM reports on its control socket and no command prints.
extension ContainerHost {
    /// The one VM that runs.
    func machineDirectory() throws -> VirtualMachineDirectory {
        let machines = try Registry(root: FilePath(registry)).virtualMachines()
        try #require(machines.count == 1, "\(machines.map(\.id))")
        return machines[0]
    }

    /// Where a container's pages are.
    func placement(of container: String) throws -> PagePlacement {
        guard case .placement(let placement) = try machineDirectory().ask(.placement(container: container)) else {
            throw UnexpectedReply()
        }
        return placement
    }

    /// The guest's memory, node by node, and what it has moved.
    func nodes() throws -> NodeMeasures {
        guard case .nodes(let nodes) = try machineDirectory().ask(.nodes) else { throw UnexpectedReply() }
        return nodes
    }

    /// How the zones last came and went.
    func zoneTimes() throws -> [ZoneTimes] {
        guard case .zoneTimes(let times) = try machineDirectory().ask(.zoneTimes) else { throw UnexpectedReply() }
        return times
    }

    struct UnexpectedReply: Error {}
}
