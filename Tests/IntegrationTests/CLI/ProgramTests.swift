import LinuxSystem
import TestSupport
import Testing

/// Programs find what they find with runc.
@Suite(.needsKVM, .serialized, .sharedContainerHost) struct ProgramTests {
    private let host: ContainerHost

    init() throws {
        host = try ContainerHost.shared()
        try host.addProbes()
    }

    /// Of a shell's script; the last line of its output is its status.
    private func output(_ script: String) throws -> String {
        let result = try host.shell(script)
        #expect(result.error.isEmpty, "\(result.error)")
        return result.output
    }

    // MARK: bytes

    @Test func argumentsVariablesAndPathsAreBytes() throws {
        let script = #"""
            e=$'\xe9'; name="$CZONE_ROOT-$e"; mkdir -p "$name"; echo inside >"$name/file"
            czone run --rm -e X="1$e" -w "/d$e" -v "$name:/v$e" --entrypoint /bin/sh $IMAGE -c '
                printf "%s" "$X$1" | od -An -tx1; pwd | od -An -tx1; cat /v*/file; echo /v* | od -An -tx1' sh "2$e"
            """#
        #expect(
            try output(script) == " 31 e9 32 e9\n 2f 64 e9 0a\ninside\n 2f 76 e9 0a\n")
    }

    @Test func theSameGoesForFurtherPrograms() throws {
        let script = #"""
            e=$'\xe9'; export Y="y$e"; printf 'Z=z\xe9\r\n' >$CZONE_ROOT.env
            czone run -d --name bytes --env-file $CZONE_ROOT.env $IMAGE sleep 1000 >/dev/null
            czone exec -e Y -e X="x$e" bytes sh -c 'printf "%s" "$X$Y$Z$1" | od -An -tx1' sh "1$e"
            czone exec bytes "no$e"; echo $?
            """#
        let result = try host.shell(script)
        #expect(result.output == " 78 e9 79 e9 7a e9 31 e9\n127\n", "\(result.error)")
        #expect(result.error.contains("no\u{FFFD}"), "\(result.error)")
    }

    @Test func argumentsAreAsManyAsLinuxTakes() throws {
        // Nearly 2 MiB, of which a pointer each counts too: a quarter of the usual limit of a stack.
        let many = try output("czone run --rm $IMAGE sh -c 'echo $#' sh $(seq 1 130000)")
        #expect(many == "130000\n")
        let long = try output(
            "a=$(head -c 120000 /dev/zero | tr '\\0' a); czone run --rm -e A=$a $IMAGE sh -c 'echo ${#1} ${#16} ${#A}' sh "
                + String(repeating: "$a ", count: 16))
        #expect(long == "120000 120000 120000\n")
        let tooMuch = try host.shell(
            "ulimit -s 65536; czone run --rm $IMAGE echo $(seq 1 300000) | wc -c; echo ${PIPESTATUS[0]}")
        #expect(tooMuch.output == "0\n126\n", "\(tooMuch.error)")
        #expect(tooMuch.error.contains("rgument list too long"), "\(tooMuch.error)")
    }

    // MARK: streams

    @Test(arguments: ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"]) func closedStreamsAreNone(closed: String) throws {
        let words = closed.split(separator: " ")
        let input = words.contains("<&-") ? "" : "</dev/null"
        let program = "cat; echo out; echo err >&2; exit 5"
        let result = try host.shell(
            "timeout -s KILL 60 czone run --rm -i $IMAGE sh -c '\(program)' \(input) \(closed); echo $?")
        #expect(result.output == (words.contains(">&-") ? "5\n" : "out\n5\n"), "\(result.error)")
        #expect(result.error == (words.contains("2>&-") ? "" : "err\n"))
    }

    @Test func aStreamIsClosedOneWay() throws {
        // The program has read to the end and goes on to write; its reader has gone while it reads.
        let script = "seq 100000 | czone run --rm -i $IMAGE sh -c 'cat >/tmp/all; sleep 1; tail -n 1 /tmp/all'"
        #expect(try output(script) == "100000\n")
        let early = try host.shell(
            "seq 100000 | timeout -s KILL 60 czone run --rm -i $IMAGE cat | head -n 1; echo ${PIPESTATUS[1]}")
        #expect(early.output.hasPrefix("1\n") && early.output != "1\n137\n", "\(early.output)")
    }

    // MARK: what a program finds

    @Test func theEnvironmentIsWhatDockerGives() throws {
        let variables = "env | grep -v -e ^SHLVL -e ^PWD | sort"
        let usual = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"
        #expect(
            try output("czone run --rm --hostname box $IMAGE sh -c '\(variables)'")
                == "HOME=/root\nHOSTNAME=box\n" + usual)
        #expect(
            try output("czone run --rm -t -u user --name named $IMAGE sh -c '\(variables)'").replacing(
                "\r\n", with: "\n")
                == "HOME=/home/user\nHOSTNAME=named\n" + usual + "TERM=xterm\n")
        for (user, home) in [("7", "/"), ("4000", "/"), ("0", "/root"), ("user", "/home/user")] {
            #expect(try output("czone run --rm -u \(user) $IMAGE sh -c 'echo $HOME'") == home + "\n", "\(user)")
        }
        let chosen = "-e HOME=/x -e HOSTNAME -e PATH=/bin"
        #expect(
            try output("unset HOSTNAME; czone run --rm \(chosen) $IMAGE sh -c '\(variables)'")
                == "HOME=/x\nPATH=/bin\n")
    }

    @Test func whoIsExecutedHasAHomeOfHisOwn() throws {
        let name = try host.runDetached(["-u", "user"], ["sleep", "1000"])
        #expect(try output("czone exec \(name) sh -c 'echo $HOME; id -u'") == "/home/user\n1000\n")
        #expect(
            try output("czone exec --user 0 \(name) sh -c 'echo $HOME; id'")
                == "/root\nuid=0(root) gid=0(root) groups=0(root)\n")
        #expect(try output("czone exec --user 0 -e HOME=/y \(name) sh -c 'echo $HOME'") == "/y\n")
    }

    /// The first process of a namespace is spared by its own signals, with runc as here: abort(3) then ends it by an
    /// instruction that is none. Every other process ends as anywhere.
    @Test func endsAreReportedAsWithRunc() throws {
        #expect(try host.run([], ["/bin/probe", "abort"]).status == 139)
        #expect(try host.run([], ["/bin/probe", "crash"]).status == 139)
        #expect(try host.run([], ["sh", "-c", "kill -ABRT $$; exit 3"]).status == 3)
        #expect(try host.run([], ["sh", "-c", "/bin/probe abort; exit $?"]).status == 134)
        let name = try host.runDetached([], ["sh", "-c", "sleep 1000; :"])
        #expect(try host.czone(["exec", name, "/bin/probe", "abort"]).status == 134)
        #expect(try host.czone(["exec", name, "/bin/probe", "crash"]).status == 139)
        for (signal, status) in [("TERM", Int32(143)), ("KILL", 137), ("USR1", 138), ("SEGV", 139)] {
            #expect(try host.czone(["exec", name, "sh", "-c", "kill -\(signal) $$"]).status == status)
        }
        // What they leave behind is reaped by the first process, where that reaps.
        _ = try host.czone(["exec", name, "sh", "-c", "sleep 0.1 & sleep 0.1 & exit 0"])
        #expect(try host.waits { try !host.czone(["exec", name, "ps"]).output.contains("[sleep]") })
    }

    // MARK: kinds of programs

    @Test func programsOf32BitsRun() throws {
        let result = try host.run([], ["/bin/probe32"])
        #expect(result.output == "32 bits\n" && result.status == 32, "\(result.error)")
        let off = try host.shell(
            "CZONE_KERNEL_ARGUMENTS=ia32_emulation=0 czone run --rm --tenant other $IMAGE /bin/probe32; echo $?")
        #expect(off.output == "126\n" || off.output == "127\n" || off.output == "1\n", "\(off.output) \(off.error)")
    }

    @Test func programsCallTheKernelWhereTheyDidBefore2013() throws {
        #expect(try host.run([], ["/bin/probe", "vsyscall"]).output == "done\n")
    }

    /// Kernel/patches/0022.
    @Test func mappingsAreAsLargeAsOnAHost() throws {
        for size in ["512", "1024", "16384"] {
            #expect(try host.run([], ["/bin/probe", "allocate", size]).output == "done\n", "\(size)")
        }
        #expect(try host.run([], ["/bin/probe", "share", "2048"]).output == "done\n")
        // 100 TiB cannot be meant, and it is not the zone that says so.
        #expect(try host.run([], ["/bin/probe", "allocate", "104857600"]).output == "Cannot allocate memory\n")
        #expect(try host.run([], ["/bin/probe", "lock", "6"]).output == "done\n")
        #expect(try host.run(["-u", "user"], ["/bin/probe", "lock", "6"]).output == "done\n")
        #expect(try host.run(["-u", "user"], ["/bin/probe", "lock", "9"]).output == "Cannot allocate memory\n")
    }
}
