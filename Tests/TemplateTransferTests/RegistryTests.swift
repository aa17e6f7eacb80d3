import LinuxSystem
import OCI
import Runtime
import TestSupport
import Testing

@testable import TemplateRegistry
@testable import TemplateTransfer

private let seeds: [UInt64?] = (0..<100).map { $0 % 7 == 3 ? nil : $0 }

/// Templates to and from a real registry, Debian's docker-registry.
@Suite(.enabled(if: DockerRegistry.isInstalled, "docker-registry is not installed"))
struct RegistryTests {
    @Test func whatIsPulledIsWhatWasPushed() throws {
        let registry = try DockerRegistry()
        let (maker, user) = (try TransferHost(), try TransferHost())
        #expect(maker.key != user.key)
        try maker.make(seeds, workingSet: [16..<40])
        let pushed = try maker.push(maker.client(registry.authority))
        #expect(pushed.chunks == seeds.compactMap(\.self).count && pushed.chunksThere == 0)
        #expect(pushed.reference.tag == (try maker.store.portableIdentity(of: maker.key).tag))
        let pulled = try user.pull(user.client(registry.authority))
        #expect(pulled.isNew && pulled.chunksHere == 0 && pulled.bytesFetched == pulled.chunks << 16)
        let (mine, theirs) = (try #require(try maker.files()), try #require(try user.files()))
        for file in ["memory", "state", "working-set", "chunks", "template.json"] {
            #expect(mine[file] == theirs[file], "\(file)")
        }
        // Its state file knows it by the maker's files, and the memory by its time.
        #expect(try leasedIdentity(user) == maker.key.identity)
        let (made, got) = (try #require(maker.memoryStatus), try #require(user.memoryStatus))
        #expect(got.modified == made.modified && got.mode & 0o777 == 0o444)
        // Holes are holes.
        #expect(got.allocatedBytes <= made.allocatedBytes)
        #expect(try user.store.origin(of: pulled.name)?.manifest == pushed.reference.digest?.description)
        #expect(try !user.pull(user.client(registry.authority)).isNew)
        // It can be pushed on.
        let again = try user.push(user.client(registry.authority), tag: "again")
        #expect(again.bytesSent == 0 && again.reference.digest == pushed.reference.digest)
    }

    @Test func nothingIsSentTwice() throws {
        let registry = try DockerRegistry()
        let maker = try TransferHost()
        try maker.make(seeds, workingSet: [0..<30])
        let first = try maker.push(maker.client(registry.authority))
        #expect(first.bytesSent > first.chunks << 16)
        let second = try maker.push(maker.client(registry.authority))
        #expect(second.bytesSent == 0 && second.blobsSent == 0 && second.reference == first.reference)
        // Another host, which has never seen the registry, sends what differs of a similar one.
        let other = try TransferHost(image: "two")
        try other.make(seeds.map { $0 == 50 ? 1000 : $0 } + [1001])
        let third = try other.push(other.client(registry.authority))
        #expect(third.chunks - third.chunksThere == 2)
        #expect(third.bytesSent < 2 << 16 + 32 << 10)
        // One that has the first pulls what differs of the second.
        let user = try TransferHost(image: "two")
        let known = try TransferHost(stored: user.directory.path)
        try known.pull(known.client(registry.authority))
        let pulled = try user.pull(user.client(registry.authority))
        #expect(pulled.chunks - pulled.chunksHere == 2 && pulled.bytesFetched == 2 << 16)
        #expect(try user.files()?["memory"] == other.files()?["memory"])
    }

    @Test func aPackThatTheRegistryHasLostIsSentAgain() throws {
        let registry = try DockerRegistry()
        let maker = try TransferHost()
        try maker.make(seeds)
        let client = try maker.client(registry.authority)
        let first = try maker.push(client)
        let index = try #require(KnownPacks(client.repository, in: maker.store).indices().first)
        _ = try run("rm", ["-rf", registry.blobPath(index.packs[0].blobDigest.hex)])
        // Its link in the repository leads nowhere now.
        let second = try maker.push(client)
        #expect(second.bytesSent >= Int(index.packs[0].size) && second.bytesSent < first.bytesSent)
        let user = try TransferHost()
        try user.pull(user.client(registry.authority))
        #expect(try user.files()?["memory"] == maker.files()?["memory"])
    }

    @Test func anAlteredChunkIsRefused() throws {
        let registry = try DockerRegistry()
        let (maker, user) = (try TransferHost(), try TransferHost())
        try maker.make(seeds)
        let client = try maker.client(registry.authority)
        _ = try maker.push(client)
        let pack = try #require(KnownPacks(client.repository, in: maker.store).indices().first?.packs.last)
        let path = registry.blobPath(pack.blobDigest.hex)
        var bytes = try contents(of: path)
        bytes[100_000] ^= 1
        try FileSystem.replace(path, with: bytes)
        let error = #expect(throws: (any Error).self) { try user.pull(user.client(registry.authority)) }
        let text = "\(try #require(error))"
        #expect(text.contains("in the pack \(pack.digest)") && text.contains("nothing of it was taken"), "\(text)")
        #expect(try user.hasNothing())
    }

    @Test func aRegistryThatIsKilledInTheMiddleLeavesNothingHalfMade() throws {
        let registry = try DockerRegistry()
        let (maker, user) = (try TransferHost(), try TransferHost())
        try maker.make(seeds)
        _ = try maker.push(maker.client(registry.authority))
        let relay = try LocalServer.relay(to: registry.port, atMost: 2 << 20) { registry.kill() }
        let error = #expect(throws: (any Error).self) { try user.pull(user.client("127.0.0.1:\(relay.port)")) }
        #expect("\(try #require(error))".contains("http://127.0.0.1:\(relay.port)"), "\(String(describing: error))")
        #expect(try user.hasNothing())
        // And when it is not there at all.
        let absent = #expect(throws: (any Error).self) { try user.pull(user.client(registry.authority)) }
        #expect("\(try #require(absent))".contains("\(registry.authority) cannot be reached"))
    }

    @Test func aRegistryThatIsKilledWhileItIsSentToIsNamed() throws {
        let registry = try DockerRegistry()
        let maker = try TransferHost()
        try maker.make(seeds)
        // Its answers to a push are short.
        let relay = try LocalServer.relay(to: registry.port, atMost: 2000) { registry.kill() }
        let error = #expect(throws: (any Error).self) { try maker.push(maker.client("127.0.0.1:\(relay.port)")) }
        #expect("\(try #require(error))".contains("127.0.0.1:\(relay.port)"), "\(String(describing: error))")
    }

    @Test func aDigestPinsATemplate() throws {
        let registry = try DockerRegistry()
        let (maker, user) = (try TransferHost(), try TransferHost())
        try maker.make(seeds)
        let pushed = try maker.push(maker.client(registry.authority))
        let digest = try #require(pushed.reference.digest)
        #expect(try user.pull(user.client(registry.authority), digest: digest).isNew)
        #expect(try user.files()?["memory"] == maker.files()?["memory"])
        let other = #expect(throws: (any Error).self) {
            try user.pull(user.client(registry.authority), digest: Digest(of: [1]))
        }
        #expect("\(try #require(other))".contains("the registry has no template"))
        // What stands under the digest is something else now.
        try FileSystem.replace(registry.blobPath(digest.hex), with: Array("{}".utf8))
        let fresh = try TransferHost()
        #expect(throws: (any Error).self) { try fresh.pull(fresh.client(registry.authority), digest: digest) }
        #expect(try fresh.hasNothing())
    }

    @Test func aTemplateOfOtherVMsIsRefusedByWhatDiffers() throws {
        let registry = try DockerRegistry()
        let (maker, user) = (try TransferHost(), try TransferHost(kernel: "another kernel"))
        try maker.make(seeds)
        let pushed = try maker.push(maker.client(registry.authority))
        // It does not even look for it,
        #expect(throws: (any Error).self) { try user.pull(user.client(registry.authority)) }
        // and where it is named it is refused.
        let error = #expect(throws: (any Error).self) {
            try user.pull(user.client(registry.authority), digest: pushed.reference.digest)
        }
        let text = "\(try #require(error))"
        #expect(text.contains("is not of this host's VMs: it is of \"files sha256:"), "\(text)")
        #expect(try user.hasNothing())
    }

