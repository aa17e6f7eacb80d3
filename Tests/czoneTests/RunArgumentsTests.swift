import ArgumentParser
import Testing

@testable import Runtime
@testable import czone

/// As ArgumentParser reads them.
private func parsed(_ arguments: [String]) throws -> RunArguments {
    let command = try Czone.parseAsRoot(["run"] + arguments)
    return try #require(command as? RunCommand).arguments
}

@Test(arguments: [
    ["image"], ["image", "ls", "-l"], ["--rm", "image", "true"], ["-it", "image", "sh", "-c", "echo -e x"],
    ["-e", "A=1", "--env", "B=2", "--env=C=3", "image"], ["--memory", "256M", "image"],
    ["-m", "1G", "--cpus", "1.5", "image"],
    ["--cpus=.5", "image"], ["-d", "--name", "n", "--hostname=h", "-w", "/tmp", "-u", "1:2", "image"],
    [
        "--entrypoint", "/x", "--read-only", "--cap-add", "NET_ADMIN", "--cap-drop", "ALL", "--cap-drop", "KILL",
        "image",
    ],
    ["--pids-limit=-1", "image"], ["--pids-limit", "5", "-v", "/a:/b", "image"],
    ["--tenant", "t", "--function", "f", "image"],
    ["--root", "/r", "--store=/s", "--log-level", "debug", "--log-format=json", "image"], ["image", "--", "x"],
    ["--", "image", "x"],
    ["--env-file", "f", "image"], ["-i", "-t", "-d", "image", "--rm"], ["image", "--rm", "-it"],
    ["--entrypoint", "", "image"], ["--warm-start", "--warm-start-env", "A,B", "--warm-start-env=C", "image"],
])
func bothWaysOfReadingAgree(arguments: [String]) throws {
    let read = try #require(RunArguments(arguments))
    #expect(try read == parsed(arguments))
    #expect(read.options.image == "image")
}

@Test(arguments: [
    [], ["--rm"], ["--memory", "3Q", "image"], ["--bogus", "image"], ["-x", "image"], ["--cpus", "none", "image"],
    ["--name"],
    ["--help"], ["-h"], ["--version"], ["-e", "-d", "image"], ["--rm=yes", "image"], ["--log-level", "loud", "image"],
    ["--log-format", "xml", "image"],
    ["-ei", "A", "image"],
])
func whatIsNotPlainlyRightIsLeftToArgumentParser(arguments: [String]) {
    #expect(RunArguments(arguments) == nil)
}

@Test func globalOptionsMayStandBeforeTheCommand() {
    #expect(GlobalOptions.takingLeading(["--root", "/r", "run", "image"]) == ["run", "--root", "/r", "image"])
    #expect(
        GlobalOptions.takingLeading(["--root=/r", "vm", "list", "--json"]) == ["vm", "list", "--root=/r", "--json"])
    #expect(GlobalOptions.takingLeading(["--help"]) == ["--help"])
    #expect(GlobalOptions.takingLeading(["ps"]) == ["ps"])
}

@Test(
    arguments: [
        ("1", 1000), ("0.5", 500), (".25", 250), ("2.125", 2125), ("0", nil), ("0.001", nil), ("x", nil),
        ("1.2345", nil), ("-1", nil),
    ] as [(String, UInt64?)])
func numbersOfCPUsAreRead(text: String, thousandths: UInt64?) {
    #expect(CPUCount(argument: text)?.thousandths == thousandths)
}

@Test func signalsHaveNamesAndNumbers() {
    #expect(["TERM", "SIGTERM", "sigterm", "15"].map { SignalNumber(argument: $0)?.number } == [15, 15, 15, 15])
    #expect(["", "0", "65", "SIGNONE"].allSatisfy { SignalNumber(argument: $0) == nil })
}
