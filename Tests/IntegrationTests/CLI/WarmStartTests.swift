import LinuxSystem
import TestSupport
import Testing

/// Containers with a warm start in a real VM.
@Suite(.needsKVM, .serialized) struct WarmStartTests {
    private let host: ContainerHost

    init() throws { host = try ContainerHost() }

    /// Marks its point, then says what must be the container's own.
    private static let program = """
        import json, os, signal, socket, uuid
        os.kill(os.getpid(), signal.SIGSTOP)
        print(json.dumps([os.getpid(), socket.gethostname(), open("/run/czone/environment").read()]), flush=True)
        """

    private func run(_ name: String, _ options: [String] = ["--warm-start"]) throws -> ProgramResult {
        let arguments = ["--rm", "--name", name, "-e", "TOKEN=\(name)", "--warm-start-env", "TOKEN"]
        return try host.czone(
            ["run"] + options + arguments + [ContainerHost.pythonImage(), "python3", "-c", Self.program])
    }

    /// Waits until the template is ready or refused, at most two minutes.
    private func settledTemplate() throws -> ContainerHost.ProcessTemplate {
        for _ in 0..<240 {
            if let template = try host.processTemplates().first, template.state != "making" { return template }
            _ = try wait(for: [], timeoutInMilliseconds: 500)
        }
        return try #require(nil as ContainerHost.ProcessTemplate?, "it is neither ready nor refused")
    }

    @Test func furtherContainersAreCopiesAndDoWhatAPlainOneDoes() throws {
        // The VM stays while its template is made.
        let resident = [
            "run", "--detach", "--name", "resident", try ContainerHost.pythonImage(), "/bin/busybox", "sleep", "1000",
        ]
        #expect(try host.czone(resident).status == 0)
        let first = try run("first")
        let variables = "HOSTNAME=first\\u0000TOKEN=first\\u0000"
        #expect(first.status == 0, "\(first.error)")
        #expect(first.output == "[1, \"first\", \"\(variables)\"]\n")
        let template = try settledTemplate()
        #expect(template.kind == "process" && template.command.hasPrefix("python3 -c"))
        for name in ["second", "third"] {
            let further = try run(name)
            #expect(further.status == 0, "\(further.error)")
            #expect(further.output == first.output.replacing("first", with: name))
        }
        #expect(template.state == "ready", "\(template.reason)")
        #expect(template.reachedMs > 0)
        // The last one was a copy: else its reason would be there.
        #expect(try host.processTemplates().first?.reason.isEmpty == true)
        #expect(try host.czone(["template", "remove", template.id]).status == 0)
        #expect(try host.processTemplates().isEmpty)
        #expect(try host.machines().map(\.containers) == [1])
    }

    /// 4 MiB of the template's, all of which each copy writes over.
    private static let writer = """
        import hashlib, os, random, signal, sys, threading
        own = random.SystemRandom()
        pages = [bytearray(hashlib.sha256(b"%d" % i).digest() * 128) for i in range(1024)]
        digest = hashlib.sha256(b"".join(pages)).hexdigest()
        os.kill(os.getpid(), signal.SIGSTOP)
        words = ["untouched" if hashlib.sha256(b"".join(pages)).hexdigest() == digest else "foreign"]
        for round in range(3):
            key = own.randbytes(32)
            for index in own.sample(range(1024), 1024):
                pages[index][:] = hashlib.sha256(key + b"%d" % index).digest() * 128
            kept = all(page == hashlib.sha256(key + b"%d" % i).digest() * 128 for i, page in enumerate(pages))
            words.append("kept" if kept else "lost")
        print(" ".join(words), flush=True)
        """

    @Test func whatACopyWritesNoOtherSees() throws {
        let resident = [
            "run", "--detach", "--name", "resident", try ContainerHost.pythonImage(), "/bin/busybox", "sleep", "1000",
        ]
        #expect(try host.czone(resident).status == 0)
        let run = "czone run --rm --warm-start $PYTHON python3 -c \"$WRITER\""
        let variables = "PYTHON='\(try ContainerHost.pythonImage())' WRITER='\(Self.writer)'"
        #expect(try host.shell("\(variables); \(run)").output == "untouched kept kept kept\n")
        #expect(try settledTemplate().state == "ready")
        // The first is recorded, the next have its pages from the start, the last ones write at the same time.
        for _ in 0..<3 { #expect(try host.shell("\(variables); \(run)").output == "untouched kept kept kept\n") }
        let all = try host.shell("\(variables); for i in 1 2 3 4; do \(run) & done; wait")
        #expect(all.output == String(repeating: "untouched kept kept kept\n", count: 4))
        #expect(try host.processTemplates().first?.reason.isEmpty == true)
    }

    /// Writes to 4 MiB of its template's memory, and says how many faults that took.
    private static let counter = """
        import os, resource, signal, time
        pages = [bytearray(4096) for _ in range(1024)]
        os.kill(os.getpid(), signal.SIGSTOP)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        for page in pages:
            page[0] = 1
        print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before, flush=True)
        time.sleep(1000)
        """

    /// A copy has run before the VM was saved, so it is known what copies write: they have it as their own from the start.
    @Test func theFirstCopyInARestoredVMHasPagesOfItsOwnFromTheStart() throws {
        let host = try ContainerHost(templates: true)
        let command = ["--warm-start", try ContainerHost.pythonImage(), "python3", "-c", Self.counter]
        let made = try host.czone(["template", "create"] + command)
        #expect(made.status == 0, "\(made.error)")
        let first = try host.czone(["run", "--detach", "--name", "first"] + command)
        #expect(first.status == 0, "\(first.error)")
        #expect(try host.waits(atMost: 60) { try host.czone(["logs", "first"]).output.hasSuffix("\n") })
        #expect(try host.processTemplates().map(\.instances) == [1])
        let faults = try #require(Int(try host.czone(["logs", "first"]).output.dropLast()))
        #expect(faults < 300)
    }

    @Test func aProgramThatNeverReachesItsPointCostsNothingButPlainStarts() throws {
        let command = "CZONE_WARM_START_TIMEOUT=1 czone run --detach --warm-start $IMAGE sleep 1000"
        #expect(try host.shell("\(command) && \(command)").status == 0)
        let template = try settledTemplate()
        #expect(template.state == "refused" && !template.reason.isEmpty)
        #expect(try host.czone(["template", "show", template.id]).output.contains(template.reason))
        #expect(try host.machines().map(\.containers) == [2])
    }
}