    @Test func whatWasRefusedByAVMIsNotPulledAgain() throws {
        let registry = try DockerRegistry()
        let (maker, user) = (try TransferHost(), try TransferHost())
        try maker.make(seeds)
        let pushed = try maker.push(maker.client(registry.authority))
        let digest = try #require(pushed.reference.digest).description
        try FileSystem.makeDirectory(user.store.root)
        try FileSystem.replace("\(user.store.root)/\(user.key.directoryName).refused", with: Array(digest.utf8))
        let error = #expect(throws: (any Error).self) { try user.pull(user.client(registry.authority)) }
        #expect("\(try #require(error))".contains("no VM of this host could be restored"))
    }

    @Test func aFullDiskIsNamedAndLeavesNothing() throws {
        let registry = try DockerRegistry()
        let maker = try TransferHost()
        try maker.make(seeds)
        _ = try maker.push(maker.client(registry.authority))
        guard let medium = MountedFile("ext4", make: ["mkfs.ext4", "-q", "-O", "^has_journal"], sizeInBytes: 4 << 20)
        else { return }
        let user = try TransferHost(stored: medium.path)
        let error = #expect(throws: (any Error).self) { try user.pull(user.client(registry.authority)) }
        #expect("\(try #require(error))".contains("No space left on device"), "\(String(describing: error))")
        #expect(try user.hasNothing())
    }

