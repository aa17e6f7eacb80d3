import Geometry
import Testing

@Suite struct DeviceTableTests {
    /// Templates on disk have devices in this order: a change needs a new version of the state file.
    @Test func aMachineForContainersHasAllDevicesInTheOrderOfTemplates() {
        let table = DeviceTable(imageCount: 2, zoneCount: 2, takesContainers: true, hasFileSystem: true)
        #expect(
            table.devices == [
                .entropy, .vsock, .image(0), .image(1), .zone(0), .zone(1), .balloon, .network, .fileSystem,
            ])
        #expect(table.devices[DeviceTable.vsockIndex] == .vsock)
    }

    @Test func aBareMachineHasWhatAKernelNeeds() {
        let table = DeviceTable(imageCount: 0, zoneCount: 1, takesContainers: false, hasFileSystem: false)
        #expect(table.devices == [.entropy, .zone(0)])
    }
}
