import ControlProtocol
import Testing

@Suite struct MachineArgumentsTests {
    private static let template = MachineArguments.Template(directory: "/t/\u{e9} 1", identity: "files 1\nzones 16")

    private static func arguments(_ purpose: MachineArguments.Purpose) -> MachineArguments {
        MachineArguments(
            kernel: "/k/vmlinux", initialRAMDisk: "/k/initramfs.cpio",
            size: .init(memoryInBytes: 256 << 20, virtualCPUs: 2, zoneCount: 16, zoneSizeInBytes: 256 << 20),
            images: ["/i/one.erofs", "/i/two.erofs"], addedCommandLine: "quiet --image", isAlone: true, purpose: purpose
        )
    }

    static let all: [MachineArguments] = [
        arguments(.console),
        arguments(.containers(.init(controlDescriptor: 3, lockDescriptor: 4, logDescriptor: 5))),
        arguments(
            .containers(
                .init(
                    controlDescriptor: 3, lockDescriptor: 4, logDescriptor: .max, idleTimeoutInSeconds: 60,
                    memoryLimitDescriptor: 7,
                    prewarmTimeoutInSeconds: 0, template: template))),
        arguments(.saveTemplate(template)),
        arguments(.recordWorkingSet(of: template, to: "/t/working-set")),
        MachineArguments(
            kernel: "k", initialRAMDisk: nil, size: .init(memoryInBytes: .max, virtualCPUs: 1), purpose: .console,
            jail: .init(user: .max, isReduced: true, ownsCores: true)),
        MachineArguments(
            kernel: "k", initialRAMDisk: nil, size: .init(memoryInBytes: 1, virtualCPUs: 1),
            images: [nil, "/i/one", nil],
            purpose: .saveTemplate(template)),
    ]

    @Test(arguments: all.indices)
    func whatIsEncodedIsParsedToTheSame(index: Int) throws {
        #expect(try MachineArguments(parsing: Self.all[index].words) == Self.all[index])
    }

    private static let plain = arguments(.console).words

    static let refused: [(words: [String], why: String)] = [
        ([], "--kernel is missing"),
        (Array(plain.dropLast()), "--console lacks its value"),
        (plain + ["--bogus", "1"], "--bogus is no option"),
        (plain + ["--kernel", "k"], "--kernel is given twice"),
        (plain + ["--idle-timeout", "5"], "--idle-timeout has no meaning"),
        (plain + ["--control-descriptor", "5"], "--control-descriptor has no meaning"),
        (Array(plain.dropLast(2)), "--control-descriptor is missing"),
        (Array(plain.dropLast()) + ["screen"], "--console screen: expected terminal"),
        (Array(plain.dropLast(2)) + ["--save-template", "/t"], "--identity is missing"),
        (Array(plain.dropLast(2)) + ["--restore", "/t"], "--identity is missing"),
        (arguments(.saveTemplate(template)).words + ["--restore", "/t"], "--restore has no meaning"),
        (replacing("--cpus", "two"), "--cpus two: expected a whole number"),
        (replacing("--memory", "-1"), "--memory -1: expected a whole number from 0 to 18446744073709551615"),
        (replacing("--zones", ""), "--zones : expected a whole number"),
    ]

    private static func replacing(_ name: String, _ value: String) -> [String] {
        var words = plain
        if let place = words.firstIndex(of: name) { words[place + 1] = value }
        return words
    }

    @Test(arguments: refused.indices)
    func wordsThatAreNoneAreRefusedByName(index: Int) {
        let (words, why) = Self.refused[index]
        do {
            _ = try MachineArguments(parsing: words)
            Issue.record("\(words) were taken")
        } catch {
            #expect(error.description.contains(why))
        }
    }
}