    @Test func whatWouldNotStayIsNotFetched() throws {
        let registry = try DockerRegistry()
        let (maker, user) = (try TransferHost(), try TransferHost())
        try maker.make(seeds)
        _ = try maker.push(maker.client(registry.authority))
        let error = #expect(throws: (any Error).self) { try user.pull(user.client(registry.authority), limit: 1 << 20) }
        #expect("\(try #require(error))".contains("template-limit is 1048576"))
    }

    @Test func aMirrorServesTemplatesToo() throws {
        let registry = try DockerRegistry()
        let mirror = try DockerRegistry(.mirror(of: registry.authority))
        let maker = try TransferHost()
        try maker.make(seeds)
        _ = try maker.push(maker.client(registry.authority))
        for _ in 0..<2 {
            let user = try TransferHost()
            try user.pull(user.client(mirror.authority))
            #expect(try user.files()?["memory"] == maker.files()?["memory"])
        }
    }

    @Test func aRegistryWithPasswordsIsAskedWithThem() throws {
        // `htpasswd -nbB czone secret`
        let registry = try DockerRegistry(.user("czone:$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n"))
        let maker = try TransferHost()
        try maker.make(seeds)
        func credentials(_ pair: String) throws -> RegistryCredentials {
            let auth = Base64.encode(Array(pair.utf8))
            return try RegistryCredentials(
                Array(#"{"auths": {"\#(registry.authority)": {"auth": "\#(auth)"}}}"#.utf8), file: "f")
        }
        let none = #expect(throws: (any Error).self) { try maker.push(maker.client(registry.authority)) }
        #expect("\(try #require(none))".contains("there are no credentials for \(registry.authority)"))
        let wrong = #expect(throws: (any Error).self) {
            try maker.push(maker.client(registry.authority, credentials: credentials("czone:wrong")))
        }
        #expect("\(try #require(wrong))".contains("without permission: status 401"), "\(String(describing: wrong))")
        let good = try maker.client(registry.authority, credentials: credentials("czone:secret"))
        #expect(try maker.push(good).blobsSent > 0)
    }

    @Test func aRegistryByTLSHasToBeKnown() throws {
        let directory = try TemporaryDirectory()
        let (certificate, key) = ("\(directory.path)/c.pem", "\(directory.path)/k.pem")
        let made = try run(
            "openssl",
            [
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate,
            ])
        try #require(made.status == 0, "\(made.error)")
        let registry = try DockerRegistry(.tls(certificate: certificate, key: key))
        let maker = try TransferHost()
        try maker.make(seeds)
        let unknown = #expect(throws: (any Error).self) {
            try maker.push(maker.client(registry.authority, plain: false))
        }
        #expect("\(try #require(unknown))".contains("cannot be reached"), "\(String(describing: unknown))")
        let client = try maker.client(registry.authority, plain: false, authorities: certificate)
        #expect(try maker.push(client).blobsSent > 0)
    }
}
