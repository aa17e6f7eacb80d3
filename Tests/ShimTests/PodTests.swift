import AgentProtocol
import ContainerdAPI
import ControlProtocol
import OCI
import Runtime
import TTRPC
import SwiftProtobuf
import Testing

@testable import Shim

private func membership(_ annotations: [String: String], namespace: String = "k8s.io") throws -> Membership {
    try Membership(id: "c1", annotations: annotations, namespace: namespace)
}

private let cri = [
    "io.kubernetes.cri.container-type": "container", "io.kubernetes.cri.sandbox-id": "s1",
    "io.kubernetes.cri.sandbox-namespace": "team-a",
]

@Suite struct MembershipTests {
    @Test func annotationsDecideWhoSharesAVM() throws {
        let member = try membership(cri)
        #expect(member.role == .member(sandbox: "s1") && member.tenant == "team-a" && member.function == nil)
        var annotations = cri
        annotations["czone.dev/function"] = "resize"
        annotations["czone.dev/tenant"] = "shared"
        annotations["czone.dev/zone-size"] = "200M"
        annotations["czone.dev/one-per-vm"] = "true"
        let chosen = try membership(annotations)
        #expect(chosen.function == "resize" && chosen.tenant == "shared" && chosen.isOnePerVM)
        #expect(chosen.zoneSizeInBytes == 256 << 20)
        #expect(try membership([:], namespace: "default").role == .alone)
        #expect(try membership(["io.kubernetes.cri.container-type": "sandbox"]).role == .sandbox)
    }

    @Test func annotationsChooseAWarmStartOverTheHostsSettings() throws {
        let key = FunctionKey(
            function: "hello", tenant: "t", image: .init(of: []), kernel: "k", zoneSizeInBytes: 1 << 27)
        var settings = WarmStartSettings()
        #expect(try membership(cri).warmStart(of: key, settings) == nil)
        let chosen = try membership(["czone.dev/warm-start": "true", "czone.dev/warm-start-env": "TOKEN, A"])
        #expect(try chosen.warmStart(of: key, settings)?.varying == ["A", "TOKEN"])
        settings.byFunction = ["hello": true]
        #expect(try membership(cri).warmStart(of: key, settings) != nil)
        #expect(try membership(["czone.dev/warm-start": "false"]).warmStart(of: key, settings) == nil)
        let error = #expect(throws: Status.self) {
            try membership(["czone.dev/warm-start-env": "A=B"]).warmStart(of: key, settings)
        }
        #expect(error?.code == .invalidArgument && error?.message.contains("czone.dev/warm-start-env") == true)
    }

    @Test(arguments: [
        ("czone.dev/function", "a/b"), ("czone.dev/tenant", ""), ("czone.dev/one-per-vm", "yes"),
        ("czone.dev/zone-size", "much"), ("czone.dev/warm-start", "on"),
    ])
    func whatMakesNoSenseIsRefusedByItsName(_ name: String, _ value: String) {
        let error = #expect(throws: Status.self) { try membership([name: value]) }
        #expect(error?.code == .invalidArgument)
        #expect(error?.message.contains(name) == true)
    }
}

@Suite struct PodSpecificationTests {
    private func spec() throws -> RuntimeSpec {
        var spec = try RuntimeSpec.default(for: ImageConfig(cmd: ["/app"]), accounts: Accounts(), hostname: "box")
        spec.linux?.namespaces =
            ["pid", "mount"].map { RuntimeSpec.Namespace(type: $0) }
            + ["network", "ipc", "uts"].map { RuntimeSpec.Namespace(type: $0, path: "/proc/77/ns/\($0)") }
        spec.process?.apparmorProfile = "cri-containerd.apparmor.d"
        return spec
    }

    @Test func aPodsContainerJoinsItsSandbox() throws {
        let pod = try PodSpecification(try spec(), try membership(cri)) { _ in nil }
        let compiled = try pod.compile(layers: [.image(device: 0)], zoneSizeInBytes: 128 << 20)
        let sandbox = NamespaceChoice.container(ContainerNumber(0))
        #expect(
            compiled.namespaces
                == Namespaces(process: .new, network: sandbox, ipc: sandbox, hostName: sandbox, controlGroup: .new))
        #expect(compiled.hostname == "")
    }

    @Test func aNetworkNamespaceOfCNIIsKnownAndOthersAreRefused() throws {
        var alone = try spec()
        alone.linux?.namespaces =
            ["pid", "mount", "ipc", "uts"].map { RuntimeSpec.Namespace(type: $0) }
            + [RuntimeSpec.Namespace(type: "network", path: "/var/run/netns/cni-1")]
        let pod = try PodSpecification(alone, try membership([:])) { _ in nil }
        #expect(pod.networkNamespace == "/var/run/netns/cni-1")
        #expect(throws: Status.self) { try PodSpecification(try spec(), try membership([:])) { _ in nil } }
        alone.linux?.namespaces?.removeLast()
        let error = #expect(throws: Status.self) { try PodSpecification(alone, try membership([:])) { _ in nil } }
        #expect(error?.code == .unimplemented && error?.message.contains("host's network") == true)
    }

    @Test func wellKnownFilesGoByValue() throws {
        var spec = try spec()
        spec.mounts = [
            RuntimeSpec.Mount(
                destination: "/etc/hosts", type: "bind", source: "/host/hosts", options: ["rbind", "rw"]),
            RuntimeSpec.Mount(destination: "/dev/shm", type: "bind", source: "/host/shm", options: ["rbind"]),
            RuntimeSpec.Mount(destination: "/proc", type: "proc", source: "proc", options: []),
        ]
        let pod = try PodSpecification(spec, try membership(cri)) { path in
            path == "/host/hosts" ? Array("1.2.3.4 me\n".utf8) : nil
        }
        #expect(pod.files == [InlineFile(path: "/etc/hosts", contents: Array("1.2.3.4 me\n".utf8))])
        let compiled = try pod.compile(layers: [.image(device: 0)], zoneSizeInBytes: 128 << 20)
        #expect(compiled.mounts.map(\.destination) == ["/dev/shm", "/proc"])
        #expect(compiled.mounts[0].source == .fileSystem(type: "tmpfs", name: "shm"))
    }
}

