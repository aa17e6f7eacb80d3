import ArgumentParser
import LinuxSystem
import Runtime

/// Prints one line that says what is wrong, and gives the exit code 1 to throw.
func failure(_ error: some CustomStringConvertible) -> ExitCode {
    printError("czone: \(error)")
    return ExitCode(1)
}

/// Runs what a command does; a failure becomes one line and the exit code 1.
func reportingFailures(_ body: () throws -> Void) throws {
    do { try body() } catch let code as ExitCode { throw code } catch let error as ValidationError { throw error } catch
    {
        throw failure("\(error)")
    }
}

/// Prints one line on standard error; nothing is to be done where even that fails.
func printError(_ line: String) { try? StandardStream.error.descriptor.write(all: Array((line + "\n").utf8)) }

/// Prints on standard output. A reader that has gone ends the command quietly.
func printOutput(_ text: String) { printOutput(Array((text + "\n").utf8)) }

func printOutput(_ bytes: [UInt8]) { try? StandardStream.output.descriptor.write(all: bytes) }
