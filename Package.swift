// swift-tools-version: 6.2
import PackageDescription

/// What every Swift target of the package is compiled with.
let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
]

/// Wholly static in a release: it starts in two thirds of the time, and needs no file of the host to run.
let staticExecutable: [LinkerSetting] = [.unsafeFlags(["-static-executable"], .when(configuration: .release))]

let system = Target.Dependency.product(name: "SystemPackage", package: "swift-system")
let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioTLS = Target.Dependency.product(name: "NIOTLS", package: "swift-nio")
let nioHTTP2 = Target.Dependency.product(name: "NIOHTTP2", package: "swift-nio-http2")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")
let protobuf = Target.Dependency.product(name: "SwiftProtobuf", package: "swift-protobuf")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")

func module(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: dependencies, swiftSettings: settings)
}

let package = Package(
    name: "czone",
    products: [
        .executable(name: "czone", targets: ["czone"]),
        .executable(name: "czone-vm", targets: ["czone-vm"]),
        .executable(name: "czone-gateway", targets: ["czone-gateway"]),
        .executable(name: "czone-fabric", targets: ["czone-fabric"]),
        .executable(name: "czone-transfer", targets: ["czone-transfer"]),
        .executable(name: "czone-compile", targets: ["czone-compile"]),
        .executable(name: "czone-sandbox", targets: ["czone-sandbox"]),
        .executable(name: "containerd-shim-czone-v2", targets: ["containerd-shim-czone-v2"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
        .package(url: "https://github.com/apple/swift-system", from: "1.4.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.80.0"),
        .package(url: "https://github.com/apple/swift-nio-http2", from: "1.46.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.30.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: [
        // C headers and system libraries.
        .target(name: "CLinux"),
        .systemLibrary(name: "CSeccomp", pkgConfig: "libseccomp", providers: [.apt(["libseccomp-dev"])]),
        .systemLibrary(name: "CArchive", providers: [.apt(["libarchive-dev", "libzstd-dev", "zlib1g-dev"])]),
        .systemLibrary(name: "CNettle", providers: [.apt(["nettle-dev"])]),
        .systemLibrary(name: "CFDT", providers: [.apt(["libfdt-dev"])]),

        // The virtual machine monitor, from the bottom up. None of these imports Foundation.
        module("LinuxSystem", ["CLinux", system]),
        // What every executable reports of itself.
        module("LeanJSON"),
        module("Logs", ["LeanJSON", "LinuxSystem", logging]),
        module("Metrics"),

        module("Memory", ["LinuxSystem", "CLinux", system]),
        module("Hypervisor", ["Memory", "LinuxSystem", "CLinux"]),
        module("Geometry"),
        module("Devices", ["LinuxSystem"]),
        module("Zones", ["Geometry", "Memory"]),
        module("Virtio", ["Devices", "Zones", "Geometry", "Memory", "LinuxSystem", system]),
        module("FileShare", ["LinuxSystem", "CLinux", system]),
        module("Jail", ["LinuxSystem", "CLinux", "CSeccomp", system]),
        module(
            "Machine",
            [
                "Virtio", "Devices", "Hypervisor", "Zones", "Geometry", "Memory", "LinuxSystem", "CFDT",
            ]),
        module("AgentProtocol", ["Geometry"]),
        module("ControlProtocol", ["AgentProtocol", "Geometry"]),

        // What reads files that an operator writes.
        module("Definitions", ["LinuxSystem", yams]),
        // The fabric's policies, and what its clients ask it.
        module("FabricPolicies", ["Definitions", "LinuxSystem"]),
        module("FabricProtocol", ["ControlProtocol", "AgentProtocol"]),

        // What clients of a virtual machine share.
        module("Hashing", ["CNettle"]),
        module("OCI", ["Hashing", "LeanJSON", "LinuxSystem", "CLinux", "CArchive", system]),
        module(
            "Runtime",
            [
                "OCI", "Hashing", "LeanJSON", "Logs", "Metrics", "FabricProtocol", "ControlProtocol", "AgentProtocol",
                "Geometry", "LinuxSystem", "CLinux", "CSeccomp", system, logging,
            ]),
        // Templates in registries of the OCI distribution specification: what they are there, and the program that asks.
        module("TemplateRegistry", ["Runtime", "OCI", "LeanJSON", "LinuxSystem", system]),
        module(
            "TemplateTransfer",
            [
                "TemplateRegistry", "Runtime", "OCI", "LeanJSON", "LinuxSystem", nioCore, nioPosix, nioHTTP1, nioSSL,
            ]),
        .executableTarget(
            name: "czone-transfer",
            dependencies: [
                "TemplateTransfer", "TemplateRegistry", "Runtime", "OCI", "LinuxSystem", "Logs", system, logging,
            ],
            swiftSettings: settings,
            linkerSettings: staticExecutable),
        module("Bench", ["Runtime", "ControlProtocol", "AgentProtocol", "LinuxSystem", system]),

        module(
            "ControlChannel",
            ["ControlProtocol", "AgentProtocol", "LinuxSystem", "Logs", logging, nioCore, nioPosix]),
        // Exchanges of HTTP on SwiftNIO, each way as fast as its reader.
        module("HTTPExchange", [nioCore, nioPosix, nioHTTP1, nioSSL]),

        // containerd's side.
        .target(name: "ContainerdAPI", dependencies: [protobuf]),
        module("TTRPC", ["ContainerdAPI", "LinuxSystem", nioCore, nioPosix, protobuf]),
        module(
            "Shim",
            [
                "TTRPC", "ContainerdAPI", "Runtime", "OCI", "Logs", "ControlChannel", "ControlProtocol",
                "AgentProtocol", "LinuxSystem", system, logging, nioCore, nioPosix, protobuf,
            ]),
        .executableTarget(
            name: "containerd-shim-czone-v2", dependencies: ["Shim", "Logs", logging], swiftSettings: settings,
            linkerSettings: staticExecutable),

        // Functions: containers that come and go with the requests for them.
        module("Events", ["Definitions", "FabricPolicies", "Runtime", "LeanJSON", "LinuxSystem"]),
        module("Scaling"),
        module(
            "Gateway",
            [
                "Events", "FabricPolicies", "Definitions", "HTTPExchange", "Scaling", "SandboxProtocol", "Runtime",
                "OCI", "LeanJSON", "Logs", "Metrics", "ControlChannel", "ControlProtocol", "AgentProtocol",
                "LinuxSystem", system, logging, nioCore, nioPosix, nioHTTP1, nioHTTP2, nioSSL, nioTLS,
            ]),
        .executableTarget(
            name: "czone-gateway", dependencies: ["Gateway", "Logs", logging], swiftSettings: settings,
            linkerSettings: staticExecutable),

        // Acceleration: functions of JavaScript as WebAssembly. TraceRuntime is a library for wasm32 (its build.sh), and a
        // module here for its tests and numbers.
        .target(name: "CWasmtime"),
        .target(
            name: "TraceRuntime", exclude: ["Wasm", "build.sh"], swiftSettings: settings),
        module("WasmModule"),
        module("Trace"),
        module("TraceCompiler", ["Trace", "TraceRuntime", "WasmModule"]),
        // What the gateway and those that run a handler say to each other.
        module("SandboxProtocol", ["TraceRuntime", "LeanJSON", "LinuxSystem"]),
        module("Sandbox", ["SandboxProtocol", "TraceRuntime", "CWasmtime", "LeanJSON", "LinuxSystem"]),
        module(
            "Acceleration",
            [
                "Sandbox", "SandboxProtocol", "Trace", "TraceCompiler", "TraceRuntime", "WasmModule", "LeanJSON",
                "LinuxSystem", system,
            ]),
        // wasmtime is a dynamic library, so these two cannot be wholly static.
        .executableTarget(
            name: "czone-compile", dependencies: ["Acceleration", "Sandbox", "LinuxSystem"], swiftSettings: settings),
        .executableTarget(
            name: "czone-sandbox", dependencies: ["Acceleration", "Sandbox", "Jail", "LinuxSystem"],
            swiftSettings: settings),

        // The fabric: carries containers' requests to cloud services.
        module(
            "Fabric",
            [
                "FabricPolicies", "FabricProtocol", "Definitions", "HTTPExchange", "Hashing", "ControlChannel",
                "ControlProtocol",
                "AgentProtocol", "LinuxSystem", "Logs", logging, nioCore, nioPosix, nioHTTP1, nioSSL,
            ]),
        .executableTarget(
            name: "czone-fabric", dependencies: ["Fabric", "Jail", "LinuxSystem", "Logs", logging],
            swiftSettings: settings, linkerSettings: staticExecutable),

        module(
            "Supervisor",
            [
                "Logs", "Metrics", "Machine", "Virtio", "FileShare", "Zones", "Geometry", "Memory", "LinuxSystem",
                "ControlProtocol", "AgentProtocol", system, logging,
            ]),
        .executableTarget(
            name: "czone-vm",
            dependencies: [
                "Supervisor", "Machine", "Virtio", "FileShare", "Hypervisor", "Jail", "Logs", "LinuxSystem",
                "ControlProtocol", system, logging,
            ],
            swiftSettings: settings, linkerSettings: staticExecutable),
        .executableTarget(
            name: "czone",
            dependencies: [
                "Bench", "Runtime", "TemplateRegistry", "OCI", "LeanJSON", "Logs", "Metrics", "FabricProtocol",
                "ControlProtocol", "AgentProtocol", "Geometry", "Hypervisor", "LinuxSystem", arguments, system, logging,
            ],
            swiftSettings: settings, linkerSettings: staticExecutable),

        .executableTarget(
            name: "acceleration-check",
            dependencies: ["Acceleration", "Sandbox", "SandboxProtocol", "LeanJSON", "LinuxSystem"],
            path: "Tests/Acceleration/Check", swiftSettings: settings),
        .target(
            name: "TestSupport",
            dependencies: [
                "Bench", "Virtio", "Devices", "Zones", "Geometry", "Hypervisor", "Memory", "LinuxSystem", system,
            ],
            path: "Tests/TestSupport",
            swiftSettings: settings),
        tests("AgentProtocolTests", ["AgentProtocol"]),
        tests("AgentTests", ["AgentProtocol", "LinuxSystem", system]),
        tests("ControlProtocolTests", ["ControlProtocol", "AgentProtocol"]),
        tests(
            "SupervisorTests",
            [
                "Supervisor", "Machine", "FileShare", "Virtio", "Zones", "Memory", "LinuxSystem", "ControlProtocol",
                "AgentProtocol", "Geometry", "Logs", "TestSupport", system,
            ]),
        tests("GeometryTests", ["Geometry"]),
        tests("DevicesTests", ["Devices"]),
        tests("LinuxSystemTests", ["LinuxSystem", system]),
        tests("JailTests", ["Jail"]),
        tests("LogsTests", ["Logs", "LinuxSystem", logging]),
        tests("MetricsTests", ["Metrics"]),
        tests("MemoryTests", ["Memory", "LinuxSystem"]),
        tests(
            "MachineTests",
            ["Machine", "Virtio", "Devices", "Hypervisor", "Zones", "Geometry", "Memory", "LinuxSystem", "CFDT"]),
        tests("ZonesTests", ["Zones", "Geometry", "Memory"]),
        tests(
            "VirtioTests", ["Virtio", "Devices", "Zones", "Geometry", "Memory", "LinuxSystem", "TestSupport"]),
        tests("FileShareTests", ["FileShare", "LinuxSystem", "TestSupport"]),
        tests("OCITests", ["OCI", "LeanJSON", "LinuxSystem", system]),
        tests("czoneTests", ["czone", "Runtime", "LeanJSON", "OCI", "LinuxSystem", arguments]),
        tests(
            "RuntimeTests",
            ["Runtime", "OCI", "ControlProtocol", "AgentProtocol", "LinuxSystem", "TestSupport", system]),
        tests("TemplateRegistryTests", ["TemplateRegistry", "Runtime", "OCI", "LinuxSystem"]),
        tests(
            "TemplateTransferTests",
            ["TemplateTransfer", "TemplateRegistry", "Runtime", "OCI", "LinuxSystem", "TestSupport", system]),
        tests(
            "ShimTests",
            [
                "Shim", "TTRPC", "ContainerdAPI", "Runtime", "OCI", "ControlProtocol", "AgentProtocol", "LinuxSystem",
                "TestSupport", system, nioPosix, protobuf,
            ]),
        tests("BenchTests", ["Bench", "LinuxSystem"]),
        tests("EventsTests", ["Events", "Definitions"]),
        tests("HashingTests", ["Hashing"]),
        tests("TraceTests", ["Trace"]),
        tests("WasmModuleTests", ["WasmModule"]),
        tests("TraceRuntimeTests", ["TraceRuntime"]),
        tests("TraceCompilerTests", ["Trace", "TraceCompiler", "WasmModule"]),
        tests("SandboxProtocolTests", ["SandboxProtocol", "TraceRuntime"]),
        tests("SandboxTests", ["Sandbox", "SandboxProtocol", "TraceRuntime", "WasmModule", "LinuxSystem"]),
        tests("AccelerationTests", ["Acceleration"]),
        tests("FabricPoliciesTests", ["FabricPolicies", "Definitions"]),
        tests(
            "FabricTests",
            [
                "Fabric", "FabricPolicies", "FabricProtocol", "ControlProtocol", "LinuxSystem", "TestSupport", nioCore,
                nioPosix, nioHTTP1,
            ]),
        tests("ScalingTests", ["Scaling"]),
        tests(
            "GatewayTests",
            [
                "Gateway", "SandboxProtocol", "Runtime", "Events", "AgentProtocol", "LinuxSystem", nioCore, nioPosix,
                nioHTTP1,
            ]),
        tests("TTRPCTests", ["TTRPC", "LinuxSystem", nioCore, nioPosix]),
        tests("HypervisorTests", ["Hypervisor", "CLinux"]),
        tests(
            "IntegrationTests",
            [
                "Bench", "Runtime", "Supervisor", "Machine", "Zones", "FileShare", "ControlProtocol", "AgentProtocol",
                "Hypervisor",
                "Memory", "LinuxSystem", "TestSupport", system,
            ]),
    ]
)