@Suite struct RootSourceTests {
    private func mount(_ type: String, _ source: String, _ options: [String]) -> Containerd_Types_Mount {
        .with {
            $0.type = type
            $0.source = source
            $0.options = options
        }
    }

    @Test func snapshotsAreLayersTopmostFirst() throws {
        let overlay = mount(
            "overlay", "overlay", ["index=off", "workdir=/s/3/work", "upperdir=/s/3/fs", "lowerdir=/s/2/fs:/s/1/fs"])
        #expect(try RootSource([overlay], root: "rootfs", bundle: "/b") == .layers(["/s/2/fs", "/s/1/fs"]))
        #expect(
            try RootSource([mount("bind", "/s/1/fs", ["ro", "rbind"])], root: nil, bundle: "/b") == .layers(["/s/1/fs"])
        )
        #expect(try RootSource([], root: "rootfs", bundle: "/b") == .directory("/b/rootfs"))
        let error = #expect(throws: Status.self) {
            try RootSource([mount("btrfs", "/dev/x", [])], root: nil, bundle: "/b")
        }
        #expect(error?.code == .unimplemented)
    }

    /// What containerd 2.3 gives a runtime that allows for the erofs snapshotter's mounts.
    @Test func rawLayersOfErofsAreRefusedByTheirReason() {
        let mounts = [
            mount("mkfs/ext4", "/s/9/rwlayer.img", ["X-containerd.mkfs.fs=ext4", "rw", "loop"]),
            mount("erofs", "/s/2/layer.erofs", ["ro", "loop"]), mount("erofs", "/s/1/layer.erofs", ["ro", "loop"]),
            mount("format/mkdir/overlay", "overlay", ["lowerdir={{ overlay 1 2 }}"]),
        ]
        for some in [mounts, Array(mounts[1...1]), Array(mounts.dropFirst())] {
            let error = #expect(throws: Status.self) { try RootSource(some, root: nil, bundle: "/b") }
            #expect(error?.code == .unimplemented && error?.message.contains("runtime-allow-mounts") == true)
        }
    }
}

@Suite struct MetricsTests {
    @Test func whatAGuestCannotUseIsNotBelieved() {
        var measure = ContainerMeasure(container: ContainerNumber(7))
        measure.memoryCurrent = .max
        measure.anonymous = .max
        measure.kernel = .max
        measure.processes = .max
        measure.memoryMax = .max - 1
        measure.processesMax = .max - 1
        (measure.cpuUsage, measure.cpuUser, measure.cpuSystem) = (.max, .max, .max)
        (measure.pageFaults, measure.maxEvents, measure.cpuThrottled) = (.max, .max, .max)
        let metrics = Metrics(measure, zoneSizeInBytes: 128 << 20, cpuNanoseconds: 1000).message
        #expect(metrics.memory.usage.usage == 128 << 20 && metrics.memory.usage.limit == 128 << 20)
        #expect(metrics.memory.rss == 128 << 20 && metrics.memory.kernel.usage == 128 << 20)
        #expect(metrics.pids.current == 4_194_304 && metrics.pids.limit == 4_194_304)
        #expect(metrics.cpu.usage.total == 1000 && metrics.cpu.usage.user + metrics.cpu.usage.kernel == 1000)
        for count in [metrics.memory.pgFault, metrics.memory.usage.failcnt, metrics.cpu.throttling.throttledTime] {
            #expect(count == 1 << 53)
        }
    }

    @Test func processorTimeNeverFallsAndIsNoMoreThanThereWas() {
        var time = ProcessorTime()
        #expect(time.report(500) == 500 && time.report(3) == 500 && time.report(501) == 501)
        #expect(time.most(virtualCPUs: 0) == 501, "what was reported stays")
        #expect(time.most(virtualCPUs: .max) > 501)
    }
}
