import LinuxSystem
import TestSupport
import Testing

/// What users of `czone run` see.
@Suite(.needsKVM, .serialized, .sharedContainerHost) struct RunTests {
    private let host: ContainerHost

    init() throws { host = try ContainerHost.shared() }

    @Test func aContainerPrintsAndEnds() throws {
        let result = try host.run([], ["echo", "hello from the zone"])
        #expect(result.status == 0, "\(result.error)")
        #expect(result.output == "hello from the zone\n")
        #expect(result.error.isEmpty)
    }

    @Test(
        arguments: [
            (["sh", "-c", "exit 7"], 7),
            (["nosuchprogram"], 127), (["/bin/notexecutable"], 126), (["true"], 0), (["false"], 1),
        ] as [([String], Int32)])
    func itsEndIsOurs(command: [String], status: Int32) throws {
        let result = try host.run([], command)
        #expect(result.status == status, "\(result.error)")
        #expect(result.error.isEmpty == (status < 126), "\(result.error)")
    }

    @Test func itsAddressesAreAsRandomAsTheHosts() throws {
        let setting = "cat /proc/sys/kernel/randomize_va_space"
        let result = try host.shell("\(setting); czone run --rm $IMAGE \(setting)")
        #expect(result.status == 0, "\(result.error)")
        let settings = result.output.split(separator: "\n")
        #expect(settings.count == 2 && settings.first == settings.last, "\(result.output)")
    }

    @Test func outputAndErrorsStayApart() throws {
        let result = try host.run([], ["sh", "-c", "echo out; echo err >&2"])
        #expect(result.output == "out\n")
        #expect(result.error == "err\n")
    }

    @Test func itReadsOurInputToItsEnd() throws {
        let result = try host.shell(
            "head -c 3000000 /dev/urandom >$CZONE_ROOT.data; czone run --rm -i $IMAGE md5sum <$CZONE_ROOT.data; md5sum <$CZONE_ROOT.data"
        )
        #expect(result.status == 0, "\(result.error)")
        let sums = result.output.split(separator: "\n")
        #expect(sums.count == 2 && sums.first == sums.last, "\(result.output)")
    }

    @Test func withoutInputItReadsNothing() throws {
        let result = try host.shell("echo something | czone run --rm $IMAGE cat")
        #expect(result.status == 0, "\(result.error)")
        #expect(result.output.isEmpty)
    }

