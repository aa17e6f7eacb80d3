import Machine
import Memory
import Testing
import Zones

@Suite struct ACPITablesTests {
    private static func tables(zones: Int = 2, devices: Int = 3, processors: Int = 2) throws -> ACPITables {
        let layout = try MachineLayout(
            .init(baseMemory: 4 << 30, zoneCount: zones, imageSizes: [1], deviceCount: devices))
        return try ACPITables(processorCount: processors, layout: layout)
    }

    /// Follows RSDP, XSDT and FADT as an operating system does: every table by signature.
    private static func parse(_ tables: ACPITables) throws -> [String: [UInt8]] {
        let bytes = tables.bytes
        let base = Int(ACPITables.rootPointer.rawValue)
        func table(at address: UInt64) throws -> [UInt8] {
            let offset = Int(address) - base
            try #require(offset >= 36 && offset % 8 == 0 && offset + 36 <= bytes.count)
            let length = Int(bytes.field(UInt32.self, at: offset + 4))
            try #require(offset + length <= bytes.count)
            return Array(bytes[offset..<offset + length])
        }
        #expect(bytes.starts(with: "RSD PTR ".utf8))
        #expect(bytes[0..<20].reduce(0, &+) == 0 && bytes[0..<36].reduce(0, &+) == 0)
        let root = try table(at: bytes.field(UInt64.self, at: 24))
        var found = [root]
        for entry in stride(from: 36, to: root.count, by: 8) {
            found.append(try table(at: root.field(UInt64.self, at: entry)))
        }
        let fixed = try #require(found.first { $0.starts(with: "FACP".utf8) })
        #expect(UInt64(fixed.field(UInt32.self, at: 40)) == fixed.field(UInt64.self, at: 140))
        found.append(try table(at: fixed.field(UInt64.self, at: 140)))
        for table in found { #expect(table.reduce(0, &+) == 0) }
        return Dictionary(uniqueKeysWithValues: found.map { (String(decoding: $0.prefix(4), as: UTF8.self), $0) })
    }

    @Test func everyTableIsFoundAndSumsToZero() throws {
        let tables = try Self.parse(Self.tables())
        #expect(Set(tables.keys) == ["XSDT", "FACP", "APIC", "SRAT", "SLIT", "DSDT"])
    }

    @Test func withoutZonesThereIsNoTopology() throws {
        let tables = try Self.parse(Self.tables(zones: 0))
        #expect(Set(tables.keys) == ["XSDT", "FACP", "APIC", "DSDT"])
    }

    @Test func theFADTSaysHowToSleepAndReset() throws {
        let table = try #require(try Self.parse(Self.tables())["FACP"])
        #expect(table.count == 276)
        let flags = table.field(UInt32.self, at: 112)
        #expect(flags >> 20 & 1 == 1 && flags >> 10 & 1 == 1)
        #expect(table[116] == 1 && table.field(UInt64.self, at: 120) == PowerControl.reset)
        #expect(table[128] == PowerControl.resetValue)
        #expect(table[244] == 1 && table.field(UInt64.self, at: 248) == PowerControl.sleepControl)
        #expect(table[256] == 1 && table.field(UInt64.self, at: 260) == PowerControl.sleepStatus)
    }

    /// The entries of a table that is a list of (type, length, …).
    private func entries(of table: [UInt8], from start: Int) throws -> [[UInt8]] {
        var entries: [[UInt8]] = []
        var offset = start
        while offset < table.count {
            let length = Int(table[offset + 1])
            try #require(length >= 2 && offset + length <= table.count)
            entries.append(Array(table[offset..<offset + length]))
            offset += length
        }
        return entries
    }

    @Test func theMADTListsEveryProcessor() throws {
        let table = try #require(try Self.parse(Self.tables(processors: 300))["APIC"])
        let entries = try entries(of: table, from: 44)
        let local = entries.filter { $0[0] == 0 }.map { UInt32($0[3]) }
        let extended = entries.filter { $0[0] == 9 }.map { $0.field(UInt32.self, at: 4) }
        #expect(local + extended == Array(0..<300))
        #expect(
            entries.filter { $0[0] == 0 || $0[0] == 9 }.allSatisfy {
                $0.field(UInt32.self, at: $0[0] == 0 ? 4 : 8) == 1
            })
        let controllers = entries.filter { $0[0] == 1 }
        #expect(controllers.map { $0.field(UInt32.self, at: 4) } == [0xfec0_0000])
    }

