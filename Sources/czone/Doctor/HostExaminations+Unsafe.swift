import Glibc
import Hypervisor
import LinuxSystem
import Runtime
import SystemPackage

/// What a host must have.
struct HostExaminations {
    let registryRoot: FilePath
    let storeRoot: FilePath

    func all() -> [Examination] {
        [user, kernel, kvm, memory] + artefacts + [
            directory("registry", registryRoot, least: 16 << 20), directory("store", storeRoot, least: 1 << 30),
        ]
            + [configuration] + jail + tools
    }

    private var user: Examination {
        geteuid() == 0
            ? .good("user", "root")
            : .bad("user", "not root", mend: "VMs need /dev/kvm and the registry's directory: run czone as root")
    }

    private var kernel: Examination {
        let release = (try? FileSystem.contents(of: "/proc/sys/kernel/osrelease", atMost: 128)) ?? []
        let text = String(decoding: release.prefix { $0 != 0x0A }, as: UTF8.self)
        let numbers = text.split(whereSeparator: { $0 == "." || $0 == "-" }).prefix(2).compactMap { Int($0) }
        guard numbers.count == 2, (numbers[0], numbers[1]) >= (5, 11) else {
            return .bad(
                "host kernel", "Linux \(text)", mend: "czone needs Linux 5.11 or later (close_range, pidfd_open)")
        }
        return .good("host kernel", "Linux \(text)")
    }

    private var kvm: Examination {
        do { try KVMProbe.run() } catch { return .bad("KVM", error.description, mend: Self.mend(forKVM: error)) }
        return .good("KVM", "runs 64-bit code")
    }

    private static func mend(forKVM failure: KVMProbe.Failure) -> String {
        if case .cannotExecute = failure {
            return
                "use a machine with VMX or SVM (of a cloud's machines: bare metal, or one with nested virtualization), "
                + "or czone's emulated host: make shell"
        }
        let cpu = (try? FileSystem.contents(of: "/proc/cpuinfo", atMost: 64 << 10)) ?? []
        let flags = String(decoding: cpu, as: UTF8.self).split(separator: "\n").first { $0.hasPrefix("flags") } ?? ""
        let words = flags.split(separator: " ")
        if words.contains("svm") { return "load the module: modprobe kvm_amd" }
        if words.contains("vmx") { return "load the module: modprobe kvm_intel" }
        return
            "the processor shows neither VMX nor SVM: turn virtualization on in the firmware, or nested virtualization "
            + "in the host of this machine; else use czone's emulated host: make shell"
    }

    private var memory: Examination {
        guard let memory = HostMemory.current() else {
            return .warning("memory", "/proc/meminfo cannot be read", mend: "mount /proc")
        }
        let text = "\(ByteSize(bytes: memory.available)) available of \(ByteSize(bytes: memory.total))"
        return memory.available >= 512 << 20
            ? .good("memory", text)
            : .warning("memory", text, mend: "a VM with one container of 128 MiB takes about 200 MiB: free some")
    }

    private var artefacts: [Examination] {
        let artefacts = Artefacts()
        return [
            found("czone-vm") { () throws(Artefacts.Missing) in try artefacts.virtualMachineMonitor() },
            found("guest kernel") { () throws(Artefacts.Missing) in try artefacts.kernel() },
            found("initramfs") { () throws(Artefacts.Missing) in try artefacts.initialRAMDisk() },
        ]
    }

    private func found(_ name: String, _ find: () throws(Artefacts.Missing) -> FilePath) -> Examination {
        do { return .good(name, try find().string) } catch {
            return .bad(name, "missing", mend: error.description)
        }
    }

    /// A directory that is there, or can be made, with enough room in its file system.
    private func directory(_ name: String, _ path: FilePath, least: UInt64) -> Examination {
        var existing = path
        while (try? FileSystem.status(existing.string)) == nil, existing.components.count > 0 {
            existing.removeLastComponent()
        }
        var information = statvfs()
        // SAFETY: statvfs(3) fills a local of its own type.
        guard unsafe access(existing.string, W_OK) == 0, unsafe statvfs(existing.string, &information) == 0 else {
            return .bad(
                name, "\(path) cannot be written to",
                mend: "choose another directory: --root and --store, CZONE_ROOT and CZONE_STORE")
        }
        let free = UInt64(information.f_bavail) * UInt64(information.f_frsize)
        let text = "\(path), \(ByteSize(bytes: free)) free"
        return free >= least
            ? .good(name, text)
            : .warning(name, text, mend: "make room, or choose a directory elsewhere: --root and --store")
    }

    private var configuration: Examination {
        do {
            let configuration = try Configuration.load()
            return .good(
                "configuration",
                "\(configuration.zonesPerMachine) zones of \(ByteSize(bytes: configuration.zoneSizeInBytes)) that grow to "
                    + "\(ByteSize(bytes: try ZoneSize.elastic(configuration))) and \(configuration.virtualCPUs) vCPUs for each VM"
            )
        } catch { return .bad("configuration", error.description, mend: "mend or remove that setting") }
    }

    /// None where the configuration is no good: that is said already.
    private var jail: [Examination] {
        (try? Configuration.load()).map { JailExaminations(configuration: $0).all } ?? []
    }

    private var tools: [Examination] {
        [
            tool("mkfs.erofs", package: "erofs-utils", for: "importing images"),
            tool("qemu-system-x86_64", package: "qemu-system-x86", for: "czone bench boot and zones"),
            tool("runc", package: "runc", for: "czone bench start"),
        ]
    }

    private func tool(_ name: String, package: String, for purpose: String) -> Examination {
        if let path = findProgram(name) { return .good(name, path) }
        return .warning(name, "missing", mend: "needed for \(purpose): apt-get install \(package)")
    }
}
