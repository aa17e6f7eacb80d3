import Glibc
import LinuxSystem
import OCI
import Testing

@testable import Runtime

/// `--env` and `--env-file` as docker reads them.
@Suite struct EnvironmentTests {
    private func words(_ text: [UInt8]) throws -> [String] {
        var words: [String] = []
        try Environment.read(text, from: "/file", into: &words)
        return words
    }

    @Test func linesAreReadAsDockerReadsThem() throws {
        let file =
            "\u{FEFF}  A=1\r\n\t# note\n # note\n\n   \nB= x \t\nC=a=b#c\n\tD=\nPATH  \nNOT_SET_ANYWHERE\n"
            + "E=\"q\""
        let path = try #require(CurrentProcess.environment("PATH"))
        #expect(try words(Array(file.utf8)) == ["A=1", "B= x \t", "C=a=b#c", "D=", "PATH=\(path)", "E=\"q\""])
    }

    @Test func bytesOfAnotherEncodingStay() throws {
        let words = try words(Array("X=caf".utf8) + [0xE9, 0x0A])
        #expect([UInt8](unescaping: words[0]) == Array("X=caf".utf8) + [0xE9])
    }

    @Test(arguments: ["=1", "A B=1", " A B", "A =1"]) func whatIsNoSettingIsNamedByItsLine(_ line: String) {
        let error = #expect(throws: RuntimeError.self) { try words(Array("OK=1\n\(line)\n".utf8)) }
        #expect(error?.description.contains("/file:2") == true, "\(String(describing: error))")
    }

    @Test func aNameAloneTakesThisCommandsValueOrTheVariableAway() throws {
        var options = RunOptions()
        options.environment = ["PATH", "NOT_SET_ANYWHERE", "A B=1"]
        let words = try Environment.words(of: options)
        #expect(words.count == 3 && words[0].hasPrefix("PATH="))
        #expect(words.dropFirst() == ["NOT_SET_ANYWHERE", "A B=1"])
        #expect(RuntimeSpec.merge(["A=1", "B=2"], with: ["A"]) == ["B=2"])
        #expect(RuntimeSpec.merge(["A=1", "B=2"], with: ["C=3", "A=4"]) == ["A=4", "B=2", "C=3"])
        #expect(RuntimeSpec.merge(["A=1"], with: ["A", "A=2"]) == ["A=2"])
        #expect(RuntimeSpec.merge(["\u{E9}=1"], with: ["e\u{301}=2"]).count == 2, "other bytes, another variable")
        options.environment = ["=1"]
        #expect(throws: RuntimeError.self) { try Environment.words(of: options) }
    }
}
