import Definitions
import Testing

@testable import Events

@Suite struct FunctionDefinitionTests {
    private func error(_ yaml: String) -> String {
        do {
            _ = try FunctionDefinition(yaml: yaml, file: "f.yaml")
            return "none"
        } catch { return error.description }
    }

    @Test func everyFieldIsRead() throws {
        let yaml = """
            name: resize
            tenant: shop
            image: resize:3
            command: [python3, app.py]
            kind: http
            port: 9000
            memory: 256M
            cpus: 0.5
            concurrency: 4
            scale: {min: 1, max: 8, target: 0.5, window: 30s, panic: 3s, idle: 2m, pause: 500ms}
            timeout: 10s
            queue: 7
            retry: true
            warmStart: true
            environment: {LEVEL: info, A: "1"}
            volumes: ["/srv/data:/data:ro"]
            hosts: [Resize.Example.com]
            network: none
            fabric: store
            """
        let definition = try FunctionDefinition(yaml: yaml, file: "resize.yaml")
        #expect(definition.tenant == "shop" && definition.command == ["python3", "app.py"])
        #expect(definition.port == 9000 && definition.memoryInBytes == 256 << 20 && definition.milliCPUs == 500)
        #expect(definition.concurrency == 4 && definition.scale.min == 1 && definition.scale.max == 8)
        #expect(definition.scale.targetPercent == 50 && definition.scale.windowInMilliseconds == 30_000)
        #expect(definition.scale.idleInMilliseconds == 120_000 && definition.scale.pauseInMilliseconds == 500)
        #expect(definition.timeoutInMilliseconds == 10_000 && definition.queue == 7 && definition.retries)
        #expect(definition.warmStart && definition.environment == ["A=1", "LEVEL=info"])
        #expect(definition.fabric == "store")
        #expect(definition.volumes == ["/srv/data:/data:ro"] && definition.hosts == ["resize.example.com"])
    }

    @Test func whatIsNotSaidIsAsUsual() throws {
        let definition = try FunctionDefinition(yaml: "{name: a, image: b}", file: "a.yaml")
        #expect(definition == FunctionDefinition(name: "a", image: "b"))
    }

    @Test func aMistakeIsReportedByFileLineAndField() {
        #expect(
            error("name: a\nimage: b\nport: 70000")
                == "f.yaml:3: port is \"70000\": expected a number from 1 to 65535")
        #expect(error("name: a\nimage: b\nscale:\n  max: x").hasPrefix("f.yaml:4: scale.max is \"x\""))
        #expect(error("name: a\nimage: b\ncolour: red") == "f.yaml:3: colour is no field of a function's")
        #expect(error("image: b") == "f.yaml:1: name is missing")
        #expect(error("name: A b\nimage: c").hasPrefix("f.yaml:1: name is \"A b\""))
        #expect(error("name: [1]\nimage: c").hasPrefix("f.yaml:1: name is no value"))
        #expect(error("name: a\nimage: b\nscale: {min: 9, max: 2}").hasSuffix("min is 9, more than max, which is 2"))
        #expect(error("name: a\nimage: b\nkind: lambda\nconcurrency: 2").contains("concurrency is 2"))
        #expect(error("name: a\nimage: b\nvolumes: [data]").contains("\"data\": expected SRC:DST"))
        #expect(error("name: a\nname: b\nimage: c").contains("is no YAML"))
        #expect(error("a: [").hasPrefix("f.yaml:"))
        #expect(error("").contains("is empty"))
        #expect(error(String(repeating: "#", count: 70_000)).contains("at most 65536"))
    }

    @Test func handlersAreRead() throws {
        let yaml = """
            name: a
            image: b
            kind: handler
            handler: /app/a.js
            accelerate: on
            verify: 0.05
            fetch: ["http://store:8080", "https://api.example.com", "http://10.1.2.3"]
            """
        let definition = try FunctionDefinition(yaml: yaml, file: "a.yaml")
        #expect(definition.kind == .handler && definition.handler == "/app/a.js" && definition.acceleration == .on)
        #expect(
            definition.fetch.map { "\($0)" } == ["http://store:8080", "https://api.example.com", "http://10.1.2.3"])
        #expect(definition.verifiedPermille == 50)
    }

    @Test(arguments: [
        ("kind: handler", "f.yaml:1: handler is missing"),
        ("kind: handler\nhandler: a.js", "f.yaml:4: handler is \"a.js\": expected the absolute path"),
        ("accelerate: on", "f.yaml:3: accelerate is \"on\": expected off: only functions of the kind handler"),
        ("kind: lambda\nverify: 0.5", "f.yaml:4: verify is \"0.5\": expected 0"),
        ("kind: handler\nhandler: /a\naccelerate: yes", "f.yaml:5: accelerate is \"yes\": expected on, off or observe"),
        (
            "kind: handler\nhandler: /a\nwarmStart: true\naccelerate: on",
            "f.yaml:6: accelerate is \"on\": expected off: copies"
        ),
        ("kind: handler\nhandler: /a\nfetch: [store]", "f.yaml:1: fetch has \"store\""),
        (
            "kind: handler\nhandler: /a\nfetch: [\"http://127.0.0.1:80\"]",
            "f.yaml:1: fetch has \"http://127.0.0.1:80\": expected no"
        ),
        ("fetch: [\"http://store\"]", "f.yaml:1: fetch is of functions of the kind handler"),
    ])
    func mistakesOfHandlersAreReported(fields: String, what: String) {
        let found = error("name: a\nimage: b\n\(fields)")
        #expect(found.hasPrefix(what), "\(found)")
    }

    @Test func onlyWhatIsAboutContainersMakesNewOnes() throws {
        let one = FunctionDefinition(name: "a", image: "b")
        var other = one
        other.scale.max = 5
        other.timeoutInMilliseconds = 1
        #expect(one.hasSameContainers(as: other))
        other.environment = ["A=1"]
        #expect(!one.hasSameContainers(as: other))
    }
}
