import Testing

@testable import OCI

@Suite struct AccountsTests {
    let accounts = Accounts(
        passwd: """
            root:x:0:0:root:/root:/bin/sh
            broken line
            nobody:x:notanumber:1::/:
            app:x:1000:1001:App:/home/app:/bin/sh
            1234:x:55:56::/numeric:
            homeless:x:77:78:::/bin/sh

            """,
        group: "root:x:0:\napp:x:1001:\naudio:x:29:app,root\nvideo:x:44:app\nempty:x:99\n")

    @Test(arguments: [
        ("", 0, 0, [0, 29], "/root"), ("root", 0, 0, [0, 29], "/root"),
        ("app", 1000, 1001, [1001, 29, 44], "/home/app"),
        ("1000", 1000, 1001, [1001, 29, 44], "/home/app"), ("app:audio", 1000, 29, [29], "/home/app"),
        ("1000:5", 1000, 5, [5], "/home/app"), ("4000", 4000, 0, [0], "/"), ("4000:empty", 4000, 99, [99], "/"),
        ("1234", 55, 56, [56], "/numeric"), (":audio", 0, 29, [29], "/root"), ("homeless", 77, 78, [78], "/"),
    ])
    func usersAreLookedUp(_ text: String, _ uid: UInt32, _ gid: UInt32, _ groups: [UInt32], _ home: String) throws {
        let expected = Accounts.Identity(uid: uid, gid: gid, supplementaryGids: groups, home: home)
        #expect(try accounts.identity(of: text) == expected)
    }

    @Test func unknownNamesAreRefused() {
        for text in ["nobody", "app:staff", "-1", "4294967296", "broken line"] {
            #expect(throws: OCIError.self, "\(text)") { try accounts.identity(of: text) }
        }
    }
}

@Suite struct RuntimeSpecTests {
    @Test func theDefaultFollowsTheImage() throws {
        var config = ImageConfig(
            entrypoint: ["/entry"], cmd: ["a"], env: ["PATH=/bin", "X=1"], workingDir: "/work", user: "5:6")
        config.stopSignal = "SIGINT"
        let spec = try RuntimeSpec.default(
            for: config, accounts: Accounts(), environment: ["X=2", "Y"], terminal: true, hostname: "box")
        let process = try #require(spec.process)
        #expect(process.args == ["/entry", "a"])
        #expect(process.env == ["PATH=/bin", "HOSTNAME=box", "TERM=xterm", "X=2"])
        #expect(process.cwd == "/work")
        #expect(process.user == RuntimeSpec.User(uid: 5, gid: 6, additionalGids: [6]))
        #expect(process.terminal == true)
        #expect(process.capabilities?.bounding?.count == 14)
        #expect(process.capabilities?.effective == [], "only root holds capabilities")
        #expect(spec.hostname == "box")
        #expect(spec.linux?.namespaces?.map(\.type).contains("user") == false)
        let arguments = try RuntimeSpec.default(for: config, accounts: Accounts(), arguments: ["b", "c"])
        #expect(arguments.process?.args == ["/entry", "b", "c"])
    }

    @Test func nothingToRunIsRefused() {
        #expect(throws: OCIError.self) { try RuntimeSpec.default(for: ImageConfig(), accounts: Accounts()) }
        #expect(throws: OCIError.self) { try RuntimeSpec.default(for: ImageConfig(cmd: [""]), accounts: Accounts()) }
        let config = ImageConfig(cmd: ["a"], workingDir: "relative")
        #expect(throws: OCIError.self) { try RuntimeSpec.default(for: config, accounts: Accounts()) }
    }

    @Test func aSpecSurvivesItsOwnJSON() throws {
        let spec = try RuntimeSpec.default(for: .ofPlainDirectory, accounts: Accounts())
        #expect(try RuntimeSpec(json: spec.json()) == spec)
    }

