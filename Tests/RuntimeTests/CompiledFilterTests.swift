import AgentProtocol
import LinuxSystem
import OCI
import SystemPackage
import Testing

@testable import Runtime

/// Filters in a registry, and how often one had to be compiled.
private final class FilterBench {
    let directory: TemporaryDirectory
    let filters: CompiledFilters
    var compilations = 0

    init() throws {
        directory = try TemporaryDirectory()
        filters = CompiledFilters(registry: FilePath("\(directory.path)/root"))
    }

    func filter(_ profile: RuntimeSpec.Seccomp) throws -> SeccompFilter {
        try filters.filter(for: profile) { () throws(SpecificationError) in
            compilations += 1
            return try SeccompCompiler().filter(for: profile)
        }
    }

    var files: [String] { get throws { try FileSystem.names(in: "\(directory.path)/root/filters") ?? [] } }
}

@Suite struct CompiledFilterTests {
    private let profile = DefaultSeccompProfile.seccomp()

    @Test func aProfileIsCompiledOnce() throws {
        let bench = try FilterBench()
        let compiled = try SeccompCompiler().filter(for: profile)
        for _ in 0..<3 { #expect(try bench.filter(profile) == compiled) }
        #expect(bench.compilations == 1)
    }

    @Test func profilesThatDifferHaveFiltersOfTheirOwn() throws {
        let bench = try FilterBench()
        var profiles = [profile, DefaultSeccompProfile.seccomp(for: ["CAP_SYS_ADMIN"])]
        for change: (inout RuntimeSpec.Seccomp) -> Void in [
            { $0.defaultAction = "SCMP_ACT_LOG" }, { $0.defaultErrnoRet = 7 },
            { $0.flags = ["SECCOMP_FILTER_FLAG_LOG"] },
            { $0.architectures = [] }, { $0.syscalls?[0].names.removeLast() }, { $0.syscalls?[0].errnoRet = 5 },
            { $0.syscalls?[3].args?[0].value = 41 }, { $0.syscalls?[3].args?[0].index = 1 },
            { $0.syscalls?[3].args?[0].op = "SCMP_CMP_NE" }, { $0.syscalls?.swapAt(0, 1) },
        ] {
            var changed = profile
            change(&changed)
            profiles.append(changed)
        }
        for profile in profiles { #expect(try bench.filter(profile) == SeccompCompiler().filter(for: profile)) }
        #expect(bench.compilations == profiles.count)
        #expect(try bench.files.count == profiles.count)
    }

    @Test(arguments: [0, 3, 4, 11, 13])
    func aFileThatIsNoFilterIsWrittenAnew(size: Int) throws {
        let bench = try FilterBench()
        let compiled = try bench.filter(profile)
        let path = "\(bench.directory.path)/root/filters/\(try #require(try bench.files.first))"
        try FileSystem.replace(path, with: [UInt8](repeating: 0, count: size))
        #expect(try bench.filter(profile) == compiled)
        #expect(try bench.filter(profile) == compiled)
        #expect(bench.compilations == 2)
    }

    @Test func nobodyFillsTheRegistryWithFilters() throws {
        let bench = try FilterBench()
        for number in 0..<UInt32(CompiledFilters.maxCount + 1) {
            _ = try bench.filter(RuntimeSpec.Seccomp(defaultAction: "SCMP_ACT_ERRNO", defaultErrnoRet: number))
            #expect(try bench.files.count <= CompiledFilters.maxCount)
        }
        #expect(try bench.files.count == 1)
    }

    @Test func aProfileThatCannotBeCompiledLeavesNothing() throws {
        let bench = try FilterBench()
        #expect(throws: SpecificationError.self) {
            try bench.filter(RuntimeSpec.Seccomp(defaultAction: "SCMP_ACT_NOTHING"))
        }
        #expect(try bench.files.isEmpty)
    }
}
