import AgentProtocol
import Glibc
import LinuxSystem
import Testing

extension AgentTests {
    @Suite(.serialized) struct Isolation {
        let agent: AgentSession
        init() throws { agent = try AgentSession.shared.get() }

        @Test func containerSeesItsOwnProcessesNamesAndDevices() throws {
            let run = try agent.run([
                "sh", "-c",
                "echo $$; hostname; ls /dev | tr '\\n' ' '; echo; ip -o link | wc -l; readlink /proc/self/ns/cgroup >/dev/null && cat /proc/self/cgroup",
            ])
            let lines = run.output.split(separator: "\n")
            #expect(lines.first == "1")
            #expect(lines.dropFirst().first == "box")
            #expect(run.output.contains("0::/\n"))
        }

        @Test func userGroupsAndCapabilitiesAreSet() throws {
            let run = try agent.run(["sh", "-c", "id -u; id -G; umask; grep -E 'Cap|NoNew' /proc/self/status"]) {
                $0.process.userID = 1000
                $0.process.groupID = 100
                $0.process.additionalGroups = [7, 8]
                $0.process.umask = 0o077
                $0.process.capabilities = CapabilitySets(
                    bounding: 0x400, effective: 0x400, permitted: 0x400, inheritable: 0x400, ambient: 0x400)
            }
            #expect(run.output.hasPrefix("1000\n100 7 8\n0077\n"))
            for line in ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"] {
                #expect(run.output.contains("\(line)\t0000000000000400\n"), "\(run.output)")
            }
            #expect(run.output.contains("NoNewPrivs:\t1\n"))
        }

        @Test func resourceLimitsAndOomScoreAreSet() throws {
            let run = try agent.run(["sh", "-c", "ulimit -n; cat /proc/self/oom_score_adj"]) {
                $0.process.resourceLimits = [ResourceLimit(resource: 7, soft: 123, hard: 456)]
                $0.process.oomScoreAdjustment = 77
            }
            #expect(run.output == "123\n77\n")
        }

        @Test func seccompFilterHolds() throws {
            // ld [nr]; jeq mkdir(83): errno EPERM (0x50001), else allow.
            let program: [UInt8] = [
                0x20, 0, 0, 0, 0, 0, 0, 0,
                0x15, 0, 0, 1, 83, 0, 0, 0,
                0x06, 0, 0, 0, 1, 0, 5, 0,
                0x06, 0, 0, 0, 0, 0, 0xFF, 0x7F,
            ]
            for privileges in [true, false] {
                let run = try agent.run(["sh", "-c", "mkdir() { busybox mkdir $1; }; mkdir /x; ls -d /x"]) {
                    $0.process.seccomp = SeccompFilter(flags: 0, program: program)
                    $0.process.noNewPrivileges = privileges
                }
                #expect(run.error.contains("Operation not permitted"))
            }
        }

        @Test func maskedAndReadOnlyPathsHold() throws {
            let script =
                "wc -c < /proc/version; ls /sys/kernel | wc -l; ls /sys/module | wc -l; echo 1 > /proc/sys/kernel/domainname"
            let run = try agent.run(["sh", "-c", script]) {
                $0.maskedPaths = ["/proc/version", "/proc/nosuch", "/sys/kernel", "/sys/module"]
            }
            #expect(run.output == "0\n0\n0\n")
            #expect(run.error.contains("Read-only file system"))
        }

        @Test func readOnlyRootHoldsButItsMountsCanBeWritten() throws {
            let run = try agent.run(["sh", "-c", "touch /x; touch /dev/shm/x && echo shm"]) {
                $0.root.isReadOnly = true
                $0.process.workingDirectory = "/work"
            }
            #expect(run.output == "shm\n")
            #expect(run.error.contains("Read-only file system"))
        }

        @Test func writesStayInTheContainer() throws {
            #expect(try agent.run(["sh", "-c", "touch /mark; ls /mark"]).output == "/mark\n")
            #expect(try agent.run(["sh", "-c", "ls /mark"]).status.code != 0)
        }

