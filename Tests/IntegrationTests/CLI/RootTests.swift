import LinuxSystem
import TestSupport
import Testing

/// A container's root file system: what may be written to it, and what lies in it.
@Suite(.needsKVM, .serialized, .sharedContainerHost) struct RootTests {
    private let host: ContainerHost

    init() throws {
        host = try ContainerHost.shared()
        let root = host.directory + "/rootfs"
        guard try FileSystem.status(root + "/large") == nil else { return }
        try host.addProbes()
        let script = """
            truncate -s 110M \(root)/large && mkdir -p \(root)/kept && echo x >\(root)/kept/file && chown -R 7:8 \(root)/kept
            chmod 750 \(root)/kept && cp \(root)/bin/probe \(root)/bin/capable
            ln -s /usr/share/zoneinfo/Etc/UTC \(root)/etc/localtime && ln -s ../../../../../outside \(root)/etc/outwards
            ln -s loop \(root)/etc/loop
            python3 -c 'import os; os.setxattr("\(root)/bin/capable", "security.capability",
                bytes([1, 0, 0, 2, 0, 4] + [0] * 14))'
            """
        let result = try TestSupport.run("sh", ["-e", "-c", script])
        try #require(result.status == 0, "\(result.error)")
    }

    private func run(_ options: [String] = [], _ script: String) throws -> ProgramResult {
        try host.run(options, ["sh", "-c", script])
    }

    // MARK: writing

    /// A zone of 128 MiB, of which 120 are the limit: three quarters are the root's, and a program that fills them has the
    /// rest.
    @Test func aFullRootSaysSo() throws {
        let script = """
            dd if=/dev/zero of=/big bs=1M count=400 2>&1 | grep -o 'No space left on device'
            stat -c %s /big; df -m / | tail -n 1 | awk '{print $2}'
            head -c 12000000 /dev/zero | tail -c 1 | wc -c; rm /big; echo again >/small && cat /small
            """
        let result = try run(["--memory", "128M"], script)
        #expect(result.status == 0, "\(result.error)")
        let lines = result.output.split(separator: "\n")
        #expect(lines.first == "No space left on device" && lines.suffix(2) == ["1", "again"], "\(result.output)")
        try #require(lines.count == 5, "\(result.output)")
        let size = try #require(Int(lines[1]))
        #expect((88 << 20...90 << 20).contains(size) && lines[2] == "90", "\(result.output)")
    }

    @Test func manyFilesEndLikewise() throws {
        let script = """
            mkdir /many; i=0; while true >/many/$i; do i=$((i+1)); done 2>/dev/null
            [ $i -gt 40000 ] && rm -r /many && touch /one && echo room
            """
        let result = try host.run([], ["sh", "-c", script], within: 400)
        #expect(result.output == "room\n" && result.status == 0, "\(result.status) \(result.output) \(result.error)")
    }

    /// Owner, mode and time of a file that is larger than the container's room; its data stays the image's.
    @Test func aFilesAttributesChangeWithoutItsData() throws {
        let script = """
            chown 5:6 /large && chmod 600 /large && touch -d 2001-01-01 /large && stat -c '%u %g %a %s' /large
            df -m / | tail -n 1 | awk '{print ($3 < 4)}'; tail -c 1 /large | od -An -tx1
            echo more >>/large; echo $?; mv /kept /moved && cat /moved/file && stat -c '%u %g %a' /moved
            """
        let result = try run(["--memory", "128M"], script)
        #expect(result.output == "5 6 600 115343360\n1\n 00\n1\nx\n7 8 750\n", "\(result.output) \(result.error)")
        #expect(result.error.contains("No space left"), "\(result.error)")
    }

    // MARK: images

    @Test func fileCapabilitiesHold() throws {
        #expect(try run(["-u", "user"], "/bin/capable listen").output == "done\n")
        #expect(try run(["-u", "user"], "/bin/probe listen").output == "Permission denied\n")
        // Copied up, changed by no one.
        #expect(try run([], "touch /bin/capable; exec su -s /bin/sh user -c '/bin/capable listen'").output == "done\n")
    }

    @Test func volumesOfAnImageAreMadeAndStayWritable() throws {
        let script = #"""
            set -e; mkdir -p $CZONE_ROOT.v; cd $CZONE_ROOT.v; mkdir -p made; layer=made/layer.tar; tar -C ${IMAGE#dir:} -cf $layer bin etc kept proc sys dev tmp
            diff=$(sha256sum $layer | cut -d' ' -f1)
            cat >made/config.json <<END
            {"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["sha256:$diff"]},
             "config":{"Cmd":["sh"],"Volumes":{"/kept":{},"/new/one/":{},"/proc/x":{},"relative":{},"/":{}}}}
            END
            echo '[{"Config":"config.json","RepoTags":null,"Layers":["layer.tar"]}]' >made/manifest.json
            tar -C made -cf volumes.tar config.json layer.tar manifest.json
            mkdir -p given; echo given >given/here
            czone run --rm --read-only ./volumes.tar sh -c '
                cat /kept/file; stat -c "%u %g %a" /kept /new/one; touch /kept/x /new/one/y && echo written; touch /z; true'
            czone run --rm --read-only -v ./given:/kept ./volumes.tar sh -c 'cat /kept/here; touch /new/one/y'
            """#
        let result = try host.shell(script)
        #expect(
            result.output == "x\n7 8 750\n0 0 755\nwritten\ngiven\n", "\(result.output) \(result.error)"
        )
        #expect(result.error.contains("/z: Read-only file system"), "\(result.error)")
    }

    // MARK: where things are mounted

    /// Links that lead to nothing are resolved beneath the container's root, and what they lead to is made there.
    @Test func aLinkThatLeadsNowhereIsAPlaceToMountOn() throws {
        let script = #"""
            echo zone >$CZONE_ROOT.tz; mkdir -p $CZONE_ROOT.d; echo in >$CZONE_ROOT.d/f
            czone run --rm -v $CZONE_ROOT.tz:/etc/localtime:ro -v $CZONE_ROOT.d:/etc/outwards/deep $IMAGE sh -c '
                cat /etc/localtime /usr/share/zoneinfo/Etc/UTC /outside/deep/f'
            czone run --rm -v $CZONE_ROOT.tz:/etc/loop $IMAGE true; echo $?
            """#
        let result = try host.shell(script)
        #expect(result.output == "zone\nzone\nin\n1\n", "\(result.error)")
        #expect(result.error.contains("Too many levels of symbolic links"), "\(result.error)")
        #expect(try FileSystem.status("/outside") == nil)
    }

    @Test func whatIsMountedInAVolumeComesAfterIt() throws {
        let script = #"""
            mkdir -p $CZONE_ROOT.o/sub $CZONE_ROOT.i; echo outer >$CZONE_ROOT.o/f; echo inner >$CZONE_ROOT.i/f
            czone run --rm -v $CZONE_ROOT.i:/data/sub -v $CZONE_ROOT.o:/data $IMAGE cat /data/f /data/sub/f
            """#
        let result = try host.shell(script)
        #expect(result.output == "outer\ninner\n", "\(result.error)")
    }
}