    @Test func everythingThatARuntimeMustKnowIsDecoded() throws {
        let json = """
            {"ociVersion":"1.1.0","unknownToEveryone":1,
             "process":{"terminal":true,"consoleSize":{"height":24,"width":80},"user":{},"args":["sh"],"cwd":"/",
               "capabilities":{"bounding":["CAP_KILL"]},"rlimits":[{"type":"RLIMIT_NOFILE","hard":2,"soft":1}],
               "noNewPrivileges":true,"apparmorProfile":"p","selinuxLabel":"l","oomScoreAdj":-5},
             "root":{"path":"rootfs","readonly":true},"hostname":"h",
             "mounts":[{"destination":"/d","type":"bind","source":"/s","options":["rbind","ro"]}],
             "hooks":{"prestart":[{"path":"/hook","args":["hook"],"timeout":5}]},"annotations":{"a":"b"},
             "linux":{"namespaces":[{"type":"network","path":"/proc/1/ns/net"}],
               "uidMappings":[{"containerID":0,"hostID":1000,"size":1}],
               "devices":[{"path":"/dev/fuse","type":"c","major":10,"minor":229,"fileMode":438,"uid":0,"gid":0}],
               "cgroupsPath":"system.slice:a:b","rootfsPropagation":"rslave","sysctl":{"net.core.somaxconn":"1"},
               "resources":{"devices":[{"allow":false,"access":"rwm"}],
                 "memory":{"limit":-1,"swap":0,"disableOOMKiller":false},
                 "cpu":{"shares":2,"quota":-1,"period":100000,"cpus":"0-1"},"pids":{"limit":-1},
                 "hugepageLimits":[{"pageSize":"2MB","limit":9223372036854771712}],"unified":{"memory.high":"1"}},
               "seccomp":{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":38,"architectures":["SCMP_ARCH_X86_64"],
                 "syscalls":[{"names":["clone"],"action":"SCMP_ACT_ALLOW",
                   "args":[{"index":0,"value":2114060288,"valueTwo":0,"op":"SCMP_CMP_MASKED_EQ"}]},
                   {"names":["x"],"action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":18446744073709551615,"op":"SCMP_CMP_EQ"}]}]},
               "maskedPaths":["/proc/kcore"],"readonlyPaths":["/proc/sys"]}}
            """
        let spec = try RuntimeSpec(json: Array(json.utf8))
        #expect(spec.process?.user.uid == 0 && spec.process?.user.gid == 0, "Go leaves zeros out")
        #expect(spec.process?.oomScoreAdj == -5)
        #expect(spec.linux?.devices?.first?.minor == 229)
        #expect(spec.linux?.resources?.memory?.limit == -1)
        #expect(spec.linux?.seccomp?.syscalls?.last?.args?.first?.value == .max)
        #expect(spec.hooks?.prestart?.first?.timeout == 5)
        #expect(try RuntimeSpec(json: spec.json()) == spec)
    }

    @Test(arguments: [
        ("", "no JSON"), (#"{"process":{}}"#, "ociVersion"), (#"{"ociVersion":"1","root":{"path":5}}"#, "root.path"),
        (#"{"ociVersion":"1","linux":{"resources":{"pids":{"limit":"all"}}}}"#, "linux.resources.pids.limit"),
        (#"{"ociVersion":"1","mounts":[{"type":"x"}]}"#, "mounts.[0].destination"),
    ])
    func brokenSpecsAreNamed(_ json: String, _ word: String) {
        let error = #expect(throws: OCIError.self) { try RuntimeSpec(json: Array(json.utf8)) }
        #expect(error?.description.contains(word) == true, "\(String(describing: error))")
    }

    @Test func deepJSONDoesNotExhaustTheStack() {
        let deep = String(repeating: #"{"a":["#, count: 100_000)
        #expect(throws: OCIError.self) { try RuntimeSpec(json: Array(deep.utf8)) }
    }

    @Test func theDefaultFilterKeepsContainersFromVsock() throws {
        let rules = try #require(DefaultSeccompProfile.seccomp().syscalls)
        #expect(
            rules.contains { $0.names == ["socket"] && $0.args?.first?.value == 40 && $0.action == "SCMP_ACT_ERRNO" })
        #expect(rules.contains { $0.names == ["clone3"] && $0.errnoRet == 38 })
        let clone = rules.filter { $0.names == ["clone"] }.compactMap { $0.args?.first?.value }
        #expect(clone.reduce(0, |) == 0x7e02_0000, "every namespace flag of clone(2)")
    }
}

@Suite struct ImageReferenceTests {
    @Test func referencesAreParsed() throws {
        let expected: [(String, ImageReference.Source)] = [
            ("dir:/a:b", .rootDirectory("/a:b")), ("oci:/a/b", .path("/a/b", name: nil)),
            ("oci:/a/b:name:1", .path("/a/b", name: "name:1")), ("docker-archive:x.tar:n", .path("x.tar", name: "n")),
            ("./x", .path("./x", name: nil)), ("/x", .path("/x", name: nil)), ("x", .text("x")),
            ("docker.io/library/x:1", .text("docker.io/library/x:1")), ("directory", .text("directory")),
        ]
        for (text, source) in expected { #expect(try ImageReference(text).source == source, "\(text)") }
    }

    @Test func emptyReferencesAreRefused() {
        for text in ["", "dir:", "oci:", "oci-archive:"] {
            #expect(throws: OCIError.notFound(text), "\(text)") { try ImageReference(text) }
        }
    }

    @Test func messagesStayOnOneBoundedLine() {
        let text = String(repeating: "a\n\u{1b}[31m", count: 1000)
        let message = OCIError.notFound(text).description
        #expect(!message.contains("\n") && !message.contains("\u{1b}") && message.count < 800)
    }
}
