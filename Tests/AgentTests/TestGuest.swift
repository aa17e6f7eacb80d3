import AgentProtocol
import Glibc
import LinuxSystem
import SystemPackage

/// The agent as PID 1 of a guest under QEMU, with the test's directory as a virtio-fs share.
enum TestGuest {
    /// The control connection of a guest that has just booted.
    static func boot(kernel: String, agent: String, share: String) throws -> OwnedDescriptor {
        let listener = try StreamListener(port: Limits.controlPort)
        let initramfs = "/run/agent-test-initramfs"
        _ = try start("/bin/sh", ["Sources/Agent/initramfs.sh", agent, initramfs]).waitForEnd()
        let socket = "/run/agent-test-virtiofs"
        let watch = try FileWatch(directory: "/run")
        let daemon = ["/usr/lib/qemu/virtiofsd", "/usr/libexec/virtiofsd"].first { FileManager.exists($0) } ?? ""
        let server = try start(daemon, ["--socket-path=\(socket)", "-o", "source=\(share),cache=auto,sandbox=chroot"])
        guard let end = try LinuxSystem.watch(process: server.id) else {
            throw SystemError("watch virtiofsd", .noSuchProcess)
        }
        while !FileManager.exists(socket) {
            let ready = try wait(for: [(watch.descriptor, .readable), (end, .readable)])
            guard !ready[1].contains(.readable) else {
                throw SystemError("serve \(share) with \(daemon)", .noSuchProcess)
            }
            watch.drain()
        }
        _ = try start(
            "/usr/bin/qemu-system-x86_64",
            [
                "-M", "microvm,memory-backend=mem", "-accel", "kvm", "-cpu", "host,-xsave", "-smp", "2", "-m", "1024",
                "-object", "memory-backend-memfd,id=mem,size=1024M,share=on", "-nodefaults", "-display", "none",
                "-serial", "stdio", "-no-reboot", "-global", "virtio-mmio.force-legacy=false", "-kernel", kernel,
                "-initrd", initramfs, "-append",
                "console=ttyS0 loglevel=4 panic=-1 swiotlb=noforce rcupdate.rcu_expedited=1",
                "-device", "vhost-vsock-device,guest-cid=3", "-chardev", "socket,id=share,path=\(socket)",
                "-device", "vhost-user-fs-device,chardev=share,tag=test",
            ])
        return try listener.accept()
    }

    @discardableResult
    private static func start(_ program: String, _ arguments: [String]) throws -> LinuxSystem.ChildProcess {
        let null = try OwnedDescriptor(opening: "/dev/null", flags: O_RDWR)
        return try ProcessLaunch(
            program, arguments: [program] + arguments, environment: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"],
            input: null, output: OwnedDescriptor(taking: dup(2)), error: OwnedDescriptor(taking: dup(2))
        ).start()
    }
}
