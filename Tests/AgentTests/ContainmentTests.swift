import AgentProtocol
import Glibc
import LinuxSystem
import Testing

extension AgentTests {
    /// No path of a specification or an image leads out of the container's root.
    @Suite(.serialized) struct Containment {
        let agent: AgentSession
        init() throws { agent = try AgentSession.shared.get() }

        private func failure(
            _ arguments: [String] = ["true"], _ change: (inout ContainerSpecification) -> Void
        ) throws -> Failure? {
            try agent.failure(
                of: CreateContainer(
                    container: agent.newContainer(), node: 0, zoneBytes: 0, start: true,
                    specification: agent.specification(arguments, change)))
        }

        @Test func aWorkingDirectoryIsNotTakenFromTheAgentsDescriptors() throws {
            symlink("/proc/self/fd/9", agent.directory + "/root/out")
            for path in (0..<40).map({ "/proc/self/fd/\($0)" }) + [
                "/proc/self/cwd", "/proc/self/root", "/out", "/out/x",
            ] {
                let failure = try failure { $0.process.workingDirectory = CString(path) }
                #expect(failure?.step == .workingDirectory, "\(path): \(String(describing: failure))")
            }
            #expect(try agent.containers().isEmpty)
        }

        @Test func aWorkingDirectoryOfAFurtherProcessIsNotEither() throws {
            let container = try agent.sleeper()
            for number in 0..<40 {
                let failure = try agent.failure(
                    of: Execute(
                        container: container, process: ProcessNumber(UInt32(number) + 1),
                        specification: ProcessSpecification(
                            arguments: ["true"], environment: ["PATH=/bin"],
                            workingDirectory: "/proc/self/fd/\(number)",
                            capabilities: usualCapabilities)))
                #expect(failure?.step == .workingDirectory, "\(number): \(String(describing: failure))")
            }
            _ = try agent.call(DeleteContainer(container: container))
        }

        @Test func linksOfTheImageAreFollowedInItsRoot() throws {
            mkdir(agent.directory + "/root/place", 0o755)
            symlink("/../../place", agent.directory + "/root/link")
            #expect(try agent.run(["pwd", "-P"]) { $0.process.workingDirectory = "/link" }.output == "/place\n")
            #expect(
                try agent.run(["pwd"]) { $0.process.workingDirectory = "/made/of/several" }.output
                    == "/made/of/several\n")
        }

        @Test func aProgramIsNoMagicLink() throws {
            for program in ["/proc/self/exe", "/proc/self/fd/0", "/proc/1/exe", "../proc/self/exe"] {
                let failure = try failure([program]) { $0.process.workingDirectory = "/bin" }
                #expect(failure?.step == .execute, "\(program): \(String(describing: failure))")
            }
            #expect(try agent.run(["./busybox", "echo", "x"]) { $0.process.workingDirectory = "/bin" }.output == "x\n")
        }

        @Test func devicesOfAnImageAreNotTakenForTheKernels() throws {
            let directory = agent.directory + "/dev"
            mkdir(directory, 0o755)
            symlink("/proc/sys/kernel/core_pattern", directory + "/null")
            let failure = try failure {
                $0.mounts[1] = Mount(source: .bind(agent.tree("dev"), recursive: false), destination: "/dev")
                $0.mounts.removeSubrange(2..<5)
                $0.maskedPaths = ["/proc/version"]
            }
            #expect(failure?.text.contains("/dev/null") == true, "\(String(describing: failure))")
        }

        @Test func nothingIsMountedOverProcButReports() throws {
            try FileManager.write("replaced\n", to: agent.directory + "/root/replaced")
            let volume = Mount(
                source: .bind(agent.tree("root/replaced"), recursive: false), destination: "/proc/meminfo")
            #expect(try agent.run(["cat", "/proc/meminfo"]) { $0.mounts.append(volume) }.output == "replaced\n")
            symlink("/proc", agent.directory + "/root/procs")
            for path in ["/proc/sys/kernel/core_pattern", "/proc/version", "/procs/version", "/bin/../proc/version"] {
                let failure = try failure {
                    $0.mounts.append(
                        Mount(source: .bind(agent.tree("root/replaced"), recursive: false), destination: CString(path)))
                }
                #expect(failure?.text.contains("it lies in /proc") == true, "\(path): \(String(describing: failure))")
            }
            let over = try failure {
                $0.mounts.append(Mount(source: .fileSystem(type: "tmpfs", name: "x"), destination: "/proc"))
            }
            #expect(over?.text.contains("it lies in /proc") == true, "\(String(describing: over))")
        }

        @Test func aProcessHasNothingOfTheAgents() throws {
            let script = "ls /proc/self/fd | tr '\\n' ' '; readlink /proc/self/cwd; readlink /proc/self/root"
            // The shell's own are 0, 1 and 2; the fourth is ls's of the directory.
            #expect(try agent.run(["sh", "-c", script]).output == "0 1 2 3 /\n/\n")
            let container = try agent.sleeper()
            #expect(try agent.execute(["sh", "-c", script], in: container).output == "0 1 2 3 /\n/\n")
            _ = try agent.call(DeleteContainer(container: container))
        }
    }
}
