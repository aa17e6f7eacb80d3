import Glibc
import LinuxSystem
import Testing

@testable import OCI

struct CommandTests {
    private func run(_ program: String, _ arguments: [String], while mayGoOn: () -> Bool) throws -> Command.Outcome {
        try Command(program: program, arguments: arguments)
            .run(inheriting: OwnedDescriptor(opening: "/dev/null", flags: O_RDONLY), while: mayGoOn)
    }

    @Test func oneThatMayNotGoOnIsKilled() throws {
        var asked = 0
        let outcome = try run("sleep", ["1000"]) {
            asked += 1
            return asked < 3
        }
        #expect(asked == 3)
        #expect(outcome.status == 128 + SIGKILL)
    }

    @Test func itsStatusAndTheEndOfItsMessageAreReported() throws {
        let outcome = try run("sh", ["-c", "echo reason >&2; exit 3"]) { true }
        #expect(outcome.status == 3)
        #expect(outcome.message == "reason\n")
    }

    @Test func oneThatIsMissingIsNamed() throws {
        #expect(throws: OCIError.self) { try run("czone-no-such-program", []) { true } }
    }
}
