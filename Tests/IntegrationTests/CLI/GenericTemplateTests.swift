import AgentProtocol
import LinuxSystem
import TestSupport
import Testing

/// VMs of images that nobody has seen before, restored from the template of every image.
@Suite(.needsKVM, .serialized) struct GenericTemplateTests {
    private let host: ContainerHost

    init() throws { host = try ContainerHost(templates: true, genericTemplate: true) }

    private func generic() throws -> ContainerHost.Template? {
        try host.templates().first { $0.image == "any image" }
    }

    /// An image of its own, of so many bytes more.
    private func makeImage(_ name: String, filler: Int) throws -> String {
        let script = """
            cp -a \(host.directory)/rootfs \(host.directory)/\(name)
            echo \(name) >\(host.directory)/\(name)/etc/name
            head -c \(filler) /dev/urandom >\(host.directory)/\(name)/filler
            sha256sum <\(host.directory)/\(name)/filler >\(host.directory)/\(name)/etc/sum
            """
        try #require(try host.shell(script).status == 0)
        return "dir:\(host.directory)/\(name)"
    }

    @Test func theFirstContainerOfAnImageNeverSeenIsRestored() throws {
        try #require(try host.run([], ["echo", "hello"]).output == "hello\n")
        try #require(try host.waits(atMost: 120) { try generic() != nil })
        #expect(try host.czone(["vm", "stop", "--all"]).status == 0)
        let read = "cat /etc/name; sha256sum </filler | cmp - /etc/sum && echo same"
        for (name, filler) in [("small", 1000), ("large", 70 << 20)] {
            let image = try makeImage(name, filler: filler)
            let begun = try host.czone(["run", "--detach", "--name", name, image, "sleep", "1000"])
            try #require(begun.status == 0 && begun.error.isEmpty, "\(begun.error)")
            #expect(try generic()?.inUse == true)
            #expect(try host.czone(["exec", name, "sh", "-c", read]).output == "\(name)\nsame\n")
            // What it reads of the image is known for that, and all else is its zone's.
            let placement = try host.placement(of: name)
            #expect(placement.outsideZone == 0 && placement.inZone > 0, "\(placement)")
            // A sibling finds the image there.
            let sibling = try host.czone(["run", "--rm", image, "sh", "-c", read])
            #expect(sibling.output == "\(name)\nsame\n", "\(sibling.error)")
            // The next VM of the image is restored from a template of its own.
            #expect(try host.waits(atMost: 120) { try host.templates().contains { $0.image == image } })
            #expect(try host.czone(["vm", "stop", "--all"]).status == 0)
        }
        #expect(try host.templates().count == 4)
    }

    @Test func anImageCannotBeWritten() throws {
        try #require(try host.run([], ["true"]).status == 0)
        try #require(try host.waits(atMost: 120) { try generic() != nil })
        let image = try makeImage("other", filler: 1000)
        let result = try host.czone(["run", "--rm", image, "sh", "-c", "echo x >/etc/name; cat /etc/name"])
        #expect(result.output == "x\n", "\(result.error)")
        #expect(try host.czone(["run", "--rm", image, "cat", "/etc/name"]).output == "other\n")
    }

    @Test func aDamagedOneIsReplacedByABoot() throws {
        try #require(try host.run([], ["true"]).status == 0)
        try #require(try host.waits(atMost: 120) { try generic() != nil })
        let id = try #require(try generic()).id
        let damage = """
            f=$(ls $CZONE_STORE/templates/\(id)*/state); chmod 644 $f
            printf x | dd of=$f bs=1 seek=5000 conv=notrunc 2>&1
            """
        try #require(try host.shell(damage).status == 0)
        let image = try makeImage("other", filler: 1000)
        let result = try host.czone(["run", "--rm", image, "cat", "/etc/name"])
        #expect(result.output == "other\n" && result.error.contains("booting a VM, as its template is no good"))
    }
}