    @Test func theSRATPutsEveryZoneIntoItsOwnNode() throws {
        let table = try #require(try Self.parse(Self.tables(zones: 64, processors: 300))["SRAT"])
        let entries = try entries(of: table, from: 48)
        let layout = try MachineLayout(.init(baseMemory: 4 << 30, zoneCount: 64))
        let memory = entries.filter { $0[0] == 1 }
        #expect(memory.map { $0.field(UInt32.self, at: 2) } == [0, 0] + Array(1...64))
        #expect(
            memory.map { $0.field(UInt64.self, at: 8) }
                == (layout.baseRanges + layout.zones.map(\.range)).map(\.start.rawValue))
        #expect(
            memory.map { $0.field(UInt64.self, at: 16) }
                == (layout.baseRanges + layout.zones.map(\.range)).map(\.sizeInBytes))
        #expect(memory.map { $0.field(UInt32.self, at: 28) } == [1, 1] + [UInt32](repeating: 3, count: 64))
        let local = entries.filter { $0[0] == 0 }
        #expect(local.map { UInt32($0[3]) } == Array(0..<255))
        #expect(local.allSatisfy { $0[2] == 0 && $0.field(UInt32.self, at: 4) == 1 })
        let extended = entries.filter { $0[0] == 2 }
        #expect(extended.map { $0.field(UInt32.self, at: 8) } == Array(255..<300))
        #expect(extended.allSatisfy { $0.field(UInt32.self, at: 4) == 0 && $0.field(UInt32.self, at: 12) == 1 })
    }

    @Test func theSLITKeepsZonesApart() throws {
        let table = try #require(try Self.parse(Self.tables(zones: 3))["SLIT"])
        #expect(table.field(UInt64.self, at: 36) == 4)
        #expect(
            Array(table[44...]) == [
                10, 15, 15, 15,
                15, 10, 250, 250,
                15, 250, 10, 250,
                15, 250, 250, 10,
            ])
    }

    @Test func theLargestMachineFits() throws {
        let tables = try Self.tables(zones: 64, devices: 256, processors: 512)
        #expect(tables.bytes.count <= Int(AddressMap.acpiTablesCapacity))
        let memory = try freshMemory(1 << 20)
        try tables.write(into: memory)
        #expect(try memory.read(8, at: ACPITables.rootPointer) == Array("RSD PTR ".utf8))
    }

    @Test(arguments: [0, -1, 513])
    func anImpossibleProcessorCountIsRefused(count: Int) {
        #expect(throws: ACPIError.processorCount(count)) { try Self.tables(processors: count) }
    }

    @Test(.enabled(if: Command.isInstalled("iasl"), "iasl (package acpica-tools) is not installed"))
    func anotherImplementationReadsTheTables() throws {
        let directory = try TemporaryDirectory()
        for (signature, bytes) in try Self.parse(Self.tables(zones: 64, devices: 80)) {
            try directory.write(bytes, to: "\(signature).aml")
            let status = Command.run("cd \(directory.path) && iasl -d \(signature).aml > \(signature).out 2>&1")
            let report = try directory.text(of: "\(signature).out") + directory.text(of: "\(signature).dsl")
            #expect(status == 0, "\(signature): \(report)")
            for complaint in ["rror", "arning", "nvalid", "**** ", "nknown"] where report.contains(complaint) {
                Issue.record("\(signature): \(report)")
            }
        }
    }

    @Test(.enabled(if: Command.isInstalled("iasl"), "iasl (package acpica-tools) is not installed"))
    func theDSDTDescribesTheDevices() throws {
        let directory = try TemporaryDirectory()
        try directory.write(try #require(Self.parse(Self.tables(devices: 256))["DSDT"]), to: "dsdt.aml")
        // Compiling what was disassembled checks names, types and resources.
        let commands = "cd \(directory.path) && (iasl -d dsdt.aml && iasl -p again dsdt.dsl) > out 2>&1"
        let status = Command.run(commands)
        let report = try directory.text(of: "out")
        #expect(status == 0 && report.contains(" 0 Errors, 0 Warnings"), "\(report)")
        let source = try directory.text(of: "dsdt.dsl")
        for device in ["Device (COM1)", "Device (PEVT)", "Device (V000)", "Device (V0FF)"] {
            #expect(source.contains(device))
        }
        for text in ["EisaId (\"PNP0501\")", "0xD00FF000", "Interrupt (ResourceConsumer, Edge, ActiveHigh, Shared"] {
            #expect(source.contains(text))
        }
    }
}
