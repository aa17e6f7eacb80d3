import LinuxSystem
import Runtime
import TestSupport
import Testing

/// What `czone run` cannot do: one line that says why, its exit code, and nothing left.
@Suite(.needsKVM, .serialized) struct RefusalTests {
    private let host: ContainerHost

    init() throws { host = try ContainerHost() }

    private func refusal(_ arguments: [String], environment: [String: String] = [:]) throws -> String {
        let result = try Program(
            "czone", ["run", "--rm"] + arguments, environment: host.environment.merging(environment) { $1 }
        ).result()
        #expect(result.status == 1, "\(arguments): \(result.status)")
        #expect(!result.timedOut)
        #expect(result.output.isEmpty, "\(result.output)")
        #expect(result.error.split(separator: "\n").count == 1, "\(arguments): \(result.error)")
        #expect(try host.containers().isEmpty)
        return result.error
    }

    /// An OCI layout whose only layer is other than its digest says.
    private static let damagedLayout = """
        import hashlib, io, json, os, sys, tarfile
        directory = sys.argv[1]
        os.makedirs(directory + "/blobs/sha256")
        def blob(data, type, content=None):
            digest = hashlib.sha256(data).hexdigest()
            open(f"{directory}/blobs/sha256/{digest}", "wb").write(content or data)
            return {"mediaType": "application/vnd.oci.image." + type, "digest": "sha256:" + digest, "size": len(data)}
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w") as tar: tar.addfile(tarfile.TarInfo("file"))
        layer = stream.getvalue()
        diff = "sha256:" + hashlib.sha256(layer).hexdigest()
        config = {"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": [diff]}, "config": {}}
        changed = layer.replace(b"file", b"evil", 1)
        manifest = {"schemaVersion": 2, "config": blob(json.dumps(config).encode(), "config.v1+json"),
                    "layers": [blob(layer, "layer.v1.tar", changed)]}
        index = {"schemaVersion": 2, "manifests": [blob(json.dumps(manifest).encode(), "manifest.v1+json")]}
        open(directory + "/index.json", "w").write(json.dumps(index))
        open(directory + "/oci-layout", "w").write('{"imageLayoutVersion": "1.0.0"}')
        """

    @Test func anImageWhoseDigestDoesNotMatch() throws {
        let layout = host.directory + "/layout"
        let made = try TestSupport.run("python3", ["-c", Self.damagedLayout, layout])
        try #require(made.status == 0, "\(made.error)")
        let error = try refusal([layout, "true"])
        #expect(error.contains("its digest is"), "\(error)")
        #expect(try FileSystem.names(in: host.directory + "/store/images")?.contains { $0.hasSuffix(".erofs") } != true)
        #expect(try host.isClean())
    }

    @Test func aZoneLargerThanTheHost() throws {
        let total = try #require(HostMemory.current()).total
        let error = try refusal(["--memory", "\(total + 1 << 30)", host.image, "true"])
        #expect(error.contains("is more than this host's memory"), "\(error)")
        #expect(try host.isClean())
    }

    @Test func noFreeZoneAndNoMemoryForAnotherVM() throws {
        _ = try host.runDetached([], ["sleep", "1000"])
        // A zone that the host could have, were nothing else in its memory.
        let size = try #require(HostMemory.current()).total / (128 << 20) * (128 << 20)
        let result = try host.run(["--memory", "\(size)"], ["true"])
        #expect(result.status == 1, "\(result.error)")
        #expect(
            result.error.contains("no VM has a free zone, and the host has no memory for another VM"), "\(result.error)"
        )
        #expect(result.error.split(separator: "\n").count == 1, "\(result.error)")
        #expect(try host.containers().count == 1)
        #expect(try host.machines().count == 1)
    }

    @Test func aContainerWithoutMemory() throws {
        #expect(try refusal(["--memory", "0", host.image, "true"]).contains("0 B"))
        #expect(try host.isClean())
    }
}
