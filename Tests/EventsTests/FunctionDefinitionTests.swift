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