        @Test func devicesBesideTheDefaultOnesCannotBeOpened() throws {
            let run = try agent.run([
                "sh", "-c",
                "mknod /dev/mem2 c 1 1; mknod /kmsg c 1 11; cat /kmsg; head -c 1 /dev/mem2; head -c 4 /dev/zero | wc -c; echo x > /dev/null && echo ok",
            ])
            #expect(run.output == "4\nok\n")
            #expect(run.error.split(separator: "\n").filter { $0.contains("Operation not permitted") }.count == 2)
        }

        @Test func bindMountsAreRestrictedAndLinksStayInside() throws {
            let directory = agent.directory
            mkdir(directory + "/volume", 0o755)
            try FileManager.write("content\n", to: directory + "/volume/file")
            let run = try agent.run(["sh", "-c", "cat /data/file /one; touch /data/x; ls /escape/etc"]) {
                $0.mounts += [
                    Mount(source: .bind(agent.tree("volume"), recursive: true), destination: "/data", flags: 1),
                    Mount(source: .bind(agent.tree("volume/file"), recursive: false), destination: "/one"),
                ]
            }
            #expect(run.output.hasPrefix("content\ncontent\n"))
            #expect(run.error.contains("Read-only file system"))
        }

        @Test func mountPointThatLeadsOutThroughProcIsRefused() throws {
            let failure = try agent.failure(
                of: CreateContainer(
                    container: agent.newContainer(), node: 0, zoneBytes: 0, start: true,
                    specification: agent.specification(["true"]) {
                        $0.mounts.append(
                            Mount(source: .fileSystem(type: "tmpfs", name: "x"), destination: "/proc/self/root/x"))
                    }))
            #expect(failure?.step == .mounts)
            #expect(failure?.text.contains("/proc/self/root/x") == true)
        }

        @Test func fileSystemThatIsNotServedIsRefusedByName() throws {
            let failure = try agent.failure(
                of: CreateContainer(
                    container: agent.newContainer(), node: 0, zoneBytes: 0, start: true,
                    specification: agent.specification(["true"]) {
                        $0.mounts.append(Mount(source: .fileSystem(type: "ext4", name: "/dev/vda"), destination: "/x"))
                    }))
            #expect(failure?.text.contains("ext4") == true)
            #expect(try agent.containers().isEmpty)
        }

        @Test func filesOfTheHostAreWritten() throws {
            let run = try agent.run([
                "sh", "-c", "cat /etc/resolv.conf; stat -c %a /etc/resolv.conf; readlink /etc/link",
            ]) {
                $0.files = [
                    InlineFile(path: "/etc/resolv.conf", mode: 0o640, contents: [UInt8]("nameserver 1.1.1.1\n".utf8))
                ]
            }
            #expect(run.output == "nameserver 1.1.1.1\n640\n")
        }

        @Test func systemControlsOfItsNamespacesAreSet() throws {
            let run = try agent.run(["cat", "/proc/sys/net/ipv4/ip_default_ttl", "/proc/sys/kernel/msgmax"]) {
                $0.systemControls = [
                    SystemControl(name: "net.ipv4.ip_default_ttl", value: "99"),
                    SystemControl(name: "kernel.msgmax", value: "12345"),
                ]
            }
            #expect(run.output == "99\n12345\n")
        }

        @Test func podSharesNamespacesWithItsPause() throws {
            let pause = agent.newContainer()
            _ = try agent.call(
                CreateContainer(
                    container: pause, node: 0, zoneBytes: 0, start: true,
                    specification: ContainerSpecification(
                        root: RootFileSystem(layers: []), hostname: "pod",
                        process: ProcessSpecification(arguments: ["pause"]))))
            let run = try agent.run(["sh", "-c", "hostname; ip -o link | grep -c LOOPBACK"]) {
                $0.hostname = ""
                $0.namespaces = Namespaces(
                    network: .container(pause), ipc: .container(pause), hostName: .container(pause))
            }
            #expect(run.output == "pod\n1\n")
            let execute = try agent.failure(
                of: Execute(
                    container: pause, process: ProcessNumber(1),
                    specification: ProcessSpecification(arguments: ["/bin/sh"])))
            #expect(execute != nil)
            _ = try agent.call(SendSignal(container: pause, signal: 15))
            #expect(try agent.exit(of: pause).status.code == 0)
            _ = try agent.call(DeleteContainer(container: pause))
        }
    }
}