    /// CZONE_OUTPUT_MIB says how much, other than the promised 1024.
    @Test func muchOutputPassesWithoutBeingKept() throws {
        let mebibytes = CurrentProcess.environment("CZONE_OUTPUT_MIB").flatMap { Int($0) } ?? 1024
        let bytes = mebibytes << 20
        _ = try host.run([], ["true"])
        let machine = try #require(try host.machines().first)
        // A reader that first sleeps, then takes its time.
        let script = """
            czone run --rm $IMAGE dd if=/dev/zero bs=64k count=\(mebibytes << 4) |
              { sleep 2; grep -E '^(VmRSS|VmHWM)' /proc/$(pgrep -n -f 'czone run --rm')/status >&2; wc -c; }
            """
        let result = try host.shell(script, within: 300 + mebibytes)
        #expect(result.output == "\(bytes)\n", "\(result.error)")
        let peak = result.error.split(separator: "\n").compactMap { line in
            line.hasPrefix("VmHWM")
                ? line.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) } : nil
        }.first
        #expect(try #require(peak) < 48 << 10, "\(result.error)")
        let after = try #require(try host.machines().first { $0.id == machine.id })
        #expect(after.memory.vmmPrivateBytes < machine.memory.vmmPrivateBytes + 8 << 20)
    }

    @Test func aReaderThatGoesEndsTheContainer() throws {
        let result = try host.shell("czone run --rm $IMAGE yes | head -n 2")
        #expect(result.output == "y\ny\n")
        #expect(try host.waits { try host.containers().isEmpty })
    }

    @Test func environmentDirectoryUserAndNamesAreItsOwn() throws {
        let result = try host.run(
            ["-e", "GREETING=hi", "-w", "/tmp", "-u", "1000:100", "--hostname", "box", "--name", "named"],
            [
                "sh", "-c",
                "echo $GREETING; pwd; id -u; id -g; hostname; cat /etc/hostname; grep -c box /etc/hosts; echo $$",
            ])
        #expect(result.output == "hi\n/tmp\n1000\n100\nbox\nbox\n1\n1\n", "\(result.error)")
    }

    @Test func itIsConfined() throws {
        let result = try host.run(
            [],
            [
                "sh", "-c",
                "mount -t tmpfs x /tmp; echo $?; hostname y; echo $?; cat /proc/sysrq-trigger 2>&1 | wc -l; echo 1 >/proc/sys/kernel/panic; echo $?; wc -c </proc/kcore; grep Seccomp: /proc/self/status",
            ])
        let lines = result.output.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        #expect(lines.first == "1" || lines.first == "255")
        #expect(lines[1] != "0")
        #expect(lines.contains("1"))
        #expect(lines.contains { $0.hasPrefix("Seccomp:") && $0.hasSuffix("2") }, "\(result.output)")
    }

    @Test func readOnlyMeansReadOnly() throws {
        #expect(try host.run(["--read-only"], ["touch", "/x"]).status != 0)
        #expect(try host.run(["--read-only"], ["touch", "/dev/shm/x"]).status == 0)
        #expect(try host.run([], ["touch", "/x"]).status == 0)
    }

    @Test func capabilitiesAreTakenAndGiven() throws {
        let all = try host.run([], ["grep", "CapEff", "/proc/self/status"]).output
        let none = try host.run(["--cap-drop", "ALL"], ["grep", "CapEff", "/proc/self/status"]).output
        let one = try host.run(["--cap-drop", "ALL", "--cap-add", "CHOWN"], ["grep", "CapEff", "/proc/self/status"])
            .output
        #expect(all.contains("00000000a80425fb"), "\(all)")
        #expect(none.contains("0000000000000000"), "\(none)")
        #expect(one.contains("0000000000000001"), "\(one)")
    }

    @Test func limitsHold() throws {
        let result = try host.run(
            ["--cpus", "0.5", "--pids-limit", "20", "--memory", "64M"],
            ["sh", "-c", "cd /sys/fs/cgroup; cat cpu.max pids.max memory.max"])
        #expect(result.output == "50000 100000\n20\n67108864\n", "\(result.error)")
    }

    @Test func signalsArePassedOn() throws {
        let container = try host.start([
            "run", "--rm", "--name", "traps", host.image, "sh", "-c",
            "trap 'exit 9' TERM; echo ready; while :; do sleep 1; done",
        ])
        #expect(try host.waits { try host.containers().contains { $0.state == "running" } })
        // The trap is set after the start.
        #expect(
            try host.waits {
                try host.czone(["exec", "traps", "grep", "SigCgt:.*[4567cdef]...$", "/proc/1/status"]).status == 0
            })
        sendSignal(15, to: container.processID)
        #expect(try container.result().status == 9)
    }

    @Test func aTerminalHasItsSizeAndIsGivenBack() throws {
        // The container waits for its terminal's new size, so the order of things is sure without a clock.
        let inside =
            "stty size; tty; until [ \"$(stty size)\" = '44 111' ]; do :; done; echo resized; read x; echo got $x"
        let script = """
            import os, pty, sys, fcntl, termios, struct
            pid, fd = pty.fork()
            if pid == 0:
                fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack('HHHH', 33, 99, 0, 0))
                os.execvp('bash', ['bash', '-c', 'before=$(stty -g); czone run --rm -it "$IMAGE" sh -c "$INSIDE"; after=$(stty -g); [ "$before" = "$after" ] && echo restored'])
            out = b''
            def until(word):
                global out
                while word not in out:
                    try: piece = os.read(fd, 4096)
                    except OSError: break
                    if not piece: break
                    out += piece
            until(b'/dev/pts/')
            fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack('HHHH', 44, 111, 0, 0))
            until(b'resized')
            os.write(fd, b'word\\r')
            until(b'restored')
            sys.stdout.buffer.write(out)
            """
        let path = host.directory + "/terminal.py"
        try FileSystem.replace(path, with: Array(script.utf8))
        try FileSystem.replace(host.directory + "/inside", with: Array(inside.utf8))
        let result = try host.shell("INSIDE=$(cat \(host.directory)/inside) python3 \(path)")
        #expect(result.output.contains("33 99"), "\(result.output) \(result.error)")
        #expect(result.output.contains("got word"), "\(result.output)")
        #expect(result.output.contains("restored"), "\(result.output)")
    }

    @Test func onlyWithAnInputThatIsATerminal() throws {
        let result = try host.run(["-it"], ["true"])
        #expect(result.status == 1, "\(result.error)")
        #expect(result.error.contains("--tty"))
    }
}
