import LinuxSystem
import TestSupport
import Testing

/// Pods' networks, from the host's bridge to a container's interface.
@Suite(.needsKVM, .serialized) struct NetworkTests {
    private let host: ContainerHost
    private let networks: PodNetworks

    init() throws {
        host = try ContainerHost()
        networks = try PodNetworks()
    }

    private var pods: [PodNetworks.Pod] { networks.pods }

    /// A web server in a pod; its container.
    private func serve(_ text: String, in pod: PodNetworks.Pod) throws -> String {
        let name = try host.runDetached(
            ["--network", pod.namespace], ["sh", "-c", "echo \(text) >/tmp/index.html; httpd -f -h /tmp"])
        #expect(try host.waits { try get(pod.ipv4) == text + "\n" })
        return name
    }

    private func get(_ address: String) throws -> String {
        try TestSupport.run("timeout", ["5", "busybox", "wget", "-q", "-O", "-", "http://\(address)/index.html"]).output
    }

    @Test func aContainerHasItsPodsInterface() throws {
        let show = "ip addr show eth0; ip route; ip -6 route; cat /sys/class/net/eth0/mtu"
        let result = try host.run(["--network", pods[0].namespace], ["sh", "-c", show])
        #expect(result.status == 0, "\(result.error)")
        for wanted in [
            pods[0].hardwareAddress, "inet \(pods[0].ipv4)/24", "inet6 \(pods[0].ipv6)/64", "default via 10.99.0.1",
            "default via fd99:1::1", "\n1500\n",
        ] { #expect(result.output.contains(wanted), "\(wanted) in \(result.output)") }
        #expect(try networks.leftovers(of: pods[0]) == "")
    }

    @Test func hostAndContainersReachEachOther() throws {
        _ = try serve("zone-two", in: pods[0])
        #expect(try get(pods[0].ipv4) == "zone-two\n")
        #expect(try get("[\(pods[0].ipv6)]") == "zone-two\n")
        let script = """
            for a in \(pods[0].ipv4) [\(pods[0].ipv6)]; do timeout 5 wget -q -O - http://$a/index.html; done
            ping -c 1 -W 5 10.99.0.1 && ping -c 1 -W 5 fd99:1::1 && ping -c 1 -W 5 \(pods[0].ipv4)
            """
        let client = try host.run(["--network", pods[1].namespace], ["sh", "-c", script])
        #expect(client.status == 0, "\(client.output)\(client.error)")
        #expect(client.output.hasPrefix("zone-two\nzone-two\n"), "\(client.output)")
        #expect(try host.machines().count == 1)
    }

    @Test func largeTransfersComeWhole() throws {
        let sum = "head -c 4000000 /dev/zero | md5sum"
        let expected = try TestSupport.run("bash", ["-c", sum]).output.prefix(32)
        let server = "head -c 4000000 /dev/zero >/tmp/big; echo ok >/tmp/index.html; httpd -f -h /tmp"
        _ = try host.runDetached(["--network", pods[0].namespace], ["sh", "-c", server])
        #expect(try host.waits { try get(pods[0].ipv4) == "ok\n" })
        let fetch = "timeout 20 wget -q -O - http://\(pods[0].ipv4)/big | md5sum"
        #expect(try host.shell(fetch.replacing("wget", with: "busybox wget")).output.prefix(32) == expected)
        let client = try host.run(["--network", pods[1].namespace], ["sh", "-c", fetch])
        #expect(client.output.prefix(32) == expected, "\(client.error)")
    }

    /// The guest lets go of what was sent, pages of files in the zone among it, though nothing is sent afterwards.
    @Test func whatAContainerSentLastDoesNotKeepItsZone() throws {
        let server = "head -c 4000000 /dev/zero >/tmp/big; echo ok >/tmp/index.html; httpd -f -h /tmp"
        let name = try host.runDetached(["--network", pods[0].namespace], ["sh", "-c", server])
        #expect(try host.waits { try get(pods[0].ipv4) == "ok\n" })
        let fetch = "timeout 20 busybox wget -q -O - http://\(pods[0].ipv4)/big | wc -c"
        #expect(try host.shell(fetch).output == "4000000\n")
        #expect(try host.czone(["rm", "-f", name]).status == 0)
        #expect(try host.waits { try host.machines().first?.zones.plugged == 0 })
        #expect(try host.machines().first?.zones.quarantined == 0)
    }

    /// The container's own root, and a program that watches and forges frames.
    private func installFrames() throws {
        let source = #filePath.replacing("IntegrationTests/Network/NetworkTests.swift", with: "Network/frames.c")
        let compiled = try TestSupport.run(
            "cc", ["-O1", "-static", "-o", "\(host.directory)/rootfs/bin/frames", source])
        try #require(compiled.status == 0, "\(compiled.error)")
    }

    @Test func aSiblingSeesNothingOfAnothersNetwork() throws {
        try installFrames()
        _ = try serve("secret", in: pods[0])
        // Both in one VM, on different bridges.
        let spy = try host.runDetached(["--network", pods[2].namespace], ["frames", "watch", "eth0"])
        #expect(try host.machines().count == 1)
        #expect(try host.waits { try host.czone(["logs", spy]).output.contains("watching") })
        let noise = """
            ip neigh flush all
            busybox arping -c 2 -I \(networks.bridge(0)) 10.99.0.77
            busybox arping -c 2 -I \(networks.bridge(1)) 10.99.1.77
            busybox ping -c 2 \(pods[0].ipv4); busybox ping -c 2 \(pods[2].ipv4)
            busybox wget -q -O - http://\(pods[0].ipv4)/index.html; true
            """
        _ = try host.shell(noise)
        let own = try TestSupport.run("cat", ["/sys/class/net/\(networks.bridge(1))/address"]).output.prefix(17)
        let others = try TestSupport.run("cat", ["/sys/class/net/\(networks.bridge(0))/address"]).output.prefix(17)
        #expect(try host.waits { try host.czone(["logs", spy]).output.contains("\(own) \(pods[2].hardwareAddress)") })
        let seen = try host.czone(["logs", spy]).output
        #expect(seen.contains("\(own) ff:ff:ff:ff:ff:ff 0806"), "\(seen)")
        #expect(!seen.contains(others) && !seen.contains(pods[0].hardwareAddress), "\(seen)")
    }

    @Test func aSiblingCannotSpeakForAnother() throws {
        try installFrames()
        _ = try serve("victim", in: pods[0])
        let everybody = "ff:ff:ff:ff:ff:ff"
        let spies = try (0...1).map {
            try Program("\(host.directory)/rootfs/bin/frames", ["watch", networks.bridge($0)])
        }
        // Its own frames pass; a sibling's address, a stranger's, and a tag in the frame do not make it another's.
        let script = """
            frames send eth0 \(pods[0].hardwareAddress) \(everybody) 88b5
            for v in 1 2 3 4; do frames send eth0 \(pods[0].hardwareAddress) \(everybody) 88b5 $v; done
            frames send eth0 02:00:00:00:00:99 \(everybody) 88b5
            for v in 1 2 3 4; do frames send eth0 \(pods[2].hardwareAddress) \(everybody) 88b6 $v; done
            frames send eth0 \(pods[2].hardwareAddress) \(everybody) 88b7
            """
        let forger = try host.run(["--network", pods[2].namespace], ["sh", "-c", script])
        #expect(forger.status == 0, "\(forger.error)")
        #expect(try host.machines().count == 1)
        let seen = try spies.map { spy in
            sendSignal(15, to: spy.processID)
            return try spy.result().output
        }
        #expect(seen[1].contains("\(pods[2].hardwareAddress) \(everybody) 88b7"), "\(seen[1])")
        #expect(seen.allSatisfy { !$0.contains("88b5") && !$0.contains("02:00:00:00:00:99") }, "\(seen)")
        #expect(!seen[0].contains(pods[2].hardwareAddress), "\(seen[0])")
    }

    @Test func nothingIsLeftHoweverItEnds() throws {
        let pod = pods[0]
        #expect(try host.run(["--network", pod.namespace], ["nosuchprogram"]).status == 127)
        #expect(try networks.leftovers(of: pod) == "")
        let name = try host.runDetached(["--network", pod.namespace], ["sleep", "1000"])
        let refused = try host.run(["--network", pod.namespace], ["true"])
        #expect(refused.status == 1)
        #expect(refused.error.contains("is another container's already"), "\(refused.error)")
        #expect(try host.czone(["exec", name, "ping", "-c", "1", "-W", "5", "10.99.0.1"]).status == 0)
        #expect(try host.czone(["rm", "-f", name]).status == 0)
        #expect(try networks.leftovers(of: pod) == "")
        #expect(try host.run(["--network", pod.namespace], ["ping", "-c", "1", "-W", "5", "10.99.0.1"]).status == 0)
        // A client that is killed, and a VM that is: the next one has the namespace all the same.
        let client = try host.start(["run", "--rm", "--network", pod.namespace, host.image, "sleep", "1000"])
        #expect(try host.waits { try networks.leftovers(of: pod).contains("czone") })
        sendSignal(9, to: client.processID)
        _ = try client.result()
        #expect(try host.waits { try !networks.leftovers(of: pod).contains("czone") })
        #expect(try host.run(["--network", pod.namespace], ["ping", "-c", "1", "-W", "5", "10.99.0.1"]).status == 0)
        #expect(try networks.leftovers(of: pod) == "")
    }

    @Test func badInputGetsOneClearLine() throws {
        for (network, wanted) in [
            ("ns:/run/netns/nosuch", "there is no network namespace \"/run/netns/nosuch\""),
            ("bridge", "--network \"bridge\": expected none, or ns: and a path"), ("ns:", "expected none, or ns:"),
            ("ns:/dev/null", "cannot enter a network namespace"),
            ("ns:/proc/self/ns/mnt", "cannot enter a network namespace"),
        ] {
            let result = try host.run(["--network", network], ["true"])
            #expect(result.status == 1 && result.error.contains(wanted), "\(network): \(result.error)")
            #expect(result.error.split(separator: "\n").count == 1)
        }
        #expect(try host.isClean())
    }
}
